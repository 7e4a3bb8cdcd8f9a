"""Roles and the policies inside them."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    changes,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Joined, Pairs

ROLE: Final = ResourceType(
    token="aws:iam/role:Role",
    service="iam",
    create=Call(
        operation="create_role",
        parameters={
            "RoleName": "$name",
            "AssumeRolePolicyDocument": "$assumeRolePolicy",
            "Description": "$description",
            "Tags": Pairs(of="$tags"),
        },
    ),
    id="$name",
    identity=("name",),
    updates=(
        changes(
            ("assumeRolePolicy",),
            "update_assume_role_policy",
            RoleName="$name",
            PolicyDocument="$assumeRolePolicy",
        ),
        changes(("description",), "update_role", RoleName="$name", Description="$description"),
        tag_updates({"RoleName": "$name"}, operations=("tag_role", "untag_role")),
    ),
    read=reads("get_role", RoleName="$name"),
    outputs={"arn": "$read.Role.Arn", "name": "$read.Role.RoleName"},
    delete=deletes("delete_role", RoleName="$name"),
    exists=("EntityAlreadyExists",),
    gone=("NoSuchEntity",),
)

_PUT_POLICY: Final = Call(
    operation="put_role_policy",
    parameters={"RoleName": "$role", "PolicyName": "$name", "PolicyDocument": "$policy"},
)

ROLE_POLICY: Final = ResourceType(
    token="aws:iam/rolePolicy:RolePolicy",
    service="iam",
    create=_PUT_POLICY,
    id=Joined(parts=("$role", ":", "$name")),
    identity=("role", "name"),
    updates=(Update(properties=("policy",), calls=(_PUT_POLICY,)),),
    outputs={"name": "$name", "role": "$role"},
    delete=deletes("delete_role_policy", RoleName="$role", PolicyName="$name"),
    gone=("NoSuchEntity",),
)

SERVICE_LINKED_ROLE: Final = ResourceType(
    token="aws:iam/serviceLinkedRole:ServiceLinkedRole",
    service="iam",
    create=Call(
        operation="create_service_linked_role",
        parameters={
            "AWSServiceName": "$awsServiceName",
            "CustomSuffix": "$customSuffix",
            "Description": "$description",
        },
        into="create",
    ),
    id="$create.Role.RoleName",
    replaces=("awsServiceName", "customSuffix", "description"),
    ignored=("tags",),
    read=reads("get_role", RoleName="$id"),
    outputs={"arn": "$read.Role.Arn", "name": "$read.Role.RoleName"},
    delete=deletes("delete_service_linked_role", RoleName="$id"),
    gone=("NoSuchEntity",),
)

TYPES: Final = (ROLE, ROLE_POLICY, SERVICE_LINKED_ROLE)

"""Roles and the policies inside them."""

from typing import Final

from infra.local.provider.resource_type import Call, ResourceType, Update, tag_updates
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
        Update(
            properties=("assumeRolePolicy",),
            calls=(
                Call(
                    operation="update_assume_role_policy",
                    parameters={"RoleName": "$name", "PolicyDocument": "$assumeRolePolicy"},
                ),
            ),
        ),
        Update(
            properties=("description",),
            calls=(
                Call(
                    operation="update_role",
                    parameters={"RoleName": "$name", "Description": "$description"},
                ),
            ),
        ),
        tag_updates({"RoleName": "$name"}, operations=("tag_role", "untag_role")),
    ),
    read=(Call(operation="get_role", parameters={"RoleName": "$name"}, into="read"),),
    outputs={"arn": "$read.Role.Arn", "name": "$read.Role.RoleName"},
    delete=(Call(operation="delete_role", parameters={"RoleName": "$name"}),),
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
    delete=(
        Call(
            operation="delete_role_policy",
            parameters={"RoleName": "$role", "PolicyName": "$name"},
        ),
    ),
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
    read=(Call(operation="get_role", parameters={"RoleName": "$id"}, into="read"),),
    outputs={"arn": "$read.Role.Arn", "name": "$read.Role.RoleName"},
    delete=(Call(operation="delete_service_linked_role", parameters={"RoleName": "$id"}),),
    gone=("NoSuchEntity",),
)

TYPES: Final = (ROLE, ROLE_POLICY, SERVICE_LINKED_ROLE)

"""Keys and their aliases."""

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
from infra.local.provider.template import Pairs

KEY: Final = ResourceType(
    token="aws:kms/key:Key",
    service="kms",
    create=Call(
        operation="create_key",
        parameters={
            "Description": "$description",
            "Policy": "$policy",
            "Tags": Pairs(of="$tags", key="TagKey", value="TagValue"),
        },
        into="create",
    ),
    id="$create.KeyMetadata.KeyId",
    ignored=("deletionWindowInDays",),
    updates=(
        Update(
            properties=("enableKeyRotation", "rotationPeriodInDays"),
            calls=(
                Call(
                    operation="enable_key_rotation",
                    parameters={"KeyId": "$id", "RotationPeriodInDays": "$rotationPeriodInDays"},
                    when=("$enableKeyRotation", True),
                ),
                Call(
                    operation="disable_key_rotation",
                    parameters={"KeyId": "$id"},
                    when=("$enableKeyRotation", False),
                ),
            ),
            on_create=True,
        ),
        changes(
            ("description",), "update_key_description", KeyId="$id", Description="$description"
        ),
        changes(("policy",), "put_key_policy", KeyId="$id", PolicyName="default", Policy="$policy"),
        tag_updates({"KeyId": "$id"}, tags=Pairs(of="$tags", key="TagKey", value="TagValue")),
    ),
    read=reads("describe_key", KeyId="$id"),
    outputs={"arn": "$read.KeyMetadata.Arn", "keyId": "$read.KeyMetadata.KeyId"},
    delete=deletes(
        "schedule_key_deletion", KeyId="$id", PendingWindowInDays="$deletionWindowInDays"
    ),
    gone=("NotFoundException", "KMSInvalidStateException"),
)

ALIAS: Final = ResourceType(
    token="aws:kms/alias:Alias",
    service="kms",
    create=Call(
        operation="create_alias",
        parameters={"AliasName": "$name", "TargetKeyId": "$targetKeyId"},
    ),
    id="$name",
    identity=("name",),
    updates=(
        changes(("targetKeyId",), "update_alias", AliasName="$name", TargetKeyId="$targetKeyId"),
    ),
    outputs={"name": "$name"},
    delete=deletes("delete_alias", AliasName="$name"),
    exists=("AlreadyExistsException",),
    gone=("NotFoundException",),
)

GRANT: Final = ResourceType(
    token="aws:kms/grant:Grant",
    service="kms",
    create=Call(
        operation="create_grant",
        parameters={
            "Name": "$name",
            "KeyId": "$keyId",
            "GranteePrincipal": "$granteePrincipal",
            "Operations": "$operations",
        },
        into="create",
    ),
    id="$create.GrantId",
    replaces=("name", "keyId", "granteePrincipal", "operations"),
    outputs={"grantId": "$id"},
    delete=deletes("revoke_grant", KeyId="$keyId", GrantId="$id"),
    gone=("NotFoundException",),
)

TYPES: Final = (KEY, ALIAS, GRANT)

"""Keys and their aliases."""

from typing import Final

from infra.local.provider.resource_type import Call, ResourceType, Update, tag_updates
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
        Update(
            properties=("description",),
            calls=(
                Call(
                    operation="update_key_description",
                    parameters={"KeyId": "$id", "Description": "$description"},
                ),
            ),
        ),
        Update(
            properties=("policy",),
            calls=(
                Call(
                    operation="put_key_policy",
                    parameters={"KeyId": "$id", "PolicyName": "default", "Policy": "$policy"},
                ),
            ),
        ),
        tag_updates({"KeyId": "$id"}, tags=Pairs(of="$tags", key="TagKey", value="TagValue")),
    ),
    read=(Call(operation="describe_key", parameters={"KeyId": "$id"}, into="read"),),
    outputs={"arn": "$read.KeyMetadata.Arn", "keyId": "$read.KeyMetadata.KeyId"},
    delete=(
        Call(
            operation="schedule_key_deletion",
            parameters={"KeyId": "$id", "PendingWindowInDays": "$deletionWindowInDays"},
        ),
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
        Update(
            properties=("targetKeyId",),
            calls=(
                Call(
                    operation="update_alias",
                    parameters={"AliasName": "$name", "TargetKeyId": "$targetKeyId"},
                ),
            ),
        ),
    ),
    outputs={"name": "$name"},
    delete=(Call(operation="delete_alias", parameters={"AliasName": "$name"}),),
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
    delete=(Call(operation="revoke_grant", parameters={"KeyId": "$keyId", "GrantId": "$id"}),),
    gone=("NotFoundException",),
)

TYPES: Final = (KEY, ALIAS, GRANT)

"""Tables."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    Wait,
    reads,
    sets,
    tag_updates,
)
from infra.local.provider.template import Choice, Each, Given, Pairs

_ACTIVE: Final = Wait(waiter="table_exists", parameters={"TableName": "$name"})
_ENCRYPTION: Final = {
    "Enabled": "$serverSideEncryption.enabled",
    "SSEType": Choice(of="$serverSideEncryption.enabled", true="KMS", false="AES256"),
    "KMSMasterKeyId": "$serverSideEncryption.kmsKeyArn",
}

TABLE: Final = ResourceType(
    token="aws:dynamodb/table:Table",
    service="dynamodb",
    create=Call(
        operation="create_table",
        parameters={
            "TableName": "$name",
            "BillingMode": "$billingMode",
            "AttributeDefinitions": Each(
                of="$attributes",
                to={"AttributeName": "$item.name", "AttributeType": "$item.type"},
            ),
            "KeySchema": [
                {"AttributeName": "$hashKey", "KeyType": "HASH"},
                Given(of="$rangeKey", then={"AttributeName": "$rangeKey", "KeyType": "RANGE"}),
            ],
            "SSESpecification": _ENCRYPTION,
            "DeletionProtectionEnabled": "$deletionProtectionEnabled",
            "Tags": Pairs(of="$tags"),
        },
        wait=_ACTIVE,
    ),
    id="$name",
    identity=("name",),
    replaces=("hashKey", "rangeKey", "attributes"),
    updates=(
        sets(
            ("ttl",),
            "update_time_to_live",
            TableName="$name",
            TimeToLiveSpecification={
                "Enabled": "$ttl.enabled",
                "AttributeName": "$ttl.attributeName",
            },
        ),
        sets(
            ("pointInTimeRecovery",),
            "update_continuous_backups",
            TableName="$name",
            PointInTimeRecoverySpecification={
                "PointInTimeRecoveryEnabled": "$pointInTimeRecovery.enabled",
                "RecoveryPeriodInDays": "$pointInTimeRecovery.recoveryPeriodInDays",
            },
        ),
        Update(
            properties=("billingMode", "serverSideEncryption", "deletionProtectionEnabled"),
            calls=(
                Call(
                    operation="update_table",
                    parameters={
                        "TableName": "$name",
                        "BillingMode": "$billingMode",
                        "SSESpecification": _ENCRYPTION,
                        "DeletionProtectionEnabled": "$deletionProtectionEnabled",
                    },
                    wait=_ACTIVE,
                ),
            ),
        ),
        tag_updates({"ResourceArn": "$out.arn"}),
    ),
    read=reads("describe_table", TableName="$name"),
    outputs={"arn": "$read.Table.TableArn", "name": "$read.Table.TableName"},
    told={
        "billingMode": "$read.Table.BillingModeSummary.BillingMode",
        "deletionProtectionEnabled": "$read.Table.DeletionProtectionEnabled",
    },
    delete=(
        Call(
            operation="update_table",
            parameters={"TableName": "$name", "DeletionProtectionEnabled": False},
            when=("$forced", True),
            wait=_ACTIVE,
        ),
        Call(
            operation="delete_table",
            parameters={"TableName": "$name"},
            wait=Wait(waiter="table_not_exists", parameters={"TableName": "$name"}),
        ),
    ),
    exists=("ResourceInUseException",),
    gone=("ResourceNotFoundException",),
)

TYPES: Final = (TABLE,)

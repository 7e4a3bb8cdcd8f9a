"""Log groups."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    deletes,
    reads,
    sets,
    tag_updates,
)

LOG_GROUP: Final = ResourceType(
    token="aws:cloudwatch/logGroup:LogGroup",
    service="logs",
    create=Call(
        operation="create_log_group",
        parameters={"logGroupName": "$name", "kmsKeyId": "$kmsKeyId", "tags": "$tags"},
    ),
    id="$name",
    identity=("name",),
    updates=(
        sets(
            ("retentionInDays",),
            "put_retention_policy",
            logGroupName="$name",
            retentionInDays="$retentionInDays",
        ),
        Update(
            properties=("kmsKeyId",),
            calls=(
                Call(
                    operation="associate_kms_key",
                    parameters={"logGroupName": "$name", "kmsKeyId": "$kmsKeyId"},
                    needs=("$kmsKeyId",),
                ),
            ),
        ),
        tag_updates({"resourceArn": "$out.arn"}, tags="$tags", members=("tags", "tagKeys")),
    ),
    read=reads("describe_log_groups", logGroupNamePrefix="$name"),
    outputs={"arn": "$read.logGroups.0.arn", "name": "$name"},
    told={"retentionInDays": "$read.logGroups.0.retentionInDays"},
    delete=deletes("delete_log_group", logGroupName="$name"),
    exists=("ResourceAlreadyExistsException",),
    gone=("ResourceNotFoundException",),
)

TYPES: Final = (LOG_GROUP,)

"""Log groups."""

from typing import Final

from infra.local.provider.resource_type import Call, ResourceType, Update, tag_updates

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
        Update(
            properties=("retentionInDays",),
            calls=(
                Call(
                    operation="put_retention_policy",
                    parameters={"logGroupName": "$name", "retentionInDays": "$retentionInDays"},
                ),
            ),
            on_create=True,
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
    read=(
        Call(
            operation="describe_log_groups",
            parameters={"logGroupNamePrefix": "$name"},
            into="read",
        ),
    ),
    outputs={"arn": "$read.logGroups.0.arn", "name": "$name"},
    told={"retentionInDays": "$read.logGroups.0.retentionInDays"},
    delete=(Call(operation="delete_log_group", parameters={"logGroupName": "$name"}),),
    exists=("ResourceAlreadyExistsException",),
    gone=("ResourceNotFoundException",),
)

TYPES: Final = (LOG_GROUP,)

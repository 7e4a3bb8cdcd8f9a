"""Data streams."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    Wait,
    reads,
    tag_updates,
)

_ACTIVE: Final = Wait(waiter="stream_exists", parameters={"StreamName": "$name"})

STREAM: Final = ResourceType(
    token="aws:kinesis/stream:Stream",
    service="kinesis",
    create=Call(
        operation="create_stream",
        parameters={
            "StreamName": "$name",
            "ShardCount": "$shardCount",
            "StreamModeDetails": {"StreamMode": "$streamModeDetails.streamMode"},
            "Tags": "$tags",
        },
        wait=_ACTIVE,
    ),
    id="$name",
    identity=("name",),
    # A consumer registered by somebody else does not keep the embedded stream alive.
    ignored=("enforceConsumerDeletion",),
    updates=(
        # One update: a stream on demand has no shard count of ours any more.
        Update(
            properties=("streamModeDetails", "shardCount"),
            calls=(
                Call(
                    operation="update_stream_mode",
                    parameters={
                        "StreamARN": "$out.arn",
                        "StreamModeDetails": {"StreamMode": "$streamModeDetails.streamMode"},
                    },
                    needs=("$changed.streamModeDetails",),
                    wait=_ACTIVE,
                ),
                Call(
                    operation="update_shard_count",
                    parameters={
                        "StreamName": "$name",
                        "TargetShardCount": "$shardCount",
                        "ScalingType": "UNIFORM_SCALING",
                    },
                    needs=("$changed.shardCount", "$shardCount"),
                    wait=_ACTIVE,
                ),
            ),
        ),
        Update(
            properties=("retentionPeriod",),
            calls=(
                Call(
                    operation="increase_stream_retention_period",
                    parameters={"StreamName": "$name", "RetentionPeriodHours": "$retentionPeriod"},
                    grows="retentionPeriod",
                    wait=_ACTIVE,
                ),
                Call(
                    operation="decrease_stream_retention_period",
                    parameters={"StreamName": "$name", "RetentionPeriodHours": "$retentionPeriod"},
                    shrinks="retentionPeriod",
                    wait=_ACTIVE,
                ),
            ),
            on_create=True,
        ),
        Update(
            properties=("encryptionType", "kmsKeyId"),
            calls=(
                Call(
                    operation="start_stream_encryption",
                    parameters={
                        "StreamName": "$name",
                        "EncryptionType": "$encryptionType",
                        "KeyId": "$kmsKeyId",
                    },
                    when=("$encryptionType", "KMS"),
                    wait=_ACTIVE,
                ),
                Call(
                    operation="stop_stream_encryption",
                    parameters={
                        "StreamName": "$name",
                        "EncryptionType": "KMS",
                        "KeyId": "$old.kmsKeyId",
                    },
                    when=("$encryptionType", "NONE"),
                    needs=("$old.kmsKeyId",),
                    wait=_ACTIVE,
                ),
            ),
            on_create=True,
        ),
        tag_updates(
            {"StreamName": "$name"},
            tags="$tags",
            operations=("add_tags_to_stream", "remove_tags_from_stream"),
        ),
    ),
    read=reads("describe_stream_summary", StreamName="$name"),
    outputs={
        "arn": "$read.StreamDescriptionSummary.StreamARN",
        "name": "$read.StreamDescriptionSummary.StreamName",
    },
    told={
        "shardCount": "$read.StreamDescriptionSummary.OpenShardCount",
        "retentionPeriod": "$read.StreamDescriptionSummary.RetentionPeriodHours",
        "encryptionType": "$read.StreamDescriptionSummary.EncryptionType",
        "streamModeDetails": {
            "streamMode": "$read.StreamDescriptionSummary.StreamModeDetails.StreamMode"
        },
    },
    delete=(
        Call(
            operation="delete_stream",
            parameters={"StreamName": "$name", "EnforceConsumerDeletion": True},
            wait=Wait(waiter="stream_not_exists", parameters={"StreamName": "$name"}),
        ),
    ),
    exists=("ResourceInUseException",),
    gone=("ResourceNotFoundException",),
)

TYPES: Final = (STREAM,)

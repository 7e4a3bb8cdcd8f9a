"""The event stream on Kinesis."""

from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_aws as aws

from infra.widget import Panel, Widget, aws_series, own_series
from pipeline import metrics

PANEL: Final = Panel(
    title="Stream",
    widgets=(
        Widget(
            title="Records in",
            lines=aws_series("AWS/Kinesis", "stream", "Sum", "IncomingRecords"),
        ),
        Widget(
            title="Bytes in",
            lines=aws_series("AWS/Kinesis", "stream", "Sum", "IncomingBytes"),
        ),
        Widget(
            title="Age of unread records (ms)",
            lines=aws_series(
                "AWS/Kinesis", "stream", "Maximum", "GetRecords.IteratorAgeMilliseconds"
            ),
        ),
        Widget(
            title="Refused by a shard's limits",
            lines=(
                *aws_series(
                    "AWS/Kinesis",
                    "stream",
                    "Sum",
                    "WriteProvisionedThroughputExceeded",
                    "ReadProvisionedThroughputExceeded",
                ),
                *own_series("Sum", metrics.PRODUCER_THROTTLED),
            ),
        ),
        Widget(
            title="Producers' buffers (bytes)",
            lines=own_series("Maximum", metrics.PRODUCER_BUFFER),
        ),
    ),
)
"""What comes in, what is refused, and how long it waits to be read."""


@dataclass(frozen=True, kw_only=True)
class KinesisStreamArgs:
    """What a stream is made from."""

    stream: str
    mode: Literal["provisioned", "on_demand"]
    shard_count: int
    """Shards of a provisioned stream; an on-demand one has none to set."""
    retention_hours: int
    key_arn: pulumi.Input[str]
    scaled: bool = False
    """Whether a scaler of the stack changes the shards: then their number is only the first one."""
    retain: bool
    """Whether the stream refuses to be destroyed."""


class KinesisStream(pulumi.ComponentResource):
    """One encrypted stream, its shards fixed or growing on demand."""

    stream_name: pulumi.Output[str]
    stream_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: KinesisStreamArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the stream."""
        super().__init__("sluice:stream:KinesisStream", name, None, opts)
        provisioned = args.mode == "provisioned"
        stream = aws.kinesis.Stream(
            name,
            name=args.stream,
            shard_count=args.shard_count if provisioned else None,
            stream_mode_details={"stream_mode": args.mode.upper()},
            retention_period=args.retention_hours,
            encryption_type="KMS",
            kms_key_id=args.key_arn,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.retain,
                ignore_changes=["shard_count"] if args.scaled else None,
            ),
        )
        self.stream_name = stream.name
        self.stream_arn = stream.arn
        self.register_outputs({"stream_name": self.stream_name, "stream_arn": self.stream_arn})

"""The event stream on Kinesis."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class KinesisStreamArgs:
    """What a stream is made from."""

    stream: str
    mode: Literal["provisioned", "on_demand"]
    shard_count: int
    """Shards of a provisioned stream; an on-demand one has none to set."""
    retention_hours: int
    key_arn: pulumi.Input[str]
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
            opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
        )
        self.stream_name = stream.name
        self.stream_arn = stream.arn
        self.register_outputs({"stream_name": self.stream_name, "stream_arn": self.stream_arn})

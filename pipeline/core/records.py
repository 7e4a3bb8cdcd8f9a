"""What a stream hands over: positions, shards and raw records."""

from dataclasses import dataclass
from typing import NewType

Position = NewType("Position", int)
"""Where a record stands in its shard: a Kinesis sequence number, a Kafka offset, or a packed Pulsar
MessageId. Compares within one shard only (protocol.md, T27); positions need not be dense."""

ShardId = NewType("ShardId", str)
"""A Kinesis shard, or a Pulsar or Kafka partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One whole stream record, with every event that its producer aggregated into it.

    `arrival_ms` is the time at which the stream took it, in milliseconds since the epoch: the only
    clock of the dedupe window (T26). `data` is what the stream stored, neither decoded nor checked.
    """

    position: Position
    partition_key: str
    arrival_ms: int
    data: bytes

"""What a stack decides about its stream."""

from typing import Literal

from pydantic import BaseModel, Field


class StreamSettings(BaseModel):
    """The stream: what it is, how it grows, and how long it keeps records."""

    stream: Literal["kinesis", "pulsar", "kafka"] = Field(
        "kinesis",
        description="What carries the events: functions take them from Kinesis, "
        "long-running workers from the others.",
    )
    stream_mode: Literal["provisioned", "on_demand"] = Field(
        "provisioned", description="Whether a Kinesis stream has a fixed number of shards or grows."
    )
    shard_count: int = Field(
        1, ge=1, le=500, description="Shards of a provisioned Kinesis stream; one takes 1 MB/s."
    )
    partition_count: int = Field(
        6, ge=1, le=1_000, description="Partitions of a topic; they can only become more."
    )
    retention_hours: int = Field(
        24, ge=24, le=8760, description="How long the stream keeps records."
    )
    service_url: str | None = Field(
        None,
        min_length=1,
        description="Where a given broker is: Kafka's bootstrap servers, or Pulsar's service URL.",
    )
    broker_count: int | None = Field(
        None,
        ge=1,
        description="Brokers that a given cluster should have: fewer are told of. A local stack's "
        "own Kafka has 1, or 3 of which one may be away.",
    )

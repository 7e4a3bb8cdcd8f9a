"""What a stack decides about its stream."""

from typing import Literal

from pydantic import BaseModel, Field


class StreamSettings(BaseModel):
    """The stream: how it grows, and how long it keeps records."""

    stream_mode: Literal["provisioned", "on_demand"] = Field(
        "provisioned", description="Whether the stream has a fixed number of shards or grows."
    )
    shard_count: int = Field(
        1, ge=1, le=500, description="Shards of a provisioned stream; one takes 1 MB/s."
    )
    retention_hours: int = Field(
        24, ge=24, le=8760, description="How long the stream keeps records."
    )

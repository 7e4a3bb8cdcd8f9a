"""What a Kafka topic should be where its workers have to make it; pure."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field


class WantedTopic(BaseModel):
    """A topic's partitions and properties, which it gets from the first worker that starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partitions: int = Field(ge=1)
    properties: Mapping[str, str]
    """In Kafka's own words (Kafka documentation, "Topic Configs")."""

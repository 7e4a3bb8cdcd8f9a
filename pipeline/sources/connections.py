"""How a stream is reached: one value a broker, shared by workers, producers and load tests."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class KinesisConnection(BaseModel):
    """A Kinesis stream of the account that the process acts for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["kinesis"] = "kinesis"
    stream: str = Field(min_length=1)


class KafkaConnection(BaseModel):
    """A Kafka topic; `security` iam is MSK's, signed for `region` by the process's own role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["kafka"] = "kafka"
    bootstrap_servers: str = Field(pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$")
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")
    group: str = Field(default="sluice", min_length=1)
    security: Literal["plaintext", "tls", "iam"] = "plaintext"
    ca_file: Path | None = None
    """Whose certificates are trusted; None: the system's."""
    region: str | None = None


class PulsarConnection(BaseModel):
    """A partitioned Pulsar topic; TLS where the URL says `pulsar+ssl`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pulsar"] = "pulsar"
    service_url: str = Field(pattern=r"^pulsar(\+ssl)?://[^\s]+$")
    topic: str = Field(pattern=r"^persistent://[^/\s]+/[^/\s]+/[^/\s]+$")
    subscription: str = Field(default="sluice", min_length=1)
    ca_file: Path | None = None
    """Whose certificates are trusted; None: the system's."""
    token_file: Path | None = None
    """Read anew whenever the broker asks, so that a token may be replaced under way."""


Connection = Annotated[
    KinesisConnection | KafkaConnection | PulsarConnection, Field(discriminator="kind")
]

"""How a stream is reached: one value a broker, shared by workers, producers and load tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class KinesisConnection(BaseModel):
    """A Kinesis stream of the account that the process acts for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["kinesis"] = "kinesis"
    stream: str = Field(min_length=1)

    @property
    def name(self) -> str:
        """Return what metrics and reports call the stream."""
        return self.stream


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

    @property
    def name(self) -> str:
        """Return what metrics and reports call the topic, and its shards begin with."""
        return self.topic


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

    @property
    def name(self) -> str:
        """Return what metrics and reports call the topic, and its shards begin with."""
        return self.topic.rpartition("/")[2]


Connection = Annotated[
    KinesisConnection | KafkaConnection | PulsarConnection, Field(discriminator="kind")
]

_CONNECTION: Final = TypeAdapter[Connection](Connection)


def connection_of(outputs: Mapping[str, Any]) -> Connection:
    """Return how a deployed stack's stream is reached: its output `connection`, or its stream."""
    given = outputs.get("connection") or {"kind": "kinesis", "stream": outputs["stream_name"]}
    return _CONNECTION.validate_python(given)

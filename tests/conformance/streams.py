"""The streams under test, each made for one test, and what a person may do to them meanwhile."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from infra.local.brokers.kafka import LocalKafka
from infra.local.brokers.pulsar import LocalPulsar
from infra.local.front.control import Front
from infra.local.front.faults import Fault
from pipeline.sources.connections import (
    Connection,
    KafkaConnection,
    KinesisConnection,
    PulsarConnection,
)
from tests.waiting import until


class StreamUnderTest(Protocol):
    """A stream of four partitions that a conformance test has to itself."""

    @property
    def connection(self) -> Connection:
        """How workers and producers reach it."""
        ...

    def grow(self) -> None:
        """Add partitions, as many again."""
        ...

    def outage(self) -> None:
        """Let it be gone for some seconds, as by a crash, and be there again."""
        ...

    def rewind(self) -> None:
        """Let what the broker remembers of acknowledgements go back to the start.

        Where it keeps none there is nothing to do.
        """
        ...


PARTITIONS = 4
OUTAGE_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class KinesisUnderTest:
    """A stream of the embedded AWS."""

    client: Any
    front: Front
    name: str

    def __post_init__(self) -> None:
        self.client.create_stream(StreamName=self.name, ShardCount=PARTITIONS)
        self._until_active()

    def _until_active(self) -> None:
        until(
            lambda: (
                self.client.describe_stream_summary(StreamName=self.name)[
                    "StreamDescriptionSummary"
                ]["StreamStatus"]
                == "ACTIVE"
            )
        )

    @property
    def connection(self) -> Connection:
        return KinesisConnection(stream=self.name)

    def grow(self) -> None:
        self.client.update_shard_count(
            StreamName=self.name, TargetShardCount=2 * PARTITIONS, ScalingType="UNIFORM_SCALING"
        )
        self._until_active()

    def outage(self) -> None:
        self.front.inject([Fault(service="kinesis", kind="reset")])
        threading.Event().wait(OUTAGE_SECONDS)
        self.front.clear()

    def rewind(self) -> None:
        """Do nothing: only the ledger remembers."""


@dataclass(frozen=True, kw_only=True)
class TopicUnderTest:
    """A topic of a real broker."""

    broker: Any
    name: str
    token_file: Path | None = None
    """Where the broker asks for a token: the file that holds it."""

    def __post_init__(self) -> None:
        self.broker.create_topic(self.name, PARTITIONS)

    def grow(self) -> None:
        self.broker.add_partitions(self.name, 2 * PARTITIONS)

    def outage(self) -> None:
        self.broker.kill()
        self.broker.restart()


class KafkaUnderTest(TopicUnderTest):
    """A topic of the real Kafka."""

    broker: LocalKafka

    @property
    def connection(self) -> Connection:
        plain = KafkaConnection(
            bootstrap_servers=self.broker.bootstrap_servers, topic=self.name, group=self.name
        )
        if self.token_file is None:
            return plain
        signed = {"bootstrap_servers": self.broker.tls_servers, "ca_file": self.broker.ca_file}
        return plain.model_copy(update={**signed, "security": "iam", "region": "eu-central-1"})

    def rewind(self) -> None:
        self.broker.rewind(self.name, self.name, dict.fromkeys(range(PARTITIONS), 0))


class PulsarUnderTest(TopicUnderTest):
    """A topic of the real Pulsar."""

    broker: LocalPulsar

    @property
    def connection(self) -> Connection:
        return PulsarConnection(
            service_url=self.broker.service_url,
            topic=f"persistent://public/default/{self.name}",
            subscription=self.name,
            token_file=self.token_file,
        )

    def rewind(self) -> None:
        self.broker.rewind(self.name, self.name)

"""A Kafka that sends its clients through a proxy, which may lose its answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.brokers.kafka import LocalKafka
from infra.local.ports import lasting_ports
from tests.brokers import own_kafka
from tests.integration.kafka.wire import Proxy


@dataclass(frozen=True, kw_only=True)
class Proxied:
    """The broker and what stands before it."""

    kafka: LocalKafka
    proxy: Proxy


@contextmanager
def proxied_kafka(folder: Path) -> Iterator[Proxied]:
    """Run one; whoever asks it where the topic is comes back by the proxy."""
    (port,) = lasting_ports(1)
    config = {"advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}"}
    with (
        own_kafka(folder, config=config) as started,
        Proxy(port=port, broker_port=started.port).serving() as proxy,
    ):
        yield Proxied(kafka=started, proxy=proxy)

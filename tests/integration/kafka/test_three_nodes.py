"""A Kafka of three nodes: what dies under load is told as missing until it is back; no loss."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event, Thread

import pytest
from confluent_kafka.admin import AdminClient

from infra.local.brokers import kafka_nodes
from infra.local.brokers.kafka import LocalKafka
from infra.local.brokers.kafka_nodes import COPIES
from pipeline import metrics
from pipeline.producer.answers import Answered
from pipeline.producer.kafka import KafkaTransport
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka import KafkaSource
from pipeline.sources.kafka_condition import KafkaCondition
from tests.brokers import require
from tests.integration.kafka.topics import Topic, lines_in
from tests.waiting import until

PARTITIONS = 6
FIRST_ANSWERS = 500
PAUSE_SECONDS = 0.001


@dataclass(frozen=True, kw_only=True)
class Cluster:
    nodes: tuple[LocalKafka, ...]

    @property
    def servers(self) -> str:
        return ",".join(node.bootstrap_servers for node in self.nodes)

    def topic(self, name: str) -> Topic:
        topic = Topic(
            connection=KafkaConnection(bootstrap_servers=self.servers, topic=name),
            admin=AdminClient({"bootstrap.servers": self.servers, "log_level": 0}),
        )
        topic.create(PARTITIONS, {"min.insync.replicas": "2"}, copies=COPIES)
        return topic


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    require("kafka")
    nodes = kafka_nodes.start(tmp_path_factory.mktemp("kafka"), COPIES, light=True)
    yield Cluster(nodes=nodes)
    for node in nodes:
        node.kill()


@dataclass(kw_only=True)
class Load:
    """A producer that goes on until it is told to stop."""

    connection: KafkaConnection
    acknowledged: list[int] = field(default_factory=list)
    sent: int = 0
    _over: Event = field(default_factory=Event)

    def __enter__(self) -> "Load":
        self._thread = Thread(target=self._send, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def goes_on(self) -> None:
        """Wait until so many more events are acknowledged."""
        before = len(self.acknowledged)
        until(lambda: len(self.acknowledged) >= before + FIRST_ANSWERS, what="the load goes on")

    def _send(self) -> None:
        settings = ProducerSettings(linger_ms=2)
        with Producer(KafkaTransport(self.connection), settings, self._note) as producer:
            while not self._over.wait(PAUSE_SECONDS):
                number, self.sent = self.sent, self.sent + 1
                producer.put(table="t", key=str(number), body=b"%d" % number, tag=number)

    def _note(self, answered: Answered[int]) -> None:
        if answered.answer == "acknowledged":
            self.acknowledged.extend(answered.tags)


def stored(topic: Topic) -> list[int]:
    """Return the number of each event that the topic holds."""
    source = KafkaSource(topic.connection)
    records = [record.data for part in range(PARTITIONS) for record in topic.records(source, part)]
    source.close()
    return [int(line) for line in lines_in(records)]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A topic, and what a watcher is told of it."""

    topic: Topic

    def until(self, *, missing: int, lacking: int) -> None:
        condition = KafkaCondition(connection=self.topic.connection, brokers=COPIES)
        wanted = {metrics.BROKERS_MISSING: missing, metrics.UNDER_REPLICATED: lacking}
        until(lambda: condition.found().values == wanted, what=condition.found)


def test_a_node_that_dies_under_load_is_missing_with_its_copies_until_it_is_back(
    cluster: Cluster,
) -> None:
    topic = cluster.topic("flights")
    told = Watched(topic=topic)
    told.until(missing=0, lacking=0)
    with Load(connection=topic.connection) as load:
        for node in cluster.nodes[:2]:
            load.goes_on()
            node.kill()
            told.until(missing=1, lacking=PARTITIONS)
            load.goes_on()
            node.restart()
            told.until(missing=0, lacking=0)
        load.goes_on()
    assert set(stored(topic)) == set(load.acknowledged) == set(range(load.sent))


def test_without_a_majority_the_load_waits_and_no_event_is_lost(cluster: Cluster) -> None:
    topic = cluster.topic("delays")
    with Load(connection=topic.connection) as load:
        load.goes_on()
        for node in cluster.nodes[1:]:
            node.kill()
        for node in cluster.nodes[1:]:
            node.restart()
        load.goes_on()
    assert set(stored(topic)) == set(load.acknowledged) == set(range(load.sent))

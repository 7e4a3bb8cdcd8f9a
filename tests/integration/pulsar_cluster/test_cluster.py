"""The cluster's own configuration, run: three machines, one lost under load, all accounted for.

Every file and every command is what a machine of AWS gets (`infra/pulsar/`); ports, paths and the
size of the memory are all that differs.
"""

import json
import re
import time
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import pulsar
import pytest

from infra.local.ports import HOST
from infra.pulsar.credentials import make_token_keys
from infra.pulsar.node.apply_topics import Refused, Wanted
from infra.pulsar.topics import Topics
from tests.integration.pulsar_cluster.load import (
    Answer,
    Load,
    body,
    key_of,
    name_of,
    open_producer,
    read_all,
)
from tests.integration.pulsar_cluster.machines import (
    BOOKIES,
    NODES,
    READY_SECONDS_MAX,
    LocalCluster,
    address_of,
)
from tests.waiting import until

PARTITIONS: Final = 6
PRODUCERS: Final = 3
FIRST_ANSWERS: Final = 1_000
LOST: Final = 1
"""The machine that is killed: a zone, and two bookies with it."""
ZONES: Final = {name: number for number, names in BOOKIES.items() for name in names}
TOPICS: Final = Topics(
    cluster="sluice",
    topic="events",
    partitions=PARTITIONS,
    retention_minutes=60,
    backlog_bytes_max=10**9,
)


def apply(cluster: LocalCluster, topics: Topics) -> list[str]:
    """Apply by the program that the brokers' machines run; return what it changed."""
    changed: list[str] = []
    Wanted(cluster.admin(), changed.append).apply(json.loads(topics.render()))
    return changed


@dataclass(frozen=True, kw_only=True)
class Story:
    """What happened, and what was there in the end."""

    answers: tuple[Answer, ...]
    read: tuple[tuple[int, bytes], ...]
    ensembles: tuple[tuple[str, ...], ...]
    """The bookies of each ledger, before any was lost."""
    acknowledged_before: set[tuple[int, int]]
    partitions_meanwhile: set[int]
    """Those that took new messages while the machine was gone."""
    read_meanwhile: set[tuple[int, int]]
    """What was read of them all while the machine was gone."""

    @property
    def read_ids(self) -> Counter[tuple[int, int]]:
        return Counter(name_of(data) for _, data in self.read)


@pytest.fixture(scope="module")
def topics(cluster: LocalCluster) -> list[str]:
    """The topics, made; what it took to make them."""
    return apply(cluster, TOPICS)


def ledgers(cluster: LocalCluster) -> list[str]:
    """What BookKeeper knows of each ledger of each partition."""
    found = []
    for partition in range(PARTITIONS):
        path = f"persistent/sluice/events/events-partition-{partition}/internalStats?metadata=true"
        _, stats = cluster.admin().ask("GET", path)
        found += [ledger["metadata"] for ledger in stats["ledgers"]]
    return found


def read_ids(cluster: LocalCluster) -> Counter[tuple[int, int]]:
    """How often each message is there."""
    with closing(cluster.client("worker")) as client:
        return Counter(name_of(data) for _, data in read_all(client, TOPICS.name, PARTITIONS))


@pytest.fixture(scope="module")
def story(cluster: LocalCluster, topics: list[str]) -> Story:
    """Load; one machine killed with all that runs there; it comes back; the load ends."""
    with closing(cluster.client("producer")) as client:
        load = Load(client=client, topic=TOPICS.name, producers=PRODUCERS)
        load.start()
        soon = partial(until, seconds_max=READY_SECONDS_MAX)
        soon(lambda: len(load.answers) >= FIRST_ANSWERS, what="the load is under way")
        ensembles = re.findall(r"\[(bookie[^]]+)\]", "".join(ledgers(cluster)))
        acknowledged_before = load.acknowledged()
        cluster.machines[LOST].kill()
        killed_at = time.monotonic()
        everywhere = set(range(PARTITIONS))
        soon(
            lambda: load.partitions_answered_since(killed_at) == everywhere,
            what="every partition takes messages again",
        )
        meanwhile = load.partitions_answered_since(killed_at)
        read_meanwhile = set(read_ids(cluster))
        cluster.machines[LOST].start()
        soon(lambda: cluster.brokers() == len(NODES), what="the machine's broker is back")
        all_bookies = {name for names in BOOKIES.values() for name in names}
        soon(
            lambda: cluster.bookies() == all_bookies,
            what=lambda: f"its bookie is back, on its volumes; there are {cluster.bookies()}",
        )
        load.stop(seconds_max=READY_SECONDS_MAX)
    with closing(cluster.client("worker")) as client:
        read = tuple(read_all(client, TOPICS.name, PARTITIONS))
    return Story(
        answers=tuple(load.answers),
        read=read,
        ensembles=tuple(tuple(each.split(", ")) for each in ensembles),
        acknowledged_before=acknowledged_before,
        partitions_meanwhile=meanwhile,
        read_meanwhile=read_meanwhile,
    )


def test_the_topics_are_made_once_and_a_second_run_changes_nothing(
    cluster: LocalCluster, topics: list[str]
) -> None:
    assert "persistent/sluice/events/events/partitions: made" in topics
    assert apply(cluster, TOPICS) == []


def test_every_acknowledged_message_is_there(story: Story) -> None:
    acknowledged = {(a.producer, a.number) for a in story.answers if a.good}
    assert len(acknowledged) > FIRST_ANSWERS
    assert acknowledged - story.read_ids.keys() == set()


def test_no_message_is_there_twice_and_none_that_nobody_sent(story: Story) -> None:
    assert [each for each, times in story.read_ids.items() if times > 1] == []
    assert story.read_ids.keys() - {(a.producer, a.number) for a in story.answers} == set()


def test_every_message_was_answered_and_none_refused(story: Story) -> None:
    by_producer = defaultdict(set)
    for answer in story.answers:
        assert answer.good
        by_producer[answer.producer].add(answer.number)
    assert len(by_producer) == PRODUCERS
    assert all(numbers == set(range(len(numbers))) for numbers in by_producer.values())


def test_the_order_of_a_producer_in_a_partition_is_kept(story: Story) -> None:
    last: dict[tuple[int, int], int] = {}
    for partition, data in story.read:
        producer, number = name_of(data)
        assert number > last.get((producer, partition), -1)
        last[producer, partition] = number


def test_load_went_on_while_the_machine_was_gone(story: Story) -> None:
    assert story.partitions_meanwhile == set(range(PARTITIONS))


def test_what_was_acknowledged_is_read_while_the_machine_is_gone(story: Story) -> None:
    assert len(story.acknowledged_before) > FIRST_ANSWERS / 2
    assert story.acknowledged_before - story.read_meanwhile == set()


@pytest.mark.skipif(address_of(2) == HOST, reason="this machine has one loopback address")
def test_the_copies_of_an_entry_are_in_three_zones(story: Story) -> None:
    assert len(story.ensembles) >= PARTITIONS
    for ensemble in story.ensembles:
        assert {ZONES[name] for name in ensemble} == set(NODES), ensemble


def test_a_retry_with_the_same_number_is_no_second_message(
    cluster: LocalCluster, story: Story
) -> None:
    last = max(a.number for a in story.answers if a.producer == 0)
    with (
        closing(cluster.client("producer")) as client,
        closing(open_producer(client, TOPICS.name, 0)) as producer,
    ):
        for number in range(last - 20, last + 1):
            producer.send(body(0, number), partition_key=key_of(number), sequence_id=number)
    assert read_ids(cluster) == story.read_ids


def test_each_entry_is_on_three_bookies_and_acknowledged_by_two(
    cluster: LocalCluster, story: Story
) -> None:
    for ledger in ledgers(cluster):
        assert "ensembleSize=3, writeQuorumSize=3, ackQuorumSize=2" in ledger


def test_partitions_are_added_and_never_taken_away(cluster: LocalCluster, story: Story) -> None:
    more = replace(TOPICS, topic="more", partitions=2)
    apply(cluster, more)
    assert apply(cluster, replace(more, partitions=3)) == [
        "persistent/sluice/events/more: 2 partitions became 3"
    ]
    with pytest.raises(Refused, match="has 3 partitions, and none can be taken"):
        apply(cluster, more)


def test_a_changed_policy_is_brought_about_alone(cluster: LocalCluster, topics: list[str]) -> None:
    assert apply(cluster, replace(TOPICS, retention_minutes=90)) == [
        'sluice/events: retention is {"retentionTimeInMinutes": 90, "retentionSizeInMB": -1}'
    ]
    assert apply(cluster, TOPICS) != []


def test_who_may_only_read_cannot_produce(cluster: LocalCluster, topics: list[str]) -> None:
    with closing(cluster.client("worker")) as client, pytest.raises(pulsar.AuthorizationError):
        client.create_producer(TOPICS.name)


def test_a_token_signed_by_another_key_is_refused(cluster: LocalCluster, topics: list[str]) -> None:
    forged = make_token_keys().token("admin")
    with pytest.raises(Refused, match="401"):
        cluster.admin(token=forged).ask("GET", "tenants")


def test_a_producer_may_not_change_what_there_is(cluster: LocalCluster, topics: list[str]) -> None:
    with pytest.raises(Refused, match=r"40[13]"):
        cluster.admin(token=cluster.token("producer")).ask("PUT", "namespaces/sluice/theirs", {})


def test_who_speaks_without_tls_gets_no_answer(cluster: LocalCluster, topics: list[str]) -> None:
    url = f"pulsar://{HOST}:{cluster.service_ports[0]}"
    with (
        closing(pulsar.Client(url, operation_timeout_seconds=3)) as client,
        pytest.raises(pulsar.PulsarException),
    ):
        client.create_producer(TOPICS.name)

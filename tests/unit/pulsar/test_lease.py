"""A lease on a partition lives from one answer of the broker to the next."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.pulsar_lease import (
    ANSWER_SECONDS,
    BUSY_SECONDS,
    IDLE_SECONDS,
    LEASE_SECONDS,
    Lease,
)

BROKER_FAILOVER_SECONDS = 1.0
"""broker.conf, activeConsumerFailoverDelayTimeMillis."""


def test_nothing_is_ours_before_the_broker_handed_us_a_message() -> None:
    assert not Lease().is_valid(0.0)


def test_a_lease_ends_before_the_broker_turns_to_the_next_worker() -> None:
    lease = Lease()
    lease.renew(10.0)
    assert lease.is_valid(10.0 + LEASE_SECONDS / 2)
    assert not lease.is_valid(10.0 + BROKER_FAILOVER_SECONDS)


def test_a_busy_partition_asks_before_its_lease_ends_and_only_once() -> None:
    lease = Lease()
    lease.renew(10.0)
    assert not lease.is_due(10.0 + BUSY_SECONDS / 2, busy=True)
    at = 10.0 + BUSY_SECONDS + 0.01
    assert lease.is_due(at, busy=True)
    assert lease.is_valid(at)
    lease.ask(at)
    assert not lease.is_due(at + 0.1, busy=True)


def test_an_idle_partition_asks_rarely() -> None:
    lease = Lease()
    lease.renew(10.0)
    assert not lease.is_due(10.0 + IDLE_SECONDS, busy=False)
    assert lease.is_due(10.0 + IDLE_SECONDS + 0.01, busy=False)


def test_a_partition_is_lost_when_the_broker_leaves_a_question_open() -> None:
    lease = Lease()
    lease.ask(10.0)
    assert not lease.is_lost(10.0 + ANSWER_SECONDS)
    assert lease.is_lost(10.0 + ANSWER_SECONDS + 0.01)
    lease.renew(14.0)
    assert not lease.is_lost(20.0)


@given(st.lists(st.sampled_from(["renew", "ask", "drop"])), st.floats(0, 100))
def test_after_a_drop_only_a_new_answer_makes_it_ours(before: list[str], later: float) -> None:
    lease = Lease()
    for what in before:
        {"renew": lambda: lease.renew(1.0), "ask": lambda: lease.ask(1.0), "drop": lease.drop}[
            what
        ]()
    lease.drop()
    assert not lease.is_valid(later)
    assert lease.is_due(later, busy=False)

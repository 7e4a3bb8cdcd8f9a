"""Processes die or stop in the middle of a load: every event is stored once all the same."""

import contextlib
import os
import signal
import threading
from typing import Self

import pytest

from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.ledger.state import Head
from tests.faults.stack.conftest import Rig, Rigs, Variant, all_stored
from tests.waiting import LOOK_SECONDS, until

KILLS_MAX = 6


@pytest.fixture(scope="module")
def rig(rigs: Rigs) -> Rig:
    return rigs("dead", shard_count="2")


class Killer(threading.Thread):
    """Kills the function's processes while they have a batch in their hands.

    Never twice at one commit: three deaths alone with one record make a suspect of it (T13).
    """

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self._rig = rig
        environment = rig.stack.environment
        self._ledger = DynamoLedger(environment.dynamodb, environment.settings.ledger_table)
        self._shards = [status.shard for status in rig.shards()]
        self._enough = threading.Event()
        self._done: set[object] = set()
        self.kills = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join()

    def run(self) -> None:
        while self.kills < KILLS_MAX and not self._enough.wait(LOOK_SECONDS / 4):
            for shard in self._shards:
                head = self._ledger.read_head(shard)
                if head is not None and self._is_at_work(head):
                    self._strike()

    def _is_at_work(self, head: Head) -> bool:
        place = (head.shard, head.last_commit)
        busy = head.unpublished is not None or head.open_range is not None
        if not busy or place in self._done:
            return False
        self._done.add(place)
        return True

    def _strike(self) -> None:
        self.kills += 1
        for pid in self._rig.aws.worker_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_a_function_killed_again_and_again_at_work_costs_nothing(rig: Rig) -> None:
    with Killer(rig) as killer:
        load = rig.load(rate=1_000, seconds=12)
    assert all_stored(rig.verdict(load), 12_000)
    assert killer.kills >= 2


def test_a_function_that_dies_after_every_commit_before_it_publishes_costs_nothing(
    rig: Rig, variant: Variant
) -> None:
    publish = "    published_ms = yield from publish(commit, bodies=bodies)\n"
    dies = "    __import__('os')._exit(1)\n"
    rig.deploy(variant({"pipeline/ledger/attempt.py": (publish, dies + publish)}))
    died_before = rig.deaths()
    load = rig.load(rate=1_000, seconds=4)
    assert all_stored(rig.verdict(load), 4_000)
    assert rig.deaths() - died_before >= 2
    rig.deploy(None)


def test_a_mapping_that_stops_for_most_of_a_load_catches_up(rig: Rig) -> None:
    mapping = rig.aws.mapping_pid

    def is_behind() -> bool:
        return max(status.lag_ms for status in rig.shards()) > 2_000

    load = rig.load(
        (0.2, lambda: os.kill(mapping, signal.SIGSTOP)),
        (0.9, lambda: until(is_behind)),
        (0.9, lambda: os.kill(mapping, signal.SIGCONT)),
        rate=1_500,
        seconds=6,
    )
    assert all_stored(rig.verdict(load), 9_000)
    assert rig.aws.mapping_pid == mapping


def test_a_mapping_that_is_killed_is_started_again_and_goes_on_from_its_checkpoints(
    rig: Rig,
) -> None:
    mapping = rig.aws.mapping_pid
    load = rig.load((0.5, lambda: os.kill(mapping, signal.SIGKILL)), rate=1_000, seconds=4)
    assert all_stored(rig.verdict(load), 4_000)
    assert rig.aws.mapping_pid != mapping

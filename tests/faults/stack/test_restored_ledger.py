"""A ledger that comes back from a backup older than the lake: nothing is lost or taken twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pipeline import worker
from pipeline.core.records import ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.effects import ReadHead
from pipeline.ledger.state import Head, RestoredShard
from pipeline.ledger.steps import Steps, ask
from sluice.accounting import account
from sluice.backup import Backup, backup_named, restored_table, take_backup
from sluice.pause import pause_stack, stop_watching
from sluice.restore import drop, restore_ledger
from sluice.resume import resume_stack
from tests.faults.stack.conftest import Rig, Rigs, all_stored
from tests.waiting import until

OnShard = Callable[[RestoredShard], None]
STUCK_SECONDS = 12.0


@pytest.fixture(scope="module")
def rig(rigs: Rigs) -> Rig:
    return rigs("rewound", shard_count="2")


def stand_still(rig: Rig) -> None:
    """Pause a stack that is drained, of canaries too: no run is at work, nothing waits."""
    stop_watching(rig.stack)
    rig.drain()
    pause_stack(rig.stack)


@contextmanager
def rewound(rig: Rig, backup: Backup) -> Iterator[str]:
    """Pause the stack and give the table that the backup was restored to; resume it at the end."""
    stand_still(rig)
    source = restored_table(rig.stack, backup=backup, at=None)
    yield source
    drop(rig.stack, source)
    resume_stack(rig.stack)


def split_first_shard(rig: Rig) -> None:
    """Split the first shard in two halves and wait until both are open."""
    kinesis = rig.stack.environment.kinesis
    name = {"StreamName": rig.stack.environment.settings.stream}
    shard = kinesis.list_shards(**name)["Shards"][0]
    keys = shard["HashKeyRange"]
    middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
    kinesis.split_shard(**name, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))

    def is_active() -> bool:
        summary = kinesis.describe_stream_summary(**name)["StreamDescriptionSummary"]
        return bool(summary["StreamStatus"] == "ACTIVE")

    until(is_active)


class Interrupted(BaseException):
    """Somebody pressed Ctrl-C."""


def interrupted_after(shards: int) -> OnShard:
    """Return what interrupts a restore after so many shards."""
    done: list[RestoredShard] = []

    def on_shard(shard: RestoredShard) -> None:
        done.append(shard)
        if len(done) == shards:
            raise Interrupted

    return on_shard


def test_a_ledger_rewound_below_its_lake_is_brought_up_to_it_by_the_journal(rig: Rig) -> None:
    first = rig.load(rate=1_000, seconds=3)
    rig.drain()
    backup = take_backup(rig.stack)
    second = rig.load((0.4, lambda: split_first_shard(rig)), rate=1_000, seconds=5)

    with rewound(rig, backup) as source:
        before = {shard.shard: shard.committed for shard in rig.shards()}
        with pytest.raises(Interrupted):
            restore_ledger(rig.stack, source=source, on_shard=interrupted_after(1))
        done = restore_ledger(rig.stack, source=source, on_shard=lambda _shard: None)
        after = {shard.shard: shard.committed for shard in rig.shards()}

    assert after == before
    assert {shard.shard: shard.committed for shard in done} == before
    assert all(shard.put_back for shard in done)
    assert [shard.started is None for shard in done] == [False, False, True, True]
    third = rig.load(rate=1_000, seconds=3)
    for load, events in ((first, 3_000), (second, 5_000), (third, 3_000)):
        assert all_stored(rig.verdict(load), events)


def test_a_ledger_that_is_whole_is_left_as_it_is(rig: Rig) -> None:
    stand_still(rig)
    before = rig.shards()
    done = restore_ledger(rig.stack, source=None, on_shard=lambda _shard: None)
    assert rig.shards() == before
    assert [shard.put_back for shard in done] == [0] * len(before)
    resume_stack(rig.stack)
    assert all_stored(rig.verdict(rig.load(rate=1_000, seconds=2)), 2_000)


def test_without_the_journal_a_rewound_shard_stops_rather_than_store_twice(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_backup(rig.stack)
    load = rig.load(rate=1_000, seconds=3)

    def rewind_alone(shard: ShardId) -> Steps[Head | None]:
        return (yield from ask(ReadHead(shard)))

    monkeypatch.setattr(worker, "restore", rewind_alone)
    with rewound(rig, backup_named(rig.stack, "latest")) as source:
        done = restore_ledger(rig.stack, source=source, on_shard=lambda _shard: None)
    monkeypatch.undo()

    assert [shard.put_back for shard in done] == [0] * len(done)
    with pytest.raises(OperatingError, match="not drained"):
        rig.verdict(load, seconds_max=STUCK_SECONDS)
    assert account(rig.stack, load, on_note=lambda _note: None).verdict.validity != "valid"

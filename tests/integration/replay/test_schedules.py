"""Fix, the producer's copy and replay in every order, and replays that crash (schedule 14).

Each ends with the verdict over every id: whatever the order, an event is stored once (T23, T24).
"""

from collections import Counter
from collections.abc import Callable

import pytest

import sluice.replay as replay_module
from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.payload import compress
from pipeline.environment import wall_clock_ms
from pipeline.errors import OperatingError, OutcomeUnknown
from pipeline.ledger.claims import Claims, ClaimState
from pipeline.producer.transport import Transport
from pipeline.replay import Quarantined
from sluice.console import progress
from sluice.replay import CLAIM_MS, replay_stack
from tests.faults.stack.conftest import Written
from tests.integration.replay.conftest import ReplayRig
from tests.waiting import until

EVENTS = 5


@pytest.fixture
def written(rig: ReplayRig) -> Written:
    """Events that a wrong contract put into quarantine, all of them; then the fix is deployed."""
    written = rig.write(EVENTS)
    written.put_all()
    verdict = rig.verdict(written.folder)
    assert verdict.account.quarantined == EVENTS
    assert verdict.quarantined_by_reason == {"out-of-range": EVENTS}
    rig.consumer.fix()
    return written


def replay(rig: ReplayRig) -> Counter[str]:
    with progress() as bars:
        return replay_stack(rig.stack, frozenset(), bars=bars)


def claims(rig: ReplayRig) -> set[ClaimState]:
    environment = rig.stack.environment
    found = Claims(environment.dynamodb, environment.settings.ledger_table).all()
    return {claim.state for claim in found}


def stored_once(written: Written) -> None:
    """Check that every event is in the lake, once, and nothing else is wrong."""
    verdict = written.rig.verdict(written.folder)
    assert verdict.validity == "valid", verdict.summary()
    account = verdict.account
    assert account.stored == account.rows == account.replayed == EVENTS
    assert account.lost == account.duplicated == account.surplus_rows == 0


def test_a_copy_after_the_replay_is_dropped(rig: ReplayRig, written: Written) -> None:
    assert replay(rig)["sent again"] == EVENTS
    written.put_all()
    stored_once(written)
    assert claims(rig) == {ClaimState.DONE}


def test_a_copy_before_the_replay_is_held_off_and_replaying_both_stores_the_event_once(
    rig: ReplayRig, written: Written
) -> None:
    written.put_all()
    verdict = rig.verdict(written.folder)
    assert verdict.account.quarantined == EVENTS
    # The bytes of what was never decoded cannot be told to say the same: kept, not dropped.
    assert verdict.quarantined_by_reason == {
        "out-of-range": EVENTS,
        "conflicting-duplicate": EVENTS,
    }
    assert replay(rig)["sent again"] == 2 * EVENTS
    stored_once(written)


def test_a_second_replay_sends_nothing(rig: ReplayRig, written: Written) -> None:
    replay(rig)
    again = replay(rig)
    assert (again["sent again"], again["replayed before"]) == (0, EVENTS)
    stored_once(written)


def test_a_replay_before_the_fix_ends_in_quarantine_and_one_after_it_in_the_lake(
    rig: ReplayRig,
) -> None:
    written = rig.write(EVENTS)
    written.put_all()
    assert replay(rig)["sent again"] == EVENTS
    verdict = rig.verdict(written.folder)
    assert verdict.validity == "valid", verdict.summary()
    assert (verdict.account.quarantined, verdict.account.quarantine_rows) == (EVENTS, 2 * EVENTS)
    rig.consumer.fix()
    fates = replay(rig)
    assert (fates["sent again"], fates["replayed before"]) == (EVENTS, EVENTS)
    stored_once(written)


def test_rows_of_another_reason_are_left_alone(rig: ReplayRig, written: Written) -> None:
    with progress() as bars:
        fates = replay_stack(rig.stack, frozenset({"masked"}), bars=bars)
    assert fates["sent again"] == 0
    assert claims(rig) == set()


class TestAfterTheWindow:
    """Replays come late by nature: the seen set has forgotten, the lake has not (T24)."""

    @pytest.fixture
    def window_seconds(self) -> int:
        return 1

    def test_a_replay_is_stored(self, rig: ReplayRig, written: Written) -> None:
        self.let_the_window_pass()
        assert replay(rig)["sent again"] == EVENTS
        stored_once(written)

    def test_what_a_copy_brought_to_the_lake_meanwhile_is_not_sent(
        self, rig: ReplayRig, written: Written
    ) -> None:
        self.let_the_window_pass()
        written.put_all()
        rig.drain()
        fates = replay(rig)
        assert (fates["sent again"], fates["stored already"]) == (0, EVENTS)
        stored_once(written)

    def test_of_an_unread_record_only_what_no_copy_brought_to_the_lake_is_stored(
        self, rig: ReplayRig
    ) -> None:
        rig.consumer.mask()
        written = rig.write(EVENTS)
        bodies = written.events.bodies
        packed = (UserRecord(partition_key="k", payload=compress(body)) for body in bodies)
        rig.put(aggregate(packed))
        assert rig.verdict(written.folder).quarantined_by_reason == {"masked": 1}
        rig.consumer.fix()
        self.let_the_window_pass()
        for copy in bodies[:2]:
            rig.put(copy)
        rig.drain()
        self.let_the_window_pass()
        assert replay(rig)["sent again"] == 1
        verdict = rig.verdict(written.folder)
        assert verdict.validity == "valid", verdict.summary()
        assert verdict.account.stored == verdict.account.rows == EVENTS

    def let_the_window_pass(self) -> None:
        over_ms = wall_clock_ms() + 1_500
        until(lambda: wall_clock_ms() > over_ms)


def test_a_replay_that_stands_still_past_its_deadline_sends_nothing_more(
    rig: ReplayRig, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, asleep_ms = replay_module.send_again, [0]

    def send_and_sleep(transport: Transport, row: Quarantined) -> None:
        send(transport, row)
        asleep_ms[0] = CLAIM_MS

    monkeypatch.setattr(replay_module, "send_again", send_and_sleep)
    monkeypatch.setattr(replay_module, "wall_clock_ms", lambda: wall_clock_ms() + asleep_ms[0])
    with pytest.raises(OperatingError, match="run the replay again"):
        replay(rig)
    asleep_ms[0] += 1_000
    monkeypatch.setattr(replay_module, "send_again", send)
    fates = replay(rig)
    assert (fates["sent again"], fates["stored already"]) == (EVENTS - 1, 1)
    stored_once(written)


class Crash(BaseException):
    """The end of a process, which no handler hears of."""


Crashing = Callable[[pytest.MonkeyPatch], None]


def before_sending(patch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise Crash

    patch.setattr(replay_module, "send_again", crash)


def half_way(patch: pytest.MonkeyPatch) -> None:
    send, sent = replay_module.send_again, [0]

    def crash(transport: Transport, row: Quarantined) -> None:
        if sent[0] == 2:
            raise Crash
        sent[0] += 1
        send(transport, row)

    patch.setattr(replay_module, "send_again", crash)


def answer_lost(patch: pytest.MonkeyPatch) -> None:
    send = replay_module.send_again

    def crash(transport: Transport, row: Quarantined) -> None:
        send(transport, row)
        raise OutcomeUnknown("the answer did not come")

    patch.setattr(replay_module, "send_again", crash)


def before_sent(patch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise Crash

    patch.setattr(Claims, "advance", crash)


@pytest.mark.parametrize(
    ("crash", "sent_by_the_next"),
    [(before_sending, EVENTS), (half_way, EVENTS - 2), (answer_lost, EVENTS - 1), (before_sent, 0)],
    ids=["before sending", "half way", "answer lost", "before sent"],
)
def test_a_replay_that_crashed_is_taken_over_after_its_deadline_and_stores_each_event_once(
    rig: ReplayRig,
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
    crash: Crashing,
    sent_by_the_next: int,
) -> None:
    with monkeypatch.context() as patch:
        crash(patch)
        with pytest.raises((Crash, OutcomeUnknown)):
            replay(rig)
    assert claims(rig) == {ClaimState.CLAIMED}
    too_soon = replay(rig)
    assert (too_soon["sent again"], too_soon["replayed before"]) == (0, EVENTS)

    later_ms = CLAIM_MS + 1_000
    monkeypatch.setattr(replay_module, "wall_clock_ms", lambda: wall_clock_ms() + later_ms)
    fates = replay(rig)
    assert fates["sent again"] == sent_by_the_next
    assert fates["sent again"] + fates["stored already"] == EVENTS
    assert claims(rig) == {ClaimState.DONE}
    stored_once(written)

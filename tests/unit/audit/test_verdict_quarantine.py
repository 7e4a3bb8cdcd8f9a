"""What is in quarantine is accounted for: by id, by what its bytes show, else by position."""

from typing import Any

from pipeline.audit.verdict import Validity, Violation
from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.payload import compress

Run = Any


def test_stored_poison_is_invalid(run: Run) -> None:
    run.quarantine.clear()
    run.store(10)
    assert run.violations() == {Violation.STORED_POISON: 1}


def test_lost_poison_is_lost(run: Run) -> None:
    run.quarantine.clear()
    assert run.violations() == {Violation.LOST: 1}


def test_an_id_both_stored_and_quarantined_is_a_violation(run: Run) -> None:
    run.put_aside(4)
    verdict = run.judged()
    assert run.violations(verdict) == {Violation.STORED_AND_QUARANTINED: 1}
    assert verdict.account.stored == 10


def test_a_masked_record_beside_a_stored_copy_is_legal_and_counts_as_stored(run: Run) -> None:
    run.put_aside(4, id=None, reason="masked", raw=b'{"id":"r1-p0-000004","x":1}')
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.stored, verdict.account.unidentified_rows) == (10, 0)


def test_a_masked_record_accounts_for_every_id_within_it(run: Run) -> None:
    del run.lake[4:6]
    raw = b'{"id":"r1-p0-000004"}\n{"id" : "r1-p0-000005"}\n{"id":"r1-p0-000006"}'
    run.put_aside(4, id=None, reason="masked", raw=raw)
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.quarantined, verdict.account.lost) == (3, 0)


def test_a_masked_record_is_unpacked_before_its_ids_are_looked_for(run: Run) -> None:
    del run.lake[4]
    user_record = UserRecord(partition_key="k", payload=compress(b'{"id":"r1-p0-000004"}\n' * 9))
    run.put_aside(4, id=None, reason="masked", raw=aggregate([user_record]))
    assert run.judged().validity is Validity.VALID


def test_bytes_that_cannot_be_unpacked_are_searched_as_they_are(run: Run) -> None:
    del run.lake[4]
    broken = bytearray(aggregate([UserRecord(partition_key="", payload=b'{"id":"r1-p0-000004"')]))
    broken[-1] ^= 1
    run.put_aside(4, id=None, reason="bad-aggregate", raw=bytes(broken))
    assert run.judged().validity is Validity.VALID


def test_a_payload_that_cannot_be_decompressed_is_searched_as_it_is(run: Run) -> None:
    del run.lake[4]
    payload = compress(b"")[:4] + b'{"id":"r1-p0-000004"}'
    raw = aggregate([UserRecord(partition_key="", payload=payload)])
    run.put_aside(4, id=None, reason="bad-compression", raw=raw)
    assert run.judged().validity is Validity.VALID


def test_another_body_under_a_stored_id_is_quarantined_legally(run: Run) -> None:
    run.put_aside(4, reason="conflicting-duplicate")
    assert run.judged().validity is Validity.VALID


def test_a_range_that_expired_excuses_no_poison(run: Run) -> None:
    run.quarantine[0] |= {"id": None, "reason": "lost: expired"}
    verdict = run.judged()
    assert run.violations(verdict) == {Violation.LOST: 1}
    assert verdict.quarantined_by_reason == {"lost: expired": 1}


def test_poison_without_a_readable_id_is_accounted_for_by_position(run: Run) -> None:
    run.quarantine[0]["id"] = None
    run.quarantine[0]["raw"] = b"\xff\xfe"
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.quarantined_by_position, verdict.account.unidentified_rows) == (1, 0)


def test_one_unreadable_row_excuses_one_poison_event_only(run: Run) -> None:
    run.quarantine[0]["id"] = None
    run.send(11, poison=True)
    verdict = run.judged()
    assert run.violations(verdict) == {Violation.LOST: 1}
    assert verdict.account.quarantined_by_position == 1


def test_an_unreadable_row_excuses_no_good_event(run: Run) -> None:
    del run.lake[4]
    run.put_aside(4, id=None, raw=b"\xff")
    verdict = run.judged()
    assert run.violations(verdict) == {Violation.LOST: 1}
    assert verdict.account.unidentified_rows == 1


def test_an_unreadable_row_of_another_time_excuses_nothing(run: Run) -> None:
    run.quarantine[0] |= {"id": None, "arrival_ms": run.quarantine[0]["arrival_ms"] - 86_400_000}
    assert run.violations() == {Violation.LOST: 1}


def test_a_quarantined_good_event_is_quarantined_not_lost(run: Run) -> None:
    del run.lake[4]
    run.put_aside(4)
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.quarantined, verdict.account.quarantined_poison) == (2, 1)


def test_one_position_in_quarantine_twice_is_a_violation(run: Run) -> None:
    run.quarantine.append(run.quarantine[0] | {"file": "quarantine/other-1.parquet"})
    assert run.violations() == {Violation.QUARANTINED_TWICE: 1}


def test_a_replayed_event_may_be_in_both_and_late(run: Run) -> None:
    run.lake[4]["position"] = str(10**55 + 5_000)
    run.put_aside(4)
    run.replayed.add(run.event_id(4))
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert verdict.account.replayed == 1


def test_a_masked_record_that_is_stored_after_a_replay_may_be_late(run: Run) -> None:
    run.lake[4]["position"] = str(10**55 + 5_000)
    run.put_aside(4, id=None, reason="masked", raw=b'{"id":"r1-p0-000004"}')
    assert run.judged().validity is Validity.VALID

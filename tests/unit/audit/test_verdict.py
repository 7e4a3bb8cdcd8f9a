"""Each kind of violation, made by hand, is found; nothing else is."""

import math
from typing import Any

import pytest

from pipeline.audit.verdict import Account, Validity, Violation
from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.payload import compress

Run = Any


def violations(verdict: Any) -> dict[str, int]:
    return {kind: count for kind, count in verdict.violations.items() if count}


def test_a_clean_run_is_valid_and_adds_up(run: Run) -> None:
    verdict = run.judged()
    assert (verdict.validity, verdict.reasons, violations(verdict)) == (Validity.VALID, (), {})
    account = verdict.account
    assert (account.sent, account.stored, account.quarantined, account.rows) == (11, 10, 1, 10)
    assert (account.poison, account.quarantined_poison) == (1, 1)
    assert verdict.quarantined_by_reason == {"wrong-type": 1}
    assert verdict.stored_by_table == {"departures": 10}
    assert verdict.summary().startswith("VALID: run r1, 11 events sent")


def test_an_acknowledged_event_that_is_nowhere_is_lost(run: Run) -> None:
    del run.lake[4]
    verdict = run.judged()
    assert verdict.validity is Validity.INVALID
    assert violations(verdict) == {Violation.LOST: 1}
    (example,) = verdict.examples
    assert (example.id, example.kind) == (run.event_id(4), Violation.LOST)
    assert example.detail == "sent by p0 as sequence 4, due at 2023-11-14 22:13:20.004 UTC"


def test_an_unanswered_event_that_is_nowhere_is_indeterminate_not_lost(run: Run) -> None:
    run.history[4]["answer"] = "unknown"
    del run.lake[4]
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.indeterminate, verdict.account.lost) == (1, 0)


def test_an_unanswered_event_that_is_in_the_lake_is_stored(run: Run) -> None:
    run.history[4]["answer"] = "unknown"
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.stored, verdict.account.unknown_stored) == (10, 1)


def test_a_refused_event_may_be_absent(run: Run) -> None:
    run.history[4]["answer"] = "refused"
    del run.lake[4]
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.refused_absent, verdict.account.lost) == (1, 0)


def test_a_refused_event_that_is_stored_is_fine_but_reported(run: Run) -> None:
    run.history[4]["answer"] = "refused"
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.refused_stored, verdict.account.stored) == (1, 10)


def test_an_id_in_two_rows_is_duplicated_wherever_the_rows_lie(run: Run) -> None:
    run.store(4, position=10**55 + 4_000, shard="s1", file="departures/dt=2030-01-01/x.parquet")
    verdict = run.judged()
    assert verdict.validity is Validity.INVALID
    assert violations(verdict) == {Violation.DUPLICATED: 1}
    assert verdict.account.surplus_rows == 1
    assert "dt=2030-01-01" in (verdict.examples[0].file or "")


def test_an_equal_loss_and_duplication_do_not_cancel_out(run: Run) -> None:
    del run.lake[4]
    run.store(5)
    verdict = run.judged()
    assert verdict.account.rows == 10
    assert violations(verdict) == {Violation.LOST: 1, Violation.DUPLICATED: 1}


def test_a_changed_field_is_altered(run: Run) -> None:
    run.lake[4]["checksum"] = 999
    verdict = run.judged()
    assert violations(verdict) == {Violation.ALTERED: 1}
    assert verdict.examples[0].position == run.lake[4]["position"]


@pytest.mark.parametrize("checksum", [3, 999])
def test_one_altered_copy_of_two_is_altered_and_duplicated(run: Run, checksum: int) -> None:
    run.store(4, checksum=checksum)
    assert violations(run.judged()) == {Violation.ALTERED: 1, Violation.DUPLICATED: 1}


def test_an_event_in_another_table_than_it_was_sent_for_is_altered(run: Run) -> None:
    run.lake[4]["table"] = "actions"
    assert violations(run.judged()) == {Violation.ALTERED: 1}


def test_an_id_that_nobody_sent_is_never_sent(run: Run) -> None:
    run.store(77)
    verdict = run.judged()
    assert violations(verdict) == {Violation.NEVER_SENT: 1}
    assert verdict.account.stored == 10


def test_rows_of_other_runs_are_none_of_our_business(run: Run) -> None:
    run.store(77, id="r10-p0-000077")
    run.store(77, id="r10-p0-000077")
    run.put_aside(78, id="r2-p0-000078")
    assert run.judged().validity is Validity.VALID


def test_stored_poison_is_invalid(run: Run) -> None:
    run.quarantine.clear()
    run.store(10)
    assert violations(run.judged()) == {Violation.STORED_POISON: 1}


def test_lost_poison_is_lost(run: Run) -> None:
    run.quarantine.clear()
    assert violations(run.judged()) == {Violation.LOST: 1}


def test_an_id_both_stored_and_quarantined_is_a_violation(run: Run) -> None:
    run.put_aside(4)
    verdict = run.judged()
    assert violations(verdict) == {Violation.STORED_AND_QUARANTINED: 1}
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
    assert violations(verdict) == {Violation.LOST: 1}
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
    assert violations(verdict) == {Violation.LOST: 1}
    assert verdict.account.quarantined_by_position == 1


def test_an_unreadable_row_excuses_no_good_event(run: Run) -> None:
    del run.lake[4]
    run.put_aside(4, id=None, raw=b"\xff")
    verdict = run.judged()
    assert violations(verdict) == {Violation.LOST: 1}
    assert verdict.account.unidentified_rows == 1


def test_an_unreadable_row_of_another_time_excuses_nothing(run: Run) -> None:
    run.quarantine[0] |= {"id": None, "arrival_ms": run.quarantine[0]["arrival_ms"] - 86_400_000}
    assert violations(run.judged()) == {Violation.LOST: 1}


def test_a_quarantined_good_event_is_quarantined_not_lost(run: Run) -> None:
    del run.lake[4]
    run.put_aside(4)
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.quarantined, verdict.account.quarantined_poison) == (2, 1)


def test_one_position_in_quarantine_twice_is_a_violation(run: Run) -> None:
    run.quarantine.append(run.quarantine[0] | {"file": "quarantine/other-1.parquet"})
    assert violations(run.judged()) == {Violation.QUARANTINED_TWICE: 1}


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


def test_a_later_sequence_before_an_earlier_one_is_out_of_order(run: Run) -> None:
    run.lake[0]["position"] = str(10**55 + 5_000)
    verdict = run.judged()
    assert violations(verdict) == {Violation.OUT_OF_ORDER: 1}
    assert verdict.examples[0].id == run.event_id(0)
    assert verdict.examples[0].detail == "sequence 0 after 9"


def test_order_within_a_record_is_by_index(run: Run) -> None:
    run.lake[0] |= {"position": "7", "index": 1}
    run.lake[3] |= {"position": "7", "index": 0}
    assert violations(run.judged()) == {Violation.OUT_OF_ORDER: 1}


def test_positions_compare_as_integers_not_as_text(run: Run) -> None:
    run.lake[0]["position"] = "9"
    run.lake[3]["position"] = "10"
    run.lake[6]["position"] = str(math.factorial(30))
    assert run.judged().validity is Validity.VALID
    run.lake[0]["position"], run.lake[3]["position"] = "10", "9"
    assert violations(run.judged()) == {Violation.OUT_OF_ORDER: 1}


def test_order_is_promised_within_a_shard_and_key_only(run: Run) -> None:
    run.lake[0] |= {"position": str(10**56 - 1), "shard": "s1"}
    run.lake[1] |= {"position": str(10**56 - 1), "key": "other"}
    run.lake[2] |= {"position": str(10**56 - 1), "producer": "p1"}
    assert run.judged().validity is Validity.VALID


def test_an_account_that_does_not_add_up_is_unknown(run: Run) -> None:
    assert Account(sent=2, acknowledged=2, stored=1, rows=1).imbalances() == (
        "The account does not add up: 2 ids sent, but 1 have a fate.",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "other-1"}, "1 rows of the history have no id of run r1"),
        ({"answer": "perhaps"}, "1 rows of the history have an answer that is none of"),
        ({"table": "strangers"}, "1 rows of the history name a table without a contract"),
    ],
)
def test_a_history_that_cannot_be_believed_is_unknown(
    run: Run, change: dict[str, str], reason: str
) -> None:
    run.history[10] |= change
    verdict = run.judged()
    assert verdict.validity is Validity.UNKNOWN
    assert any(said.startswith(reason) for said in verdict.reasons)


def test_a_history_with_two_bodies_for_one_id_is_unknown(run: Run) -> None:
    run.send(4, checksum=5)
    verdict = run.judged()
    assert verdict.validity is Validity.UNKNOWN
    assert "the history contradicts itself about 1 ids" in verdict.reasons


def test_the_same_event_sent_twice_is_one_event_with_the_surest_answer(run: Run) -> None:
    run.history[4]["answer"] = "unknown"
    run.send(4)
    verdict = run.judged()
    assert verdict.validity is Validity.VALID
    assert (verdict.account.sends, verdict.account.sent, verdict.account.unknown) == (12, 11, 0)


def test_an_empty_history_is_unknown(run: Run) -> None:
    run.history.clear()
    run.lake.clear()
    run.quarantine.clear()
    assert run.judged().validity is Validity.UNKNOWN


def test_a_row_without_a_position_leaves_the_order_unknown(run: Run) -> None:
    run.lake[4]["position"] = "shard-end"
    verdict = run.judged()
    assert verdict.validity is Validity.UNKNOWN
    assert "order unchecked" in verdict.reasons[0]


def test_a_verdict_is_plain_json(run: Run) -> None:
    del run.lake[4]
    stated = run.judged().to_json()
    assert stated["validity"] == "invalid"
    assert stated["examples"][0]["id"] == run.event_id(4)

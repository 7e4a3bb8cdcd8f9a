"""Each kind of violation, made by hand, is found; nothing else is."""

from typing import Any

import pytest

from pipeline.audit.verdict import Account, Validity, Violation

Run = Any


def test_a_clean_run_is_valid_and_adds_up(run: Run) -> None:
    verdict = run.judged()
    assert (verdict.validity, verdict.reasons, run.violations(verdict)) == (Validity.VALID, (), {})
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
    assert run.violations(verdict) == {Violation.LOST: 1}
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
    assert run.violations(verdict) == {Violation.DUPLICATED: 1}
    assert verdict.account.surplus_rows == 1
    assert "dt=2030-01-01" in (verdict.examples[0].file or "")


def test_an_equal_loss_and_duplication_do_not_cancel_out(run: Run) -> None:
    del run.lake[4]
    run.store(5)
    verdict = run.judged()
    assert verdict.account.rows == 10
    assert run.violations(verdict) == {Violation.LOST: 1, Violation.DUPLICATED: 1}


def test_a_changed_field_is_altered(run: Run) -> None:
    run.lake[4]["checksum"] = 999
    verdict = run.judged()
    assert run.violations(verdict) == {Violation.ALTERED: 1}
    assert verdict.examples[0].position == run.lake[4]["position"]


@pytest.mark.parametrize("checksum", [3, 999])
def test_one_altered_copy_of_two_is_altered_and_duplicated(run: Run, checksum: int) -> None:
    run.store(4, checksum=checksum)
    assert run.violations() == {Violation.ALTERED: 1, Violation.DUPLICATED: 1}


def test_an_event_in_another_table_than_it_was_sent_for_is_altered(run: Run) -> None:
    run.lake[4]["table"] = "actions"
    assert run.violations() == {Violation.ALTERED: 1}


def test_an_id_that_nobody_sent_is_never_sent(run: Run) -> None:
    run.store(77)
    verdict = run.judged()
    assert run.violations(verdict) == {Violation.NEVER_SENT: 1}
    assert verdict.account.stored == 10


def test_rows_of_other_runs_are_none_of_our_business(run: Run) -> None:
    run.store(77, id="r10-p0-000077")
    run.store(77, id="r10-p0-000077")
    run.put_aside(78, id="r2-p0-000078")
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


def test_a_verdict_is_plain_json(run: Run) -> None:
    del run.lake[4]
    stated = run.judged().to_json()
    assert stated["validity"] == "invalid"
    assert stated["examples"][0]["id"] == run.event_id(4)

"""Objectives are read strictly, judged honestly, and told by exit code."""

from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.latency import Latency, distribution
from loadtests.objectives import (
    Evaluation,
    EventObjectives,
    LatencyObjectives,
    Objectives,
    Outcome,
    ThroughputObjectives,
    evaluate,
    read_objectives,
)
from pipeline.audit.verdict import Account, Validity, Verdict
from pipeline.errors import UserError

ACCOUNT = Account(sent=100, acknowledged=100, stored=98, quarantined=2, quarantined_poison=1)
VERDICT = Verdict(run="r1", validity=Validity.VALID, account=ACCOUNT)
LATENCY = Latency(
    run="r1",
    overall=distribution([(100, 98), (5_000, 2)]),
    by_table={},
    slices=(),
    slice_ms=100,
    unmeasured=0,
    send_rate=96.0,
)


def judge(objectives: Objectives, **changes: object) -> Evaluation:
    known = {"verdict": VERDICT, "latency": LATENCY, "planned_rate": 100.0, **changes}
    return evaluate(objectives, **known)  # type: ignore[arg-type]


def test_the_shipped_objectives_are_met_by_a_clean_run() -> None:
    evaluation = judge(read_objectives())
    assert (evaluation.outcome, evaluation.exit_code) == (Outcome.MET, 0)
    assert len(evaluation.judged) == 13


def test_one_event_too_many_is_not_met() -> None:
    lossy = replace(VERDICT, validity=Validity.INVALID, account=replace(ACCOUNT, lost=1))
    evaluation = judge(Objectives(events=EventObjectives(lost_max=0)), verdict=lossy)
    assert evaluation.exit_code == 1
    assert "not met lost: 1 events (<= 0)" in evaluation.summary()


@pytest.mark.parametrize(("limit", "outcome"), [(1, Outcome.MET), (0, Outcome.NOT_MET)])
def test_good_events_in_quarantine_are_counted_apart(limit: int, outcome: Outcome) -> None:
    objectives = Objectives(events=EventObjectives(quarantined_good_max=limit))
    assert judge(objectives).outcome is outcome


@pytest.mark.parametrize(("limit", "outcome"), [(5_000, Outcome.MET), (4_999, Outcome.NOT_MET)])
def test_latency_is_held_to_the_percentile_named(limit: int, outcome: Outcome) -> None:
    assert judge(Objectives(latency=LatencyObjectives(p50_ms_max=100))).outcome is Outcome.MET
    assert judge(Objectives(latency=LatencyObjectives(p99_ms_max=limit))).outcome is outcome


@pytest.mark.parametrize(("rate", "outcome"), [(100.0, Outcome.MET), (110.0, Outcome.NOT_MET)])
def test_the_achieved_rate_is_a_share_of_the_plan(rate: float, outcome: Outcome) -> None:
    objectives = Objectives(throughput=ThroughputObjectives(achieved_percent_min=95))
    assert judge(objectives, planned_rate=rate).outcome is outcome


def test_counts_of_an_unknown_verdict_judge_nothing() -> None:
    unknown = Verdict.unknown("r1", "the lake cannot be read")
    evaluation = judge(Objectives(events=EventObjectives(lost_max=0)), verdict=unknown)
    assert (evaluation.exit_code, evaluation.judged[0].measured) == (4, None)


@pytest.mark.parametrize("latency", [None, replace(LATENCY, unmeasured=1)])
def test_a_latency_that_leaves_rows_out_judges_nothing(latency: Latency | None) -> None:
    objectives = Objectives(latency=LatencyObjectives(p99_ms_max=10**6))
    assert judge(objectives, latency=latency).exit_code == 4


def test_a_rate_without_a_plan_is_unknown() -> None:
    objectives = Objectives(throughput=ThroughputObjectives(achieved_percent_min=95))
    assert judge(objectives, planned_rate=None).exit_code == 4


@pytest.mark.parametrize(("validity", "code"), [(Validity.INVALID, 1), (Validity.UNKNOWN, 4)])
def test_no_objectives_make_no_bad_verdict_good(validity: Validity, code: int) -> None:
    assert judge(Objectives(), verdict=replace(VERDICT, validity=validity)).exit_code == code


def test_not_met_outweighs_unknown() -> None:
    objectives = Objectives(
        latency=LatencyObjectives(p99_ms_max=1),
        throughput=ThroughputObjectives(achieved_percent_min=95),
    )
    assert judge(objectives, planned_rate=None).exit_code == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[events]\nlsot_max = 0\n", "events.lsot_max: Extra inputs are not permitted"),
        ("[latency]\np99_ms_max = -1\n", "latency.p99_ms_max: Input should be greater than 0"),
        ("[events]\nlost_max = 'no'\n", "events.lost_max: Input should be a valid integer"),
        ("[throughput]\nachieved_percent_min = 101\n", "throughput.achieved_percent_min"),
        ("events = \n", "is not TOML"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "objectives.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as error:
        read_objectives(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the objectives"):
        read_objectives(tmp_path / "none.toml")

"""Every drill is run, names an alarm and a fix that exist, and has its row in the page."""

import ast
from pathlib import Path

import pytest

from infra.alarms_page import alarm_ids
from infra.settings import Settings
from pipeline.errors import UserError
from sluice.drill import on_streams
from sluice.drills import catalogue
from sluice.drills.catalogue import DRILLS, find
from sluice.drills.drill import Drill, nothing
from sluice.drills.page import PAGE, read
from sluice.drills.rig import RUNBOOKS
from sluice.runbooks import parse
from tests.drills import test_topics

FOLDER = Path(__file__).parent
ALARMS = alarm_ids()
KINDS_MIN = 18
BAD = ("lost", "duplicated", "altered")

by_drill = pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.id)


def names_of(path: Path) -> set[str]:
    """Return the names that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports for alias in node.names}


def test_there_are_drills_of_many_kinds_each_under_its_own_id() -> None:
    assert len({drill.id for drill in DRILLS}) == len(DRILLS) >= KINDS_MIN
    assert len({drill.fault for drill in DRILLS}) == len(DRILLS)


def test_every_group_of_drills_is_run_by_one_test_file() -> None:
    groups = {name for name in names_of(Path(catalogue.__file__)) if name.isupper()}
    run = [
        name
        for path in sorted(FOLDER.glob("test_*.py"))
        if path.name != Path(__file__).name
        for name in names_of(path) & groups
    ]
    assert set(run) == groups


def test_every_stream_of_a_drill_is_run_by_the_tests() -> None:
    on_topics = {(drill.id, stream) for drill, stream in test_topics.RUNS}
    wanted = {(d.id, s) for d, s in on_streams(DRILLS, None) if s != "kinesis"}
    assert on_topics == wanted
    assert {stream for _, stream in wanted} == {"kafka", "pulsar"}


def test_drills_of_one_stream_come_in_a_row_and_one_that_none_is_of_is_refused() -> None:
    poison, split = find("poison-that-parses-wrong"), find("split-and-merge")
    assert on_streams((poison, split), None) == [
        *((poison, "kinesis"), (split, "kinesis"), (poison, "kafka"), (poison, "pulsar")),
    ]
    assert on_streams((poison, split), "kafka") == [(poison, "kafka")]
    with pytest.raises(UserError, match="none of these drills is of a stack on kafka"):
        on_streams((split,), "kafka")


@by_drill
def test_a_drill_s_alarm_and_the_cause_whose_fix_it_runs_exist(drill: Drill) -> None:
    if not drill.alarm:
        assert drill.by_design
        return
    assert drill.alarm in ALARMS
    assert parse(RUNBOOKS / f"{drill.runbook_id}.md").cause(drill.cause) == drill.cause


@by_drill
def test_a_drill_s_settings_are_settings(drill: Drill) -> None:
    assert set(drill.settings) <= set(Settings.model_fields)


@by_drill
def test_a_drill_says_what_breaks_in_words_that_fit_a_table(drill: Drill) -> None:
    for words in (drill.fault, drill.by_design):
        assert "|" not in words
        assert not words.endswith(".")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"alarm": "iterator-age", "cause": "A burst", "by_design": "never mind"},
        {"alarm": "iterator-age"},
        {"by_design": "never mind", "cause": "A burst"},
    ],
)
def test_a_drill_expects_an_alarm_with_a_fix_or_silence_with_a_reason(
    wrong: dict[str, str],
) -> None:
    with pytest.raises(ValueError, match=r"^d: "):
        Drill(id="d", fault="f", break_it=nothing, **wrong)  # type: ignore[arg-type]


def test_an_unknown_drill_is_answered_with_the_nearest_ones() -> None:
    with pytest.raises(UserError, match="no drill bad-deplyo; did you mean bad-deploy"):
        find("bad-deplyo")


def test_every_drill_has_its_row_in_the_page_and_every_row_is_a_drill() -> None:
    """`./dev sluice drill --all --write` writes it, or one row: `./dev sluice drill ID --write`."""
    text = PAGE.read_text(encoding="utf-8")
    written = [row.key for row in read(text)]
    assert written == [(drill.id, stream) for drill, stream in on_streams(DRILLS, None)]
    for drill in DRILLS:
        assert f"| {drill.fault} | {drill.alarm or 'none, by design'} |" in text
    assert all(row.count(column) == 0 for row in read(text) for column in BAD)
    assert "events: 0 lost, 0 duplicated, 0\naltered.**" in text

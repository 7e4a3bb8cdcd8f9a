"""Every drill is run, names an alarm and a fix that exist, and has its row in the page."""

import ast
from pathlib import Path

import pytest

from infra.alarm_rules import rules
from infra.settings import Settings
from pipeline.errors import UserError
from sluice.drills import catalogue
from sluice.drills.catalogue import DRILLS, find
from sluice.drills.drill import Drill, nothing
from sluice.drills.page import PAGE, rows
from sluice.drills.rig import RUNBOOKS
from sluice.runbooks import parse

FOLDER = Path(__file__).parent
ALARMS = {rule.id for rule in rules(Settings().objectives)}
KINDS_MIN = 18

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
    assert sorted(run) == sorted(groups)


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
    """`./dev sluice drill --all --write` writes it."""
    text = PAGE.read_text(encoding="utf-8")
    assert rows(text) == [drill.id for drill in DRILLS]
    for drill in DRILLS:
        assert f"| {drill.fault} | {drill.alarm or 'none, by design'} |" in text
    assert "events: 0 lost, 0 duplicated, 0\naltered.**" in text

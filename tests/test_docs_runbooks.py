"""The runbooks hold: one an alarm, in their grammar, and only what may change something does."""

import re
import shlex
from pathlib import Path

import pytest

from infra.alarms_page import alarm_ids
from sluice.runbooks import index, parse
from tests.documents import RUNBOOKS, commands, fences, runbooks

ALARMS = alarm_ids()

by_runbook = pytest.mark.parametrize("path", runbooks(), ids=lambda path: path.stem)


def test_every_alarm_has_a_runbook_and_every_other_one_is_an_operation_of_the_index() -> None:
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    alarms, _, operations = index.partition("## Operations")
    linked = {half: set(re.findall(r"\]\(([\w-]+)\.md\)", half)) for half in (alarms, operations)}
    written = {path.stem for path in runbooks()}
    assert linked[alarms] == ALARMS
    assert written == ALARMS | linked[operations]


def test_the_index_lists_every_operation_and_says_what_for() -> None:
    listed = index(RUNBOOKS)
    assert list(listed) == list(dict.fromkeys(listed))
    assert set(listed) == {path.stem for path in runbooks()}


@by_runbook
def test_a_runbook_parses(path: Path) -> None:
    assert parse(path).id == path.stem


@by_runbook
def test_a_runbook_runs_something_to_diagnose_and_to_verify(path: Path) -> None:
    assert {"Before you start", "Diagnose", "Verify"} <= {s.section for s in parse(path).steps}


@by_runbook
def test_what_only_one_place_has_is_never_run(path: Path) -> None:
    steps = parse(path).steps
    assert [
        f"{path.name}:{s.line}" for s in steps if re.search(r"\b(pulumi|aws|jq) ", s.text)
    ] == []


READS = {
    *("status", "query", "verify", "drain", "alarms", "logs", "shards show", "runbook show"),
    "rollback --show",
}
CHANGING = {"key": {"--enable", "--rotate"}, "broker": {"--restart"}}
"""Verbs that read unless one of these options is given."""
"""Verbs, with what makes some of them read, that change nothing; a drain only waits."""


def changes(command: str) -> bool:
    """Return whether a command does more than to read."""
    words = shlex.split(command)[2:]
    if words[0] in CHANGING:
        return bool(CHANGING[words[0]] & set(words))
    return words[0] not in READS and not any(
        reading.split()[0] == words[0] and reading.split()[-1] in words for reading in READS
    )


@by_runbook
def test_only_fix_and_roll_back_change_anything(path: Path) -> None:
    found = [
        f"{path.name}:{fence.line}: {command}"
        for fence in fences(path.read_text(encoding="utf-8"))
        if fence.section in ("Before you start", "Diagnose", "Verify") and fence.language == "bash"
        for command in commands(fence)
        if changes(command)
    ]
    assert found == []


def test_a_command_that_changes_something_is_noticed() -> None:
    told = {
        "./dev sluice status": False,
        "./dev sluice key --stack s": False,
        "./dev sluice key --enable": True,
        "./dev sluice broker": False,
        "./dev sluice broker --restart 1": True,
        "./dev sluice rollback --show": False,
        "./dev sluice rollback": True,
        "./dev sluice shards split": True,
        "./dev sluice deploy a=1": True,
        "./dev sluice down --delete": True,
    }
    assert {command: changes(command) for command in told} == told


DESTRUCTIVE = re.compile(r"sluice down|retention_hours=(?:\s|$)|--delete|--force", re.MULTILINE)


@by_runbook
def test_a_step_that_loses_something_says_what_and_stands_alone(path: Path) -> None:
    for step in parse(path).steps:
        assert bool(step.loses) == bool(DESTRUCTIVE.search(step.text)), f"{path.name}:{step.line}"
        assert not step.loses or len(step.text.splitlines()) == 1

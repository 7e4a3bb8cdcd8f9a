"""Runbooks as data: what parses, what is refused by its line, and what a run of steps says."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.local import processes
from pipeline.errors import UserError
from sluice.runbooks import SECTIONS, Step, environment_of, find, matches, parse_text, run
from tests.waiting import until

NAME = "runbooks/x.md"
READING = ("Before you start", "Diagnose", "Verify")


def written(**sections: str) -> str:
    """Return a whole runbook `x`, each section on a line of its own with what stands under it."""
    bodies = {"Fix": "### A\n", **{name.replace("_", " "): text for name, text in sections.items()}}
    return "# x\n\n" + "".join(f"## {name}\n\n{bodies.get(name, '')}\n" for name in SECTIONS)


def line_of(text: str, part: str) -> int:
    """Return the number of the first line that holds `part`."""
    return text[: text.index(part)].count("\n") + 1


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder whose `./dev sluice` is the real command line, without setting anything up first."""
    dev = tmp_path / "dev"
    dev.write_text(
        f'#!/bin/sh\n[ "$1" = sluice ] && shift && exec {sys.executable} -m sluice "$@"\n'
    )
    dev.chmod(0o755)
    return tmp_path


def trouble_of(
    text: str,
    folder: Path,
    *,
    sections: Sequence[str] = READING,
    cause: str | None = None,
    seconds_max: float = 180,
) -> str:
    """Run a document's steps and return the first that fails."""
    return run(
        parse_text(NAME, text),
        folder=folder,
        variables={},
        sections=sections,
        cause=cause,
        seconds_max=seconds_max,
    )


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("```bash\nfalse\ntrue\n```\n", "exit 1"),
        ("```bash\nfalse | true\n```\n", "exit 1"),
        ("```bash\nexit 0\n```\n", "exit 0"),
        ('```bash\necho "$NOWHERE_SET"\n```\n', "exit 1"),
        ("```bash\n./dev sluice dance\n```\n", "exit 2"),
        ("```bash\nsleep 60\n```\n", "not over in 2 s"),
    ],
)
def test_the_first_step_that_fails_is_named_by_its_line(
    step: str, says: str, checkout: Path
) -> None:
    text = written(Diagnose=step, Verify="```bash\nfalse\n```\n")
    line = line_of(text, "```bash")
    seconds_max = 2 if "sleep" in step else 180
    told = trouble_of(text, checkout, seconds_max=seconds_max)
    assert told.startswith(f"runbooks/x.md:{line} (Diagnose): {says}")


def test_a_later_step_sees_the_variables_of_an_earlier_one(checkout: Path) -> None:
    text = written(Diagnose="```bash\na=1\n```\n\n```bash\ntest $a = 2\n```\n")
    line = line_of(text, "test $a") - 1
    assert trouble_of(text, checkout).startswith(f"runbooks/x.md:{line} (Diagnose): exit 1")


def test_what_is_printed_against_the_expectation_is_told(checkout: Path) -> None:
    text = written(Diagnose="```bash\necho b\n```\n\n```text expect\na\n```\n")
    line = line_of(text, "```text expect")
    told = trouble_of(text, checkout)
    assert told == f"runbooks/x.md:{line} (Diagnose): printed instead:\nb\n"


def test_only_the_sections_and_the_cause_that_are_asked_for_run(checkout: Path) -> None:
    text = written(
        Before_you_start="```bash\nname=x\n```\n",
        Fix="### A\n\n```bash\nfalse\n```\n\n### B\n\n```bash\nname=fixed\n```\n",
        Verify='```bash\necho "is $name" now\n```\n\n```text expect\nis x now\n```\n',
        Roll_back="```bash\nfalse\n```\n",
    )
    assert trouble_of(text, checkout) == ""
    told = trouble_of(text, checkout, sections=(*READING, "Fix"), cause="b")
    assert told.endswith("printed instead:\nis fixed now\n")


def test_a_step_is_left_out_when_its_caller_says_so_and_its_output_is_passed_on(
    checkout: Path,
) -> None:
    runbook = parse_text(
        NAME, written(Diagnose="```bash\nfalse\n```\n\n```bash\necho out; echo err >&2\n```\n")
    )
    seen: list[Step] = []
    printed: list[str] = []

    def on_step(step: Step) -> bool:
        seen.append(step)
        return step.text != "false\n"

    trouble = run(
        runbook,
        folder=checkout,
        variables={},
        sections=READING,
        on_step=on_step,
        on_output=printed.append,
    )
    assert trouble == ""
    assert len(seen) == 2
    assert sorted("".join(printed).split()) == ["err", "out"]


def test_steps_get_few_variables_and_no_input(checkout: Path) -> None:
    given = {"SLUICE_STACK": "s", "AWS_PROFILE": "p", "PATH": "/bin:/usr/bin", "SECRET": "1"}
    assert environment_of(given).keys() == {
        *("PATH", "LC_ALL", "COLUMNS", "SLUICE_STACK", "AWS_PROFILE")
    }
    text = written(
        Diagnose="```bash\nread -r line || echo none\n```\n\n```text expect\nnone\n```\n"
    )
    assert trouble_of(text, checkout) == ""


def test_nothing_that_a_step_started_outlives_the_run(checkout: Path) -> None:
    text = written(Diagnose="```bash\nsleep 98765 &\necho $! > pid\n```\n")
    assert trouble_of(text, checkout) == ""
    pid = int((checkout / "pid").read_text())
    # What is killed takes a moment to go.
    until(lambda: processes.find(pid) is None)


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\n", "a\n", True),
        ("a ... c\n", "a b c\n", True),
        ("...\nb\n...\n", "a\nb\n", True),
        ("head\n...\n", "head\n", True),
        ("a\n", "a\nb\n", False),
        ("a.c\n", "abc\n", False),
        ("a ... c\n", "a\nc\n", False),
    ],
)
def test_three_dots_stand_for_what_varies(expected: str, printed: str, same: bool) -> None:
    assert matches(expected, printed) is same


def test_a_step_knows_its_cause_its_expectation_and_what_it_loses() -> None:
    text = written(
        Fix="### A\n\n```bash\none\n```\n\n```text expect\n1\n```\n\n"
        "### B\n\nThis loses\nall of it.\n\n```bash destructive\ntwo\n```\n"
    )
    runbook = parse_text(NAME, text)
    assert runbook.causes == ("A", "B")
    one, two = runbook.steps
    assert (one.cause, one.text, one.expect, one.loses) == ("A", "one\n", "1\n", "")
    assert (two.cause, two.text, two.expect) == ("B", "two\n", None)
    assert two.loses == "This loses all of it."


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        (written(Diagnose="```bash\ntrue\n"), "```bash", "does not close"),
        (written(Diagnose="```python\n```\n"), "```python", 'no block "python"'),
        (written(Diagnose="```text expect\n```\n"), "```text", "right after its command"),
        (written(Fix="### A\n\n```bash destructive\n```\n"), "```bash", "says what is lost"),
        (written().replace("## Fix", "## Mend"), "## Mend", 'no section "Mend"'),
        (written().replace("## Impact\n", ""), "## Before", '"Impact" is due here'),
        (written() + "## Fix\n", "## Fix\n#", "nothing is due after it"),
        (written().replace("# x", "# y"), "# y", "write: # x"),
    ],
)
def test_a_runbook_that_breaks_its_grammar_is_refused_by_its_line(
    text: str, at: str, says: str
) -> None:
    with pytest.raises(UserError, match=re.escape(says)) as told:
        parse_text(NAME, text)
    line = text.count("\n") if "nothing is due" in says else line_of(text, at)
    assert str(told.value).startswith(f"runbooks/x.md:{line}: ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (written().replace("## Escalate\n", ""), "## Escalate"),
        (written(Fix="nothing\n"), "one ### heading"),
        (written(Fix="### A\n### A\n"), "a different one"),
    ],
)
def test_a_runbook_that_lacks_something_is_told_what(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_text(NAME, text)


def test_an_unknown_runbook_cause_or_section_is_answered_with_the_nearest(tmp_path: Path) -> None:
    runbook = parse_text(NAME, written(Fix="### A hot shard\n\n### A bad deploy\n"))
    with pytest.raises(UserError, match='no cause "hot shart" under Fix; it has "A hot shard"'):
        runbook.cause("hot shart")
    with pytest.raises(UserError, match="which cause is to be fixed"):
        run(runbook, folder=tmp_path, variables={}, sections=("Fix",))
    with pytest.raises(UserError, match='no section "Cure"'):
        run(runbook, folder=tmp_path, variables={}, sections=("Cure",))
    (tmp_path / "x.md").write_text(written())
    with pytest.raises(UserError, match="no runbook y"):
        find(tmp_path, "y")
    with pytest.raises(UserError, match="run this from a checkout"):
        find(tmp_path / "nowhere", "x")

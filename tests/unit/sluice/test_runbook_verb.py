"""An operator goes through a runbook: what is shown, asked, run, and said at the end."""

import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.errors import UserError
from sluice.__main__ import sluice
from sluice.runbook import operate
from sluice.runbooks import SECTIONS, parse_text

BODIES = {
    "Before you start": "```bash\nname=me\n```\n",
    "Diagnose": '```bash\necho "sick: $name"\n```\n\n```text expect\nsick: ...\n```\n',
    "Fix": (
        "### A cold\n\nTea helps.\n\n```bash\necho tea >> done\n```\n\n"
        "### A flu\n\nThe fever is lost for ever.\n\n```bash destructive\necho pill >> done\n```\n"
    ),
    "Verify": "```bash\ntest -e done\n```\n",
    "Roll back": "```bash\nrm done\n```\n",
}
RUNBOOK = parse_text(
    "runbooks/x.md",
    "# x\n\n" + "".join(f"## {name}\n\n{BODIES.get(name, 'Words.')}\n" for name in SECTIONS),
)


def go(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    answers: str = "",
    cause: str | None = None,
    roll_back: bool = False,
    yes: bool = False,
) -> int:
    """Go through the runbook with these answers typed, and return the exit code."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answers))
    return operate(RUNBOOK, folder=folder, variables={}, cause=cause, roll_back=roll_back, yes=yes)


def test_without_a_cause_it_diagnoses_and_names_the_causes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go(tmp_path, monkeypatch) == 0
    told = capsys.readouterr()
    assert "sick: me" in told.out
    assert '--cause and one of: "A cold", "A flu"' in told.err
    assert not (tmp_path / "done").exists()


def test_a_fix_is_shown_asked_for_run_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go(tmp_path, monkeypatch, cause="a cold", answers="run\n") == 0
    told = capsys.readouterr()
    assert "Tea helps." in told.out
    assert "echo tea >> done" in told.out
    assert "every step is done" in told.err
    assert (tmp_path / "done").read_text() == "tea\n"


@pytest.mark.parametrize("answers", ["quit\n", ""])
def test_who_quits_is_told_where_it_stopped_and_how_to_go_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answers: str,
) -> None:
    assert go(tmp_path, monkeypatch, cause="A cold", answers=answers) == 1
    said = capsys.readouterr().err
    assert f"stopped before runbooks/x.md:{RUNBOOK.steps[2].line}; go on with:" in said
    assert 'sluice runbook run x --cause "A cold"' in said
    assert not (tmp_path / "done").exists()


def test_a_step_that_is_skipped_may_leave_the_next_one_to_fail_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go(tmp_path, monkeypatch, cause="A cold", answers="skip\n") == 1
    said = capsys.readouterr().err
    assert f"stopped at runbooks/x.md:{RUNBOOK.steps[4].line} (Verify): exit 1" in said
    assert "every step may be repeated" in said


def test_a_destructive_step_says_what_is_lost_even_when_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go(tmp_path, monkeypatch, cause="A flu", yes=True) == 0
    assert "DESTRUCTIVE: The fever is lost for ever." in capsys.readouterr().err
    assert go(tmp_path, monkeypatch, roll_back=True, yes=True) == 0
    assert not (tmp_path / "done").exists()


def test_an_unknown_cause_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match='no cause "A coldd" under Fix; it has "A cold"'):
        go(tmp_path, monkeypatch, cause="A coldd", yes=True)


def test_runbooks_are_listed_and_shown() -> None:
    listed = CliRunner().invoke(sluice, ["runbook", "list"]).output
    assert "iterator-age" in listed
    shown = CliRunner().invoke(sluice, ["runbook", "show", "iterator-age"]).output
    assert "A hot shard" in shown
    unknown = CliRunner().invoke(sluice, ["runbook", "show", "iterator-ages"])
    assert "did you mean iterator-age" in str(unknown.exception)

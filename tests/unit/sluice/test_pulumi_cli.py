"""The Pulumi CLI is called with what an operator asked for, and is never cut off."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import OperatingError, UserError
from sluice import pulumi_cli
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
STOPPED = """#!{python}
import pathlib, signal, sys

def stop(*_):
    notes.write_text(notes.read_text() + "stopped\\nstate saved\\n")
    sys.exit(255)

notes = pathlib.Path("{notes}")
signal.signal(signal.SIGINT, stop)
notes.write_text("begun\\n")
signal.pause()
"""
"""A CLI that works until it is told to stop, and then still has something to save."""


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `pulumi` on the path that notes how it was called; the file of its notes."""
    notes = tmp_path / "calls"
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    held = '{"sluice:shard_count": {"value": "2"}, "aws:region": {"value": "x"}}'
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {notes}\n[ "$2" != --json ] || echo \'{held}\'\n'
        '[ "$1" != refresh ] || exit 255\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    return notes


def test_a_stack_on_aws_is_changed_by_the_pulumi_cli(pulumi: Path) -> None:
    assert pulumi_cli.settings("prod") == {"shard_count": "2"}
    pulumi_cli.configure("prod", {"shard_count": "4", "memory_mb": ""})
    pulumi_cli.update("prod")
    pulumi_cli.destroy("prod")
    assert pulumi.read_text().splitlines() == [
        "config --json --stack prod --non-interactive",
        "config set sluice:shard_count 4 --stack prod --non-interactive",
        "config rm sluice:memory_mb --stack prod --non-interactive",
        "up --yes --skip-preview --stack prod --non-interactive",
        "destroy --yes --skip-preview --stack prod --non-interactive",
    ]


def test_pulumi_that_fails_or_is_not_there_is_told_in_one_line(
    pulumi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperatingError, match=r"pulumi refresh failed .* 255 .*troubleshooting\.md"):
        pulumi_cli.refresh("prod")
    monkeypatch.setenv("PATH", str(pulumi.parent))
    with pytest.raises(UserError, match=re.escape("there is none on the path")):
        pulumi_cli.update("prod")


@pytest.mark.parametrize(
    ("ended_by", "raised", "said"),
    [
        (subprocess.TimeoutExpired("pulumi", 1), OperatingError, "pulumi up was not over after"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
    ids=["the limit", "Ctrl-C"],
)
def test_pulumi_is_never_killed_but_told_to_stop_and_waited_for(
    pulumi: Path,
    monkeypatch: pytest.MonkeyPatch,
    ended_by: BaseException,
    raised: type[BaseException],
    said: str | None,
) -> None:
    """Killed, it would leave the stack locked and forget what it had just made."""
    program = pulumi.parent / "bin" / "pulumi"
    program.write_text(STOPPED.format(python=sys.executable, notes=pulumi))
    pulumi.write_text("")
    ends = [ended_by]

    class Watched(subprocess.Popen[str]):
        def communicate(self, *args: Any, **limits: Any) -> tuple[str, str]:
            until(lambda: "begun" in pulumi.read_text())
            if ends:
                raise ends.pop()
            return super().communicate(*args, **limits)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    with pytest.raises(raised, match=said):
        pulumi_cli.update("prod")
    assert pulumi.read_text().splitlines() == ["begun", "stopped", "state saved"]


def test_an_update_may_take_as_long_as_aws_takes_for_a_cluster_of_brokers() -> None:
    assert pulumi_cli.UPDATE_SECONDS_MAX > 2 * 60 * 60
    workflow = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]["up"]
    assert workflow["timeout-minutes"] * 60 >= pulumi_cli.UPDATE_SECONDS_MAX
    (role,) = (s["with"] for s in workflow["steps"] if "role-to-assume" in s.get("with", {}))
    assert role["role-duration-seconds"] >= pulumi_cli.UPDATE_SECONDS_MAX

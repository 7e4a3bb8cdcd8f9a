"""Every runbook's commands work: before one starts, to diagnose, and to verify, as they paste."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import IO

import pytest

from pipeline.domain.known_good import KNOWN_GOOD
from tests.documents import Fence, fences, runbooks
from tests.integration.cli.conftest import Cli

STACK = "runbooks"
STEP_SECONDS_MAX = 45.0
RUN_SECTIONS = ("Before you start", "Diagnose", "Verify")
EXPECT = "text expect"


class Shell:
    """One bash that runs step after step: variables carry over, unset ones are errors."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._folder = folder
        self._bash = subprocess.Popen(
            ["/bin/bash", "--noprofile", "--norc", "-eu", "-o", "pipefail"],
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "COLUMNS": "160", **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, text: str, *, seconds_max: float) -> tuple[str, str]:
        """Return how a step ended, empty when well, and what it printed."""
        (self._folder / "step").write_text(text)
        orders, answers = _pipes(self._bash)
        orders.write(b". ./step </dev/null >printed 2>complained; echo\n")
        orders.flush()
        if not select.select([answers], [], [], seconds_max)[0]:
            return f"not over in {seconds_max:g} s", ""
        printed = (self._folder / "printed").read_text()
        if answers.readline():
            return "", printed
        complaint = (self._folder / "complained").read_text().strip()[-500:]
        return f"exit {self._bash.wait()}\n{complaint}", printed

    def end(self) -> None:
        """End the shell and whatever a step left behind."""
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        for pipe in _pipes(self._bash):
            pipe.close()
        self._bash.wait()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def matches(expected: str, printed: str) -> bool:
    """Return whether a step printed what was expected; `...` is anything, alone any lines."""
    lines = [
        r"(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
        for line in expected.splitlines()
    ]
    return re.fullmatch("".join(lines), printed.rstrip() + "\n") is not None


def trouble_of(
    name: str, text: str, folder: Path, variables: dict[str, str], *, seconds_max: float
) -> str:
    """Run a document's steps and return the first that fails, by its line; empty if none does."""
    steps = [fence for fence in fences(text) if fence.section in RUN_SECTIONS]
    shell = Shell(folder, variables)
    try:
        for step, after in pairwise([*steps, Fence(language="", line=0, section="", text="")]):
            if step.language != "bash":
                continue
            end, printed = shell.run(step.text, seconds_max=seconds_max)
            if end:
                return f"{name}:{step.line} ({step.section}): {end}"
            if after.language == EXPECT and not matches(after.text, printed):
                return f"{name}:{after.line} ({after.section}): printed instead:\n{printed}"
    finally:
        shell.end()
    return ""


@pytest.fixture(scope="module")
def variables(home: Path, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables under which runbooks find a stack that holds a good and a bad event."""
    good = json.loads(KNOWN_GOOD.data)
    events = tmp_path_factory.mktemp("events") / "events.jsonl"
    events.write_text(f"{json.dumps(good)}\n{json.dumps(good | {'distance_miles': 'far'})}\n")
    for words in (("up",), ("send", str(events)), ("drain",)):
        verb, *rest = words
        done = cli(home, verb, "--stack", STACK, *rest)
        assert done.returncode == 0, done.stderr
    return {"SLUICE_HOME": str(home), "SLUICE_STACK": STACK}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder whose `./dev sluice` is the real command line, without setting anything up first."""
    dev = tmp_path / "dev"
    dev.write_text(
        f'#!/bin/sh\n[ "$1" = sluice ] && shift && exec {sys.executable} -m sluice "$@"\n'
    )
    dev.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("path", runbooks(), ids=lambda path: path.stem)
def test_a_runbook_s_commands_work_as_they_paste(
    path: Path, checkout: Path, variables: dict[str, str]
) -> None:
    trouble = trouble_of(
        f"runbooks/{path.name}",
        path.read_text(),
        checkout,
        variables,
        seconds_max=STEP_SECONDS_MAX,
    )
    assert not trouble, trouble


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ("```bash\nfalse\ntrue\n```\n", "x.md:3 (Diagnose): exit 1"),
        ("```bash\nfalse | true\n```\n", "x.md:3 (Diagnose): exit 1"),
        ("```bash\nexit 0\n```\n", "x.md:3 (Diagnose): exit 0"),
        ('```bash\necho "$NOWHERE_SET"\n```\n', "x.md:3 (Diagnose): exit 1"),
        ("```bash\n./dev sluice dance\n```\n", "x.md:3 (Diagnose): exit 2"),
        ("```bash\nsleep 60\n```\n", "x.md:3 (Diagnose): not over in 2 s"),
        ("```bash\necho b\n```\n\n```text expect\na\n```\n", "x.md:7 (Diagnose): printed instead"),
        ("```bash\na=1\n```\n\n```bash\ntest $a = 2\n```\n", "x.md:7 (Diagnose): exit 1"),
    ],
)
def test_the_first_step_that_fails_is_named_by_its_line(
    steps: str, says: str, checkout: Path
) -> None:
    text = f"## Diagnose\n\n{steps}\n## Fix\n\n```bash\nfalse\n```\n"
    seconds_max = 2 if "sleep" in steps else STEP_SECONDS_MAX
    assert trouble_of("x.md", text, checkout, {}, seconds_max=seconds_max).startswith(says)


def test_variables_carry_over_and_fixes_are_left_to_the_operator(checkout: Path) -> None:
    text = (
        "## Before you start\n\n```bash\nname=x\n```\n\n## Fix\n\n```bash\nfalse\n```\n\n"
        '## Verify\n\n```bash\necho "is $name" now\n```\n\n```text expect\nis ... now\n```\n'
    )
    assert trouble_of("x.md", text, checkout, {}, seconds_max=10) == ""


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

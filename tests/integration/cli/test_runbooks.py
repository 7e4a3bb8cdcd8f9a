"""Every runbook pastes as it is: what reads and what verifies is run against a local stack."""

import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli

ROOT = Path(__file__).resolve().parents[3]
RUNBOOKS = sorted(p for p in (ROOT / "runbooks").glob("*.md") if p.name != "README.md")
SECTIONS = ("Before you start", "Diagnose", "Verify")
DOCUMENT_SECONDS_MAX = 60
STACK = "runbooks"
DONE = "@@step"


class StepFailed(AssertionError):
    """A fence ended with an error, or printed something else than its runbook says."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One `bash` fence: where it begins, in which section, and what it prints, if said."""

    line: int
    section: str
    command: str
    expected: str | None = None


def steps_of(text: str) -> list[Step]:
    """Return the `bash` fences of a document's sections that are run, each with what it prints."""
    steps: list[Step] = []
    section, fence, start = "", "", 0
    body: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            if line != "```":
                body.append(line)
            elif section in SECTIONS and fence == "bash":
                steps.append(Step(line=start, section=section, command="\n".join(body)))
                fence = ""
            elif section in SECTIONS and fence == "text expect":
                last = steps.pop()
                assert last.section == section
                assert last.expected is None
                steps.append(
                    Step(
                        line=last.line,
                        section=section,
                        command=last.command,
                        expected="\n".join(body),
                    )
                )
                fence = ""
            else:
                fence = ""
        elif line.startswith("```"):
            fence, start, body = line.removeprefix("```"), number, []
        elif line.startswith("## "):
            section = line.removeprefix("## ")
    return steps


def matches(expected: str, printed: str) -> bool:
    """Return whether a text is as expected: `...` stands for anything, alone for any lines."""
    pattern = "".join(
        r"(?:.*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, printed) is not None


def script_of(steps: list[Step]) -> str:
    """Return one script for all steps; it ends at the first failed one and says where it is."""
    lines = ["set -u"]
    for number, step in enumerate(steps):
        lines += [f"set -e\n{step.command}\nset +e", f"echo {shlex.quote(f'{DONE} {number}')}"]
    return "\n".join(lines) + "\n"


def run_document(name: str, text: str, *, folder: Path, variables: dict[str, str]) -> list[Step]:
    """Run a document's fences in one bash and return them. Raises StepFailed at the first bad one.

    Variables carry over from fence to fence; nothing of our own environment does.
    """
    steps = steps_of(text)
    try:
        done = subprocess.run(
            ["bash", "-c", script_of(steps)],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DOCUMENT_SECONDS_MAX,
        )
        code, printed, said = f"exit {done.returncode}", done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        code, said = f"not over after {DOCUMENT_SECONDS_MAX} s", ""
        printed = late.stdout.decode() if isinstance(late.stdout, bytes) else ""
    parts = re.split(rf"^{DONE} \d+\n", printed, flags=re.MULTILINE)
    passed = len(parts) - 1
    for number, (step, part) in enumerate(zip(steps, parts, strict=False)):
        where = f"{name}:{step.line} ({step.section})"
        if number == passed:
            raise StepFailed(f"{where}: {code}\n{part}{said[-2_000:]}")
        if step.expected is not None and not matches(step.expected, part):
            raise StepFailed(f"{where}: expected\n{step.expected}\nbut it printed\n{part}")
    return steps


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `./dev sluice` is the command line of this environment, not made anew."""
    made = tmp_path_factory.mktemp("checkout")
    shim = made / "dev"
    shim.write_text(
        f'#!/bin/sh\n[ "$1" = sluice ] || exit 64\nshift\n'
        f'exec {shlex.quote(sys.executable)} -m sluice "$@"\n'
    )
    shim.chmod(0o755)
    return made


@pytest.fixture(scope="module")
def variables(home: Path, cli: Cli) -> dict[str, str]:
    """A stack that has taken a small load, two bad events in it, and how to name it."""
    up = cli(home, "up", "--stack", STACK)
    assert up.returncode == 0, up.stderr
    words = ("--events", "400", "--rate", "400", "--web-users", "0", "--poison", "2")
    load = cli(home, "load", "--stack", STACK, *words, "--no-verify")
    assert load.returncode == 0, load.stderr
    drain = cli(home, "drain", "--stack", STACK)
    assert drain.returncode == 0, drain.stderr
    return {"SLUICE_STACK": STACK, "SLUICE_HOME": str(home), "PATH": os.defpath}


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_pastes_as_it_is(runbook: Path, folder: Path, variables: dict[str, str]) -> None:
    text = runbook.read_text(encoding="utf-8")
    name = runbook.relative_to(ROOT).as_posix()
    steps = run_document(name, text, folder=folder, variables=variables)
    assert {step.section for step in steps} == set(SECTIONS)


DOCUMENT = """# example

## Before you start

```bash
found=three
```

## Diagnose

```bash
echo one
echo "$found two"
```

```text expect
one
...two
```

## Fix

```bash
exit 9
```

## Verify

```bash
cat
```
"""
BARE = {"PATH": os.defpath}


def test_variables_carry_over_and_a_fix_is_not_run(tmp_path: Path) -> None:
    steps = run_document("runbooks/x.md", DOCUMENT, folder=tmp_path, variables=BARE)
    assert [step.line for step in steps] == [5, 11, 29]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("echo one", "false", "runbooks/x.md:11 (Diagnose): exit 1"),
        ("echo one", "exit 0", "runbooks/x.md:11 (Diagnose): exit 0"),
        ("found=three", "found=$unset", "runbooks/x.md:5 (Before you start): exit"),
        ("found=three", "found=$HOME", "runbooks/x.md:5 (Before you start): exit"),
        ("cat\n", "false | true; exit 3\n", "runbooks/x.md:29 (Verify): exit 3"),
        ("echo one", "echo many", "runbooks/x.md:11 (Diagnose): expected"),
    ],
)
def test_the_runner_stops_at_the_first_step_that_fails(
    tmp_path: Path, old: str, new: str, where: str
) -> None:
    broken = DOCUMENT.replace(old, new, 1)
    with pytest.raises(StepFailed) as failed:
        run_document("runbooks/x.md", broken, folder=tmp_path, variables=BARE)
    assert str(failed.value).startswith(where)


def test_a_step_that_never_ends_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "DOCUMENT_SECONDS_MAX", 1)
    endless = DOCUMENT.replace("echo one", "read line < <(tail -f /dev/null)", 1)
    began = time.monotonic()
    with pytest.raises(StepFailed, match=r"11 \(Diagnose\): not over after 1 s"):
        run_document("runbooks/x.md", endless, folder=tmp_path, variables=BARE)
    assert time.monotonic() - began < DOCUMENT_SECONDS_MAX + 10

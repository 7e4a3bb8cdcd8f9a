"""The command line as a person uses it: a process a command, a home of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SECONDS_MAX = 400

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def cli() -> Cli:
    """Run one command line and return how it ended."""

    def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sluice", "--home", str(home), *words],
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
            env={**os.environ, "COLUMNS": "200"},
        )

    return run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, cli: Cli) -> Iterator[Path]:
    """A home whose stacks are gone when the module ends."""
    folder = tmp_path_factory.mktemp("home")
    yield folder
    for stack in folder.iterdir():
        cli(folder, "down", "--stack", stack.name, "--force")
        assert processes_of(stack) == []


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `./dev sluice` is the real command line, without setting anything up first."""
    folder = tmp_path_factory.mktemp("checkout")
    dev = folder / "dev"
    dev.write_text(
        f'#!/bin/sh\n[ "$1" = sluice ] && shift && exec {sys.executable} -m sluice "$@"\n'
    )
    dev.chmod(0o755)
    return folder


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of all live processes that name a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(folder) in words and " pytest" not in words:
                found.append(words)
    return found


def last_report(folder: Path) -> dict[str, Any]:
    """Return the newest report of a stack's folder."""
    newest = max(folder.glob("loads/*/report.json"), key=lambda path: path.stat().st_mtime)
    report: dict[str, Any] = json.loads(newest.read_text())
    return report

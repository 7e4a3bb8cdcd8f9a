"""The project's own program under the real Pulumi engine, on an embedded AWS of these tests."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.local import processes
from infra.local.engine.install import find, install
from infra.local.supervisor import LocalAws
from tests.embedded_aws import aws, client, package_file

__all__ = ["aws", "client", "package_file"]

ROOT = Path(__file__).resolve().parents[2]
OWN_COPIES = ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.staging.yaml", "Pulumi.prod.yaml")
COMMAND_SECONDS_MAX = 900
PASSPHRASE = "correct horse battery staple"


@dataclass(kw_only=True)
class Done:
    """A command of the CLI that has ended."""

    code: int
    text: str
    """What it printed, to both outputs."""
    steps: dict[str, int] = field(default_factory=dict)
    """How many resources were created, updated, deleted, left the same..., as the engine counts."""


@dataclass(kw_only=True)
class Engine:
    """A project folder, and the CLI over it with a state and a home of its own."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *words: str, code: int = 0, stack: str = "dev") -> Done:
        """Run a command to its end; fail the test when it ends with another code."""
        done = subprocess.run(
            self.command(*words, stack=stack),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS_MAX,
            stdin=subprocess.DEVNULL,
        )
        text = done.stdout + done.stderr
        assert done.returncode == code, text
        return Done(code=done.returncode, text=text, steps=_steps(text))

    def command(self, *words: str, stack: str = "dev") -> list[str]:
        """Return the words of a command on a stack."""
        chosen = [] if words[0] in ("stack", "login") else ["--stack", stack]
        return ["pulumi", *words, *chosen, "--non-interactive"]

    def start(self, *words: str, stack: str = "dev") -> subprocess.Popen[str]:
        """Start a command in a process group of its own, so that it can be interrupted."""
        return subprocess.Popen(
            self.command(*words, stack=stack),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def set(self, key: str, value: str, *, stack: str = "dev") -> None:
        """Set one setting of a stack."""
        self("config", "set", key, value, stack=stack)

    def outputs(self, *, stack: str = "dev") -> dict[str, Any]:
        """Return a stack's outputs."""
        words = ("stack", "output", "--json", "--show-secrets", "--stack", stack)
        found: dict[str, Any] = json.loads(self(*words).text)
        return found

    def state(self, *, stack: str = "dev") -> dict[str, Any]:
        """Return the engine's own state of a stack."""
        exported: dict[str, Any] = json.loads(self("stack", "export", "--stack", stack).text)
        return exported


def _steps(text: str) -> dict[str, int]:
    """Read the engine's own summary, such as `+ 62 created` or `+ 62 to create`, by its verb."""
    summary = text.rpartition("Resources:")[2].partition("Duration:")[0]
    return {verb: int(count) for count, verb in re.findall(r"(\d+) (?:to )?([a-z]+)", summary)}


@pytest.fixture(scope="session")
def engine_folder() -> Path:
    """Where the CLI is: built once where there is Go, else these tests are skipped."""
    found = find()
    if found is None and shutil.which("go") is None:
        pytest.skip("no Pulumi CLI on PATH, and no Go to build one with")
    return found or install()


@pytest.fixture(scope="session")
def provider_port(aws: LocalAws) -> Iterator[int]:
    """The port of the local provider, a process of its own as a plugin is."""
    provider = subprocess.Popen(
        [
            *(sys.executable, "-m", "infra.local.provider", "--endpoint", aws.endpoint),
            *("--region", aws.region, "--parent", str(os.getpid())),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert provider.stdout is not None
    yield int(provider.stdout.readline())
    if (process := processes.find(provider.pid)) is not None:
        processes.end([process], grace_seconds=6.0)
    provider.wait()
    provider.stdout.close()


@pytest.fixture(scope="module")
def engine(
    engine_folder: Path, provider_port: int, aws: LocalAws, tmp_path_factory: pytest.TempPathFactory
) -> Engine:
    """The project's own Pulumi.yaml, stack files and program, over a backend of its own.

    The files that the CLI writes to are copies; all else is the project itself, linked.
    """
    folder = tmp_path_factory.mktemp("project")
    for path in ROOT.iterdir():
        if path.name in OWN_COPIES:
            shutil.copy(path, folder / path.name)
        elif not path.name.startswith(".") or path.name == ".venv":
            (folder / path.name).symlink_to(path)
    backend = tmp_path_factory.mktemp("backend")
    kept = ("HOME", "LANG", "TMPDIR", "UV_CACHE_DIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | {
        "PATH": f"{engine_folder}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "PULUMI_HOME": str(tmp_path_factory.mktemp("home")),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_DEBUG_PROVIDERS": f"aws:{provider_port}",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
    }
    return Engine(folder=folder, environment=environment)

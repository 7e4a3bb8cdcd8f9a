"""The Pulumi CLI, for what changes a stack on AWS: its settings, an update, a refresh."""

import json
import subprocess
from collections.abc import Mapping
from typing import Final

from pipeline.errors import OperatingError, UserError
from sluice.stack import ROOT

READ_SECONDS_MAX: Final = 60
UPDATE_SECONDS_MAX: Final = 1_500
PROJECT: Final = "sluice"


def settings(stack: str) -> dict[str, str]:
    """Return what the stack's configuration says of the project's settings, by their names."""
    printed = _run(stack, "config", "--json", capture=True, seconds_max=READ_SECONDS_MAX)
    held = json.loads(printed)
    return {
        key.removeprefix(f"{PROJECT}:"): str(value.get("value", ""))
        for key, value in held.items()
        if key.startswith(f"{PROJECT}:")
    }


def configure(stack: str, pairs: Mapping[str, str]) -> None:
    """Write settings into the stack's configuration; an empty value goes back to the default."""
    for key, value in pairs.items():
        words = ("set", f"{PROJECT}:{key}", value) if value else ("rm", f"{PROJECT}:{key}")
        _run(stack, "config", *words, seconds_max=READ_SECONDS_MAX)


def update(stack: str) -> None:
    """Bring the stack to what program and configuration say."""
    _run(stack, "up", "--yes", "--skip-preview", seconds_max=UPDATE_SECONDS_MAX)


def refresh(stack: str) -> None:
    """Have Pulumi see what was changed without it."""
    _run(stack, "refresh", "--yes", "--skip-preview", seconds_max=UPDATE_SECONDS_MAX)


def destroy(stack: str) -> None:
    """Delete everything of the stack; what is protected makes Pulumi refuse, before it begins."""
    _run(stack, "destroy", "--yes", "--skip-preview", seconds_max=UPDATE_SECONDS_MAX)


def _run(stack: str, *words: str, seconds_max: float, capture: bool = False) -> str:
    """Run one command; what it says goes to the terminal unless it is captured.

    Raises UserError where there is no CLI, OperatingError when it fails or does not end.
    """
    command = ["pulumi", *words, "--stack", stack, "--non-interactive"]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            check=False,
            timeout=seconds_max,
        )
    except FileNotFoundError:
        raise UserError(
            "a stack on AWS is changed by the Pulumi CLI, and there is none on the path; "
            "see https://www.pulumi.com/docs/install/"
        ) from None
    except subprocess.TimeoutExpired:
        raise OperatingError(
            f"pulumi {words[0]} is not over after {seconds_max:.0f} s and was ended; "
            f"see: pulumi stack --stack {stack}"
        ) from None
    if done.returncode:
        raise OperatingError(
            f"pulumi {words[0]} failed with exit code {done.returncode} (see above); mend that and "
            "run the same command again"
        )
    return done.stdout or ""

"""The Pulumi CLI, for what changes a stack on AWS: its settings, an update, a refresh."""

import json
import signal
import subprocess
from collections.abc import Mapping
from typing import Final

from infra.project import NAME as PROJECT
from pipeline.errors import OperatingError, UserError
from sluice.stack import ROOT

READ_SECONDS_MAX: Final = 60
UPDATE_SECONDS_MAX: Final = 3 * 60 * 60
"""The AWS provider itself waits up to two hours for a cluster of brokers to be made or changed
(Terraform registry, "aws_msk_cluster", "Timeouts"); the rest comes before and after."""
ADVICE: Final = "docs/troubleshooting.md"


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
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            # It hears of Ctrl-C from `_wait` alone: a second one would end it in the middle.
            start_new_session=True,
        )
    except FileNotFoundError:
        raise UserError(
            "a stack on AWS is changed by the Pulumi CLI, and there is none on the path; "
            "see https://www.pulumi.com/docs/install/"
        ) from None
    try:
        printed = _wait(process, seconds_max)
    except subprocess.TimeoutExpired:
        raise OperatingError(
            f"pulumi {words[0]} was not over after {seconds_max:.0f} s and was told to stop; its "
            "state has what it made by then: run the same command again to go on, or see: "
            f"pulumi stack --stack {stack}"
        ) from None
    if process.returncode:
        raise OperatingError(
            f"pulumi {words[0]} failed with exit code {process.returncode} (see above); mend that "
            f"and run the same command again; what AWS says, and what to do: {ADVICE}"
        )
    return printed


def _wait(process: subprocess.Popen[str], seconds_max: float) -> str:
    """Return what it printed once it has ended; never kill it.

    At the limit, and at Ctrl-C, it is told to stop and waited for: killed, it would leave the stack
    locked and its state without what was just made (Pulumi docs, "pulumi cancel"). A second Ctrl-C
    reaches it too: it then ends at once. Raises what ended the wait, when it is over.
    """
    stopped: subprocess.TimeoutExpired | KeyboardInterrupt | None = None
    while True:
        try:
            printed, _ = process.communicate(timeout=None if stopped else seconds_max)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
            stopped = stopped or error
            process.send_signal(signal.SIGINT)
        else:
            break
    if stopped is not None:
        raise stopped
    return printed or ""

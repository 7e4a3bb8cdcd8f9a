"""One bash that runs step after step: variables carry over, unset ones are errors."""

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from pipeline.errors import UserError

BASH: Final = "/bin/bash"
STEP_SECONDS_MAX: Final = 900.0
"""As long as the longest thing that a step waits for: a deployment."""

LOOK_SECONDS: Final = 0.1
END_SECONDS: Final = 5.0
COMPLAINT_CHARACTERS_MAX: Final = 500


class Shell:
    """A bash with an environment of its own, in a folder; what it starts ends with it.

    `on_output` is given what a step prints, on either stream, as it comes.
    """

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        on_output: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Start it. Raises UserError where there is no bash."""
        self._on_output = on_output
        self._scratch = tempfile.TemporaryDirectory(prefix="sluice-runbook-")
        try:
            self._bash = subprocess.Popen(
                [BASH, "--noprofile", "--norc", "-eu", "-o", "pipefail"],
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError:
            self._scratch.cleanup()
            raise UserError(f"runbooks run in {BASH}, and this machine has none") from None

    def __enter__(self) -> Self:
        """Return the shell itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the shell and whatever a step left behind, politely first."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._bash.wait(END_SECONDS if self._bash.poll() is None else 0)
        self._signal(signal.SIGKILL)
        for pipe in _pipes(self._bash):
            with suppress(BrokenPipeError):
                pipe.close()
        self._bash.wait()
        self._scratch.cleanup()

    def run(self, text: str, *, seconds_max: float) -> tuple[str, str]:
        """Return how a step ended, empty when well, and what it printed to standard output."""
        scratch = Path(self._scratch.name)
        (scratch / "step").write_text(text, encoding="utf-8")
        printed, complained = scratch / "printed", scratch / "complained"
        for file in (printed, complained):
            file.write_bytes(b"")
        orders, answers = _pipes(self._bash)
        orders.write(f". {scratch}/step </dev/null >{printed} 2>{complained}; echo\n".encode())
        orders.flush()
        if not self._answered(answers, (printed, complained), seconds_max):
            return f"not over in {seconds_max:g} s", ""
        if answers.readline():
            return "", printed.read_text(encoding="utf-8", errors="replace")
        complaint = complained.read_text(encoding="utf-8", errors="replace").strip()
        return f"exit {self._bash.wait()}\n{complaint[-COMPLAINT_CHARACTERS_MAX:]}", ""

    def _answered(self, answers: IO[bytes], files: tuple[Path, ...], seconds_max: float) -> bool:
        """Pass on what is printed until the step is over; return whether it is, in time."""
        deadline = time.monotonic() + seconds_max
        offsets = dict.fromkeys(files, 0)
        over = False
        while not over and (left := deadline - time.monotonic()) > 0:
            over = bool(select.select([answers], [], [], min(LOOK_SECONDS, left))[0])
            for file, offset in offsets.items():
                with file.open("rb") as opened:
                    opened.seek(offset)
                    new = opened.read()
                offsets[file] = offset + len(new)
                if new:
                    self._on_output(new.decode(errors="replace"))
        return over

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, number)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout

"""Finds the Pulumi CLI with its Python language host, or builds both from pinned Go modules.

Whoever deploys to AWS has the CLI already; a machine that only runs the tests may have Go instead.
`go/cli` and `go/host` pin every module by its hash (go.sum). The two differ in version because a
newer language host is not among the modules that the Go module proxy serves.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import OperatingError, UserError

ROOT: Final = Path(__file__).resolve().parents[3]
TOOLS: Final = ROOT / ".tools" / "pulumi"
MODULES: Final = Path(__file__).with_name("go")
BUILD_SECONDS_MAX: Final = 1_500
CLI: Final = "pulumi"
HOST: Final = "pulumi-language-python"
EXECUTOR: Final = "pulumi-language-python-exec"
SDK: Final = "github.com/pulumi/pulumi/sdk/v3"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One program: the folder of its go.mod, its package, and its version as it is to say it."""

    module: str
    package: str
    program: str
    version: str


PARTS: Final = (
    Part(
        module="cli",
        package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        program=CLI,
        version="v3.250.0",
    ),
    Part(
        module="host",
        package=f"{SDK}/python/cmd/pulumi-language-python",
        program=HOST,
        version="v3.64.0",
    ),
)


def find() -> Path | None:
    """Return the folder of a CLI that has its Python language host beside it, None if none has."""
    on_path = shutil.which(CLI)
    folders = [Path(on_path).resolve().parent] if on_path else []
    whole = (CLI, HOST, EXECUTOR)
    return next(
        (f for f in (*folders, TOOLS / "bin") if all((f / name).exists() for name in whole)), None
    )


def install(on_step: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder of the CLI, building it first where there is none.

    Raises UserError where Go is missing, OperatingError when a build fails.
    """
    with _alone():
        if (found := find()) is not None:
            return found
        go = shutil.which("go")
        if go is None:
            raise UserError(
                "there is no Pulumi CLI on PATH and no Go to build one with; install the CLI "
                "(pulumi.com/docs/install), or Go 1.25 or newer, and try again"
            )
        built = TOOLS / "bin"
        built.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            on_step(f"building {part.program} {part.version} (minutes, once)")
            _build(go, part, built)
        _copy_executor(go, built)
        return built


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time build."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(go: str, part: Part, folder: Path) -> None:
    said = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={part.version}"
    target = folder / part.program
    partial = target.with_suffix(".partial")
    _run(
        [go, "build", "-trimpath", "-ldflags", f"-s -w {said}", "-o", str(partial), part.package],
        MODULES / part.module,
    )
    partial.replace(target)


def _copy_executor(go: str, folder: Path) -> None:
    """Put the SDK's own starter of Python programs beside the language host."""
    where = _run([go, "list", "-m", "-f", "{{.Dir}}", SDK], MODULES / "cli").strip()
    source = Path(where) / "python" / "cmd" / EXECUTOR
    partial = folder / f"{EXECUTOR}.partial"
    shutil.copyfile(source, partial)
    partial.chmod(0o755)
    partial.replace(folder / EXECUTOR)


def _run(command: list[str], folder: Path) -> str:
    # A build takes minutes of every core: whatever else runs there goes first.
    polite = ["nice"] if shutil.which("nice") else []
    try:
        done = subprocess.run(
            [*polite, *command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS_MAX,
            env={**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
        )
    except subprocess.TimeoutExpired:
        raise OperatingError(f"{command[1]} took longer than {BUILD_SECONDS_MAX} s") from None
    if done.returncode:
        raise OperatingError(f"{' '.join(command[:2])} in {folder}: {done.stderr.strip()[-800:]}")
    return done.stdout

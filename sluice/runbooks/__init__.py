"""Runbooks as data that runs: one parser and one runner for tests, drills and operators.

parse(path) -> Runbook        run(runbook, folder=, variables=, sections=, cause=) -> trouble
"""

from sluice.runbooks.catalogue import find, index, paths
from sluice.runbooks.document import SECTIONS, Fence, fences, headings, prose
from sluice.runbooks.run import environment_of, matches, run
from sluice.runbooks.runbook import Runbook, Step, parse, parse_text
from sluice.runbooks.shell import STEP_SECONDS_MAX, Shell

__all__ = [
    "SECTIONS",
    "STEP_SECONDS_MAX",
    "Fence",
    "Runbook",
    "Shell",
    "Step",
    "environment_of",
    "fences",
    "find",
    "headings",
    "index",
    "matches",
    "parse",
    "parse_text",
    "paths",
    "prose",
    "run",
]

"""A stack whose alarms and schedules go faster than on AWS: said, kept, not changed under way."""

import json
from pathlib import Path

from tests.integration.cli.conftest import Cli

STACK = ("--stack", "fast")


def test_a_stack_keeps_the_pace_at_which_it_was_brought_up(home: Path, cli: Cli) -> None:
    done = cli(home, "up", *STACK, "--compress-time", "4")
    assert done.returncode == 0, done.stderr
    facts = json.loads(cli(home, "status", *STACK, "--json").stdout)
    assert facts["minute_seconds"] == 15.0
    assert "compressed 4 times: a minute takes 15 s" in cli(home, "status", *STACK).stdout
    other = cli(home, "up", *STACK, "--compress-time", "2")
    assert other.returncode == 2
    assert other.stderr.strip().splitlines() == [
        "sluice: stack fast runs with a minute of 15 s, which lasts as long as it does; run first:"
        " ./dev sluice down --stack fast"
    ]
    assert cli(home, "up", *STACK).returncode == 0
    assert cli(home, "down", *STACK).returncode == 0
    assert "pace.json" not in {path.name for path in (home / "fast").iterdir()}


def test_a_factor_that_is_none_is_a_mistake_of_the_caller(home: Path, cli: Cli) -> None:
    for factor in ("0.5", "31", "fast"):
        assert cli(home, "up", *STACK, "--compress-time", factor).returncode == 2

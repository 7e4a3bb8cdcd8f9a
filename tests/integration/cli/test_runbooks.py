"""Every runbook's commands work: before one starts, to diagnose, and to verify, as they paste."""

import json
from pathlib import Path

import pytest

from pipeline.domain.known_good import KNOWN_GOOD
from pipeline.environment import wall_clock_ms
from sluice.runbooks import parse, run
from tests.documents import runbooks
from tests.integration.cli.conftest import Cli

STACK = "runbooks"
STEP_SECONDS_MAX = 45.0
READING = ("Before you start", "Diagnose", "Verify")


@pytest.fixture(scope="module")
def variables(home: Path, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables under which runbooks find a stack that holds a good and a bad event."""
    good = json.loads(KNOWN_GOOD.data) | {"event_time": wall_clock_ms()}
    events = tmp_path_factory.mktemp("events") / "events.jsonl"
    events.write_text(f"{json.dumps(good)}\n{json.dumps(good | {'distance_miles': 'far'})}\n")
    for words in (("up", "--set", "quiet_minutes=30"), ("send", str(events)), ("drain",)):
        verb, *rest = words
        done = cli(home, verb, "--stack", STACK, *rest)
        assert done.returncode == 0, done.stderr
    return {"SLUICE_HOME": str(home), "SLUICE_STACK": STACK}


@pytest.mark.parametrize("path", runbooks(), ids=lambda path: path.stem)
def test_a_runbook_s_commands_work_as_they_paste(
    path: Path, checkout: Path, variables: dict[str, str]
) -> None:
    trouble = run(
        parse(path),
        folder=checkout,
        variables=variables,
        sections=READING,
        seconds_max=STEP_SECONDS_MAX,
    )
    assert not trouble, trouble

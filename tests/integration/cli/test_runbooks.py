"""Every runbook's commands work: before one starts, to diagnose, and to verify, as they paste."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from infra.alarm_rules import rules
from infra.alarm_rules_worker import worker_rules
from infra.alarms_page import alarm_ids
from infra.composites import composites
from infra.local import deploy
from infra.watched_topic import topic_of
from pipeline.domain.known_good import KNOWN_GOOD
from pipeline.environment import wall_clock_ms
from sluice.runbooks import parse, run
from tests.brokers import require
from tests.documents import runbooks
from tests.integration.cli.conftest import Cli

STEP_SECONDS_MAX = 180.0
LOOKING = ("Before you start", "Diagnose")
READING = (*LOOKING, "Verify")
STACKS = {
    "kinesis": {"quiet_minutes": "30"},
    "kafka": {"stream": "kafka", "partition_count": "2", "quiet_minutes": "30"},
}
"""The settings of the stacks on which runbooks are run; one on Pulsar has the same verbs."""
ON_SHARDS = {"split-and-merge-shards"}
"""Operations that a topic does not know."""

WORKED: dict[str, set[tuple[str, str | None]]] = {}
"""By stack the steps that have worked there: word for word the same ones are not run again."""


@cache
def alarms_of(stream: str) -> frozenset[str]:
    """Return the ids of the alarms that a stack has, composites too."""
    settings = deploy.check(STACKS[stream])
    chosen = (
        rules(settings.objectives)
        if stream == "kinesis"
        else worker_rules(settings.objectives, topic_of(settings))
    )
    return frozenset(each.id for each in (*chosen, *composites(chosen)))


def of_stack(stream: str, path: Path) -> bool:
    """Return whether a runbook is one of this stack: of an alarm that it has, or an operation."""
    if path.stem in ON_SHARDS:
        return stream == "kinesis"
    return path.stem in alarms_of(stream) or path.stem not in alarm_ids()


def of_stream(stream: str) -> list[Path]:
    """Return the runbooks of a stream's stack."""
    return [path for path in runbooks() if of_stack(stream, path)]


OTHERS = [path for path in runbooks() if not any(of_stack(stream, path) for stream in STACKS)]
"""Of alarms that neither of these stacks has: verifying asks for the alarm, the rest is run."""


def test_only_alarms_of_a_pulsar_and_of_msk_are_not_verified_here() -> None:
    others = {"backlog-near-quota", "broker-certificate", "broker-disk"}
    assert {path.stem for path in OTHERS} == others


@contextmanager
def brought_up(stream: str, home: Path, cli: Cli, folder: Path) -> Iterator[dict[str, str]]:
    """Give the variables under which runbooks find a stack that holds a good and a bad event."""
    good = json.loads(KNOWN_GOOD.data) | {"event_time": wall_clock_ms()}
    events = folder / "events.jsonl"
    events.write_text(f"{json.dumps(good)}\n{json.dumps(good | {'distance_miles': 'far'})}\n")
    settings = [word for pair in STACKS[stream].items() for word in ("--set", "=".join(pair))]
    for words in (("up", *settings), ("send", str(events)), ("drain",)):
        verb, *rest = words
        done = cli(home, verb, "--stack", stream, *rest)
        assert done.returncode == 0, done.stderr
    yield {"SLUICE_HOME": str(home), "SLUICE_STACK": stream}
    assert cli(home, "down", "--stack", stream, "--force").returncode == 0


@pytest.fixture(scope="module")
def on_kinesis(
    home: Path, cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    with brought_up("kinesis", home, cli, tmp_path_factory.mktemp("events")) as variables:
        yield variables


@pytest.fixture(scope="module")
def on_kafka(
    home: Path, cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    require("kafka")
    with brought_up("kafka", home, cli, tmp_path_factory.mktemp("events")) as variables:
        yield variables


@pytest.mark.parametrize("path", of_stream("kinesis"), ids=lambda path: path.stem)
def test_a_runbook_s_commands_work_as_they_paste_on_kinesis(
    path: Path, checkout: Path, on_kinesis: dict[str, str]
) -> None:
    follow(path, READING, checkout, on_kinesis)


@pytest.mark.parametrize("path", of_stream("kafka"), ids=lambda path: path.stem)
def test_a_runbook_s_commands_work_as_they_paste_on_a_topic(
    path: Path, checkout: Path, on_kafka: dict[str, str]
) -> None:
    follow(path, READING, checkout, on_kafka)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_what_diagnoses_an_alarm_that_only_others_have_works_on_a_topic(
    path: Path, checkout: Path, on_kafka: dict[str, str]
) -> None:
    follow(path, LOOKING, checkout, on_kafka)


def follow(
    path: Path, sections: tuple[str, ...], checkout: Path, variables: dict[str, str]
) -> None:
    """Run sections of a runbook on a stack, without what has worked there word for word."""
    worked = WORKED.setdefault(variables["SLUICE_STACK"], set())
    trouble = run(
        parse(path),
        folder=checkout,
        variables=variables,
        sections=sections,
        on_step=lambda step: step.section == LOOKING[0] or (step.text, step.expect) not in worked,
        seconds_max=STEP_SECONDS_MAX,
    )
    assert not trouble, trouble
    worked |= {(step.text, step.expect) for step in parse(path).steps if step.section in sections}

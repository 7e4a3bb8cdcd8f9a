"""Probe and auditor on a whole stack: under their own roles, on the embedded AWS, with canaries."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from pipeline.auditing import audit
from pipeline.environment import CLIENT_CONFIG, wall_clock_ms
from pipeline.functions import worker_for
from pipeline.metric_log import MetricLog
from sluice.accounting import account
from sluice.console import progress
from sluice.down import stop_local
from sluice.drain import drain_stack
from sluice.load import plan_for, send
from sluice.pause import pause_stack
from sluice.resume import resume_stack
from sluice.stack import Stack
from sluice.up import bring_up
from tests.waiting import until

EVENTS = 2_000
FIGURES = ("AuditedEvents", "AuditLost", "AuditDuplicated", "AuditAltered", "ConservationGap")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = bring_up(tmp_path_factory.mktemp("home"), "watched", {"shard_count": "2"}, None)
    yield made
    stop_local(made.folder)


@pytest.fixture(scope="module")
def load(stack: Stack) -> Path:
    """A load that is in the lake, three poisoned events of it in quarantine."""
    plan = plan_for(stack, rate=1_000, events=EVENTS, poison=3)
    with progress() as bars:
        send(plan, stack.loads / plan.run, bars=bars)
    drain(stack)
    return stack.loads / plan.run


def drain(stack: Stack) -> None:
    drain_stack(stack, seconds_max=120, on_wait=lambda _what: None)


def invoke(stack: Stack, output: str) -> dict[str, Any]:
    """Invoke a deployed function, as its schedule would, and return its answer."""
    client = boto3.client("lambda", config=CLIENT_CONFIG, **stack.where)
    answer = client.invoke(FunctionName=stack.outputs[output])
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    return said


def audited(stack: Stack) -> tuple[list[int], dict[str, Any]]:
    """Audit what has arrived up to now; return the figures, and all that was found."""
    settings = stack.environment.settings.model_copy(update={"audit_delay_seconds": 0})
    environment = replace(stack.environment, settings=settings)
    log = MetricLog(
        namespace="Sluice", stream=settings.stream, clock_ms=wall_clock_ms, log=io.StringIO()
    )
    worker = worker_for(stack.environment)
    found = audit(worker, environment, log, deadline_ms=wall_clock_ms() + 60_000)
    return [found[name] for name in FIGURES], found


def test_a_canary_comes_through_and_leaves_a_load_s_account_as_it_is(
    stack: Stack, load: Path
) -> None:
    sent = invoke(stack, "probe_function_name")["canary"]
    assert sent.startswith("canary-")
    drain(stack)
    until(lambda: invoke(stack, "probe_function_name").get("CanaryFound") == 1)
    drain(stack)
    done = account(stack, load, on_note=lambda _note: None)
    assert done.verdict.validity == "valid", done.verdict.summary()
    assert done.verdict.account.sent == EVENTS
    assert done.verdict.account.never_sent == done.verdict.account.unidentified_rows == 0
    assert done.tables["canaries"].files >= 1


def test_the_deployed_auditor_may_read_all_that_it_compares(stack: Stack, load: Path) -> None:
    found = invoke(stack, "auditor_function_name")
    assert [found[name] for name in FIGURES[1:]] == [0, 0, 0, 0]
    assert found["all_files_opened"] is True


def test_what_waits_while_everything_stands_still_is_old_and_then_is_not(
    stack: Stack, load: Path
) -> None:
    pause_stack(stack)
    try:
        invoke(stack, "probe_function_name")
        until(lambda: invoke(stack, "probe_function_name")["OldestEventAge"] > 500)
        assert invoke(stack, "probe_function_name")["waiting"]
    finally:
        resume_stack(stack)
    drain(stack)
    # A canary of the schedule's may be on its way at any one look.
    pending = worker_for(stack.environment).pending
    until(lambda: max(status.lag_ms for status in pending()) == 0)


def test_the_auditor_finds_a_whole_lake_right_and_a_wrong_one_wrong(
    stack: Stack, load: Path
) -> None:
    # What arrives last is audited too: no canary may come between the drain and that.
    probe = stack.outputs["probe_function_name"]
    boto3.client("events", **stack.where).disable_rule(Name=probe)
    drain(stack)
    figures, found = audited(stack)
    assert figures[0] >= EVENTS
    assert figures[1:] == [0, 0, 0, 0], found["examples"]
    s3, bucket = stack.environment.s3, stack.environment.settings.lake_bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="lake/departures/")["Contents"]
    first, second = (each["Key"] for each in listed[:2])
    s3.copy_object(
        Bucket=bucket, Key=f"{second}.parquet", CopySource={"Bucket": bucket, "Key": second}
    )
    s3.delete_object(Bucket=bucket, Key=first)
    (_, lost, duplicated, altered, gap), _ = audited(stack)
    assert lost == gap > 0
    assert duplicated > 0
    assert altered == 0

"""Under enforced IAM a stack on Kafka, workers and watcher, does its work by its own roles."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import deploy, stream_broker, supervisor
from infra.local.supervisor import LocalAws, Pace
from pipeline import metrics
from tests.brokers import require
from tests.embedded_aws import where
from tests.waiting import until

STACK = "watched"
WATCHED_SECONDS_MAX = 180.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("strict")


@pytest.fixture(scope="module")
def strict(folder: Path) -> Iterator[LocalAws]:
    """An embedded AWS that enforces IAM, with a Kafka."""
    require("kafka")
    pace = Pace(minute_seconds=4.0)
    yield supervisor.start(folder, enforce_iam=True, broker="kafka", pace=pace)
    supervisor.stop(folder)


@pytest.fixture(scope="module")
def client(strict: LocalAws) -> Callable[[str], Any]:
    return partial(boto3.session.Session().client, **where(strict))


@pytest.fixture
def outputs(
    strict: LocalAws, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """The stack, its lake open to plain HTTP, for here is no TLS."""
    from infra import policies

    tls_only = policies.tls_only
    monkeypatch.setattr(
        policies, "tls_only", lambda arn: tls_only(arn).replace('"false"', '"neither"')
    )
    stream_broker.make_topic(
        "kafka", folder, f"sluice-{STACK}-events", partitions=2, retention_hours=24
    )
    where = {"endpoint": strict.endpoint, "region": strict.region}
    state_file, say = tmp_path / "state.json", lambda _: None
    settings = deploy.on_broker({"stream": "kafka"}, strict.service_url)
    yield deploy.up(
        {"stream": "kafka", "partition_count": "2", **settings},
        stack=STACK,
        state_file=state_file,
        on_event=say,
        **where,
    )
    deploy.down(state_file=state_file, on_event=say, **where)


def told(client: Callable[[str], Any], service: str) -> dict[str, float]:
    """The newest value of each metric that a service's log has."""
    pages = client("logs").get_paginator("filter_log_events")
    lines = [
        event["message"]
        for page in pages.paginate(logGroupName=f"/aws/ecs/{service}")
        for event in page["events"]
    ]
    assert not [line for line in lines if "AccessDenied" in line]
    found: dict[str, float] = {}
    for said in (json.loads(line) for line in lines if line.startswith('{"_aws"')):
        for block in said["_aws"]["CloudWatchMetrics"]:
            found |= {each["Name"]: said[each["Name"]] for each in block["Metrics"]}
    return found


def test_the_watcher_finds_its_canary_by_its_own_role(
    outputs: dict[str, Any], client: Callable[[str], Any]
) -> None:
    watcher = outputs["watcher_service"]
    wanted = {
        *(metrics.CANARY_FOUND, metrics.OLDEST_MS, metrics.STREAM_LAG),
        *(metrics.BROKERS_MISSING, metrics.UNDER_REPLICATED),
    }
    until(
        lambda: {metric.name for metric in wanted} <= set(told(client, watcher)),
        seconds_max=WATCHED_SECONDS_MAX,
        what=lambda: told(client, watcher),
    )
    assert told(client, watcher)[metrics.BROKERS_MISSING.name] == 0

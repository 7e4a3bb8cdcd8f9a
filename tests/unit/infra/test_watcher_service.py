"""The watcher beside the workers: one task in their cluster, told what it is to look for."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.costs.line import GB
from infra.watcher_service import COMMAND
from pipeline import names
from pipeline.environment import WatcherSettings
from pipeline.watcher.settings import Watched

LOCAL = {"package": "local"}
SERVERS = {"service_url": "b-1.example.com:9094", "kafka_security": "tls"}
PULSAR = {"stream": "pulsar", "pulsar_cluster": "given"}
PULSAR_URL = {"service_url": "pulsar+ssl://pulsar.example.com:6651"}
ADMIN, BOOKIE = "https://pulsar.example.com:8443", "http://bookies.example.com:8000"

TOLD: Mapping[str, tuple[Mapping[str, str], Watched]] = {
    "MSK": ({"stream": "kafka", "kafka_brokers_per_zone": "2"}, Watched(brokers=6)),
    "MSK Serverless": ({"stream": "kafka", "kafka_cluster": "serverless"}, Watched()),
    "a given Kafka": ({"stream": "kafka", "kafka_cluster": "given", **SERVERS}, Watched()),
    "a given Kafka, counted": (
        {"stream": "kafka", "kafka_cluster": "given", "broker_count": "1", **SERVERS},
        Watched(brokers=1),
    ),
    "Pulsar with a quota": (
        {"stream": "pulsar", "pulsar_backlog_gb_max": "0.5"},
        Watched(
            brokers=3,
            bookies=6,
            backlog_bytes_max=GB // 2,
            admin_url="https://HOST:8444",
            bookie_url="http://HOST:8001",
        ),
    ),
    "a given Pulsar": ({**PULSAR, **PULSAR_URL}, Watched()),
    "a given Pulsar that may be asked": (
        {
            **PULSAR,
            **PULSAR_URL,
            "broker_count": "3",
            "pulsar_bookie_count": "4",
            "pulsar_admin_url": ADMIN,
            "pulsar_bookie_url": BOOKIE,
        },
        Watched(brokers=3, bookies=4, admin_url=ADMIN, bookie_url=BOOKIE),
    ),
}


def container(registered: Any, service: str) -> dict[str, Any]:
    (found,) = json.loads(registered.inputs(f"{service}-definition")["containerDefinitions"])
    return dict(found)


def variables(registered: Any) -> dict[str, str]:
    return {pair["name"]: pair["value"] for pair in container(registered, "watcher")["environment"]}


@pytest.mark.parametrize("stack", TOLD)
def test_it_is_told_what_brokers_there_should_be_where_somebody_knows(
    stack: str, register: Callable[..., Any]
) -> None:
    settings, wanted = TOLD[stack]
    registered = register({**LOCAL, **settings})
    told = Watched.model_validate_json(variables(registered)[names.ENV_WATCH])
    balancers = [each.outputs["dnsName"] for each in registered.of_type("LoadBalancer")]
    text = wanted.to_json()
    for host in balancers:
        text = text.replace("HOST", host)
    assert told == Watched.model_validate_json(text)


@pytest.mark.parametrize("stream", ["kafka", "pulsar"])
def test_it_is_one_small_task_where_the_workers_are(
    stream: str, register: Callable[..., Any]
) -> None:
    registered = register({**LOCAL, "stream": stream})
    watcher, worker = (registered.inputs(f"{kind}-service") for kind in ("watcher", "worker"))
    for alike in ("cluster", "networkConfiguration", "launchType", "deploymentCircuitBreaker"):
        assert watcher[alike] == worker[alike]
    assert watcher["desiredCount"] == 1
    assert registered.outputs["watcher_service"] == watcher["name"]
    definition = registered.inputs("watcher-definition")
    assert (definition["cpu"], definition["memory"]) == ("256", "512")
    ours, theirs = container(registered, "watcher"), container(registered, "worker")
    assert ours["command"] == list(COMMAND)
    for alike in ("image", "healthCheck", "user", "readonlyRootFilesystem"):
        assert ours[alike] == theirs[alike]
    groups = {each["logConfiguration"]["options"]["awslogs-group"] for each in (ours, theirs)}
    assert len(groups) == 2


def test_a_canary_may_be_as_old_as_a_batch_takes_to_gather(register: Callable[..., Any]) -> None:
    slow = {**LOCAL, "stream": "kafka", "worker_batch_ms": "30500", "canary_seconds_max": "100"}
    assert variables(register(slow))[names.ENV_CANARY_SECONDS_MAX] == "131"


def test_every_variable_is_one_that_it_reads(register: Callable[..., Any]) -> None:
    known = {field.alias for field in WatcherSettings.model_fields.values()}
    assert set(variables(register({**LOCAL, "stream": "kafka"}))) <= known

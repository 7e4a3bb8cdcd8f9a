"""How many brokers a local stack may have, said before anything is started."""

from pathlib import Path

import pytest

from infra.local import deploy, supervisor
from pipeline.errors import UserError
from sluice.up import bring_up


@pytest.mark.parametrize(
    ("stream", "count", "told"),
    [
        ("kafka", "2", "broker_count: a local stack's kafka has 1 or 3, not 2"),
        ("kafka", "4", "broker_count: a local stack's kafka has 1 or 3, not 4"),
        ("pulsar", "3", "broker_count: a local stack's pulsar has 1, not 3"),
    ],
)
def test_a_number_that_no_local_broker_has_is_refused(stream: str, count: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        deploy.check({"stream": stream, "broker_count": count})


@pytest.mark.parametrize(("settings", "count"), [({}, 1), ({"broker_count": "3"}, 3)])
def test_a_local_kafka_has_one_node_or_three(settings: dict[str, str], count: int) -> None:
    assert deploy.check({"stream": "kafka", **settings}).broker_count == count


def test_a_given_cluster_may_have_any_number() -> None:
    given = {"service_url": "b-1:9092", "kafka_cluster": "given", "kafka_security": "plaintext"}
    assert deploy.check({"stream": "kafka", **given, "broker_count": "6"}).broker_count == 6


def test_a_stack_that_runs_keeps_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = supervisor.LocalAws(
        endpoint="http://127.0.0.1:1",
        emulator_endpoint="http://127.0.0.1:1",
        region=supervisor.REGION,
        pid=1,
        front_pid=1,
        emulator_pid=1,
        mapping_pid=1,
        broker="kafka",
        brokers=3,
    )
    monkeypatch.setattr(supervisor, "running", lambda _folder: running)
    with pytest.raises(UserError, match=r"stack dev has 3 brokers.* run first: ./dev sluice down"):
        bring_up(tmp_path, "dev", {"stream": "kafka"}, None)

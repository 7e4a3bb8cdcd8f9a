"""The scaler's settings: what they make, what they move, and what contradicts them."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest

from infra.settings import parse
from pipeline import names
from pipeline.scaling import Scaling

TRACKED = {"shard_utilization_percent": "50", "shard_count_max": "8"}
TOLD = f"scaler.environment.variables.{names.ENV_SHARD_SCALING}"


def moved(register: Callable[..., Any], more: Mapping[str, str]) -> set[str]:
    before, after = register(TRACKED).leaves(), register({**TRACKED, **more}).leaves()
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}


def test_a_scaler_is_watched_shown_and_nothing_else(register: Callable[..., Any]) -> None:
    before, after = register().leaves(), register(TRACKED).leaves()
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    own = {key for key in changed if key.startswith(("scaler.", "scaler-"))}
    others = {key.split(".")[0] for key in changed - own}
    assert others == {"alarms-watcher-errors", "dashboard"}
    assert after["scaler.reservedConcurrentExecutions"] == 1
    assert after["scaler-rule.scheduleExpression"] == "rate(1 minute)"
    watching = register(TRACKED).inputs("alarms-watcher-errors")["metricQueries"]
    assert "FILL(scaler, 0)" in watching[0]["expression"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("shard_utilization_percent", "60"),
        ("shard_count_max", "9"),
        ("shard_count_min", "1"),
        ("shard_schedule", "daily 07:00 = 4"),
    ],
)
def test_each_setting_moves_what_the_scaler_is_told(
    register: Callable[..., Any], setting: str, value: str
) -> None:
    if setting == "shard_count_min":
        changed = moved(register, {"shard_count_min": "2", "shard_count": "2"})
        assert changed == {TOLD, "stream.shardCount"}
        return
    assert moved(register, {setting: value}) == {TOLD}


def test_the_scaler_is_told_what_the_stack_decided(register: Callable[..., Any]) -> None:
    given = {
        "shard_count": "3",
        "shard_count_min": "2",
        "shard_count_max": "8",
        "shard_schedule": "mon-fri 07:00 = 8; daily 20:00 = 2",
    }
    told = register(given).inputs("scaler")["environment"]["variables"][names.ENV_SHARD_SCALING]
    assert Scaling.from_text(told) == Scaling(
        shards_min=2,
        shards_max=8,
        utilization_percent=None,
        schedule="mon-fri 07:00 = 8; daily 20:00 = 2",
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"shard_utilization_percent": "50"}, "say how far the scaler may go"),
        ({"shard_count_max": "8"}, "nothing scales the stream"),
        ({**TRACKED, "stream_mode": "on_demand"}, "an on-demand stream scales itself"),
        ({**TRACKED, "stream": "kafka"}, "only a Kinesis stream is scaled by them"),
        ({**TRACKED, "shard_count": "9"}, "shard_count: 9 is not from shard_count_min"),
        ({**TRACKED, "shard_count_min": "2"}, "shard_count: 1 is not from shard_count_min"),
        ({**TRACKED, "shard_schedule": "daily 07:00 = 9"}, "more than shard_count_max"),
        ({**TRACKED, "shard_schedule": "daily 7:00 = 4"}, "is not like 'mon-fri 07:00 = 8'"),
        ({**TRACKED, "shard_schedule": " "}, "an empty schedule"),
        ({**TRACKED, "concurrency_max": "7"}, "less than one run for each of 8 shards"),
        ({"shard_count": "4", "concurrency_max": "3"}, "less than one run for each of 4 shards"),
        ({"shard_utilization_percent": "91", "shard_count_max": "8"}, "is refused"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(pulumi.RunError, match=told):
        parse(given)


def test_a_private_network_lets_the_scaler_through(register: Callable[..., Any]) -> None:
    network = {"network": "private"}
    without = register(network).leaves()
    scaled = register({**network, **TRACKED})
    made = {name for name in scaled.resources if "monitoring" in name}
    assert made
    assert not {key for key in without if "monitoring" in key}
    policies = [str(each.inputs.get("policy")) for each in scaled.of_type("VpcEndpoint")]
    assert any("kinesis:UpdateShardCount" in policy for policy in policies)
    assert any("cloudwatch:GetMetricData" in policy for policy in policies)

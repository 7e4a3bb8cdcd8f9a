"""The scaler doubles the shards of a running stack under load, and the program leaves them."""

import math
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from pipeline.environment import wall_clock_ms
from pipeline.errors import UserError
from pipeline.scaling import SHARD_BYTES
from sluice.down import stop_local
from sluice.shards import open_shards, resharder
from sluice.up import bring_up, remember
from tests.faults.stack.conftest import Rig, all_stored
from tests.waiting import until

SETTINGS = {"shard_count": "1", "shard_count_max": "4", "shard_utilization_percent": "50"}
COMPRESSION = 20
"""Its schedule's minute takes three seconds; the minutes of the stream's load are real ones."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    home = tmp_path_factory.mktemp("home")
    stack = bring_up(home, "scaled", SETTINGS, None, compression=COMPRESSION)
    remember(stack.folder, SETTINGS)
    yield Rig(stack=stack, settings=dict(SETTINGS))
    stop_local(stack.folder)


def shards(rig: Rig) -> int:
    environment = rig.stack.environment
    return len(open_shards(environment.kinesis, environment.settings.stream))


def was_busy(rig: Rig, of_shards: float) -> None:
    """Let the last minutes have been so busy, and this one and the next: no test can wait for them.

    What the stream really takes is counted besides.
    """
    minute = math.floor(wall_clock_ms() / 60_000) * 60
    client = boto3.client("cloudwatch", **rig.stack.where)
    client.put_metric_data(
        Namespace="AWS/Kinesis",
        MetricData=[
            {
                "MetricName": "IncomingBytes",
                "Dimensions": [{"Name": "StreamName", "Value": rig.stack.outputs["stream_name"]}],
                "Timestamp": minute - 60 * ago + 30,
                "Value": of_shards * SHARD_BYTES * 60,
                "Unit": "Bytes",
            }
            for ago in range(-1, 5)
        ],
    )


def test_a_busy_stream_gets_twice_its_shards_under_load_and_keeps_every_event(rig: Rig) -> None:
    assert shards(rig) == 1

    def busy_until_doubled() -> None:
        was_busy(rig, 0.9)
        until(lambda: shards(rig) == 2)

    load = rig.load((0.2, busy_until_doubled), rate=1_000, seconds=8)
    assert shards(rig) == 2
    assert all_stored(rig.verdict(load), 8_000)


def test_the_program_leaves_the_shards_to_the_scaler(rig: Rig) -> None:
    rig.settings["memory_mb"] = "2048"
    rig.deploy(None)
    assert shards(rig) == 2


def test_the_clock_asks_for_more_under_load_and_keeps_every_event(rig: Rig) -> None:
    rig.settings["shard_schedule"] = "daily 00:00 = 4"

    def deploy_and_wait() -> None:
        rig.deploy(None)
        until(lambda: shards(rig) == 4)

    load = rig.load((0.2, deploy_and_wait), rate=1_000, seconds=8)
    assert all_stored(rig.verdict(load), 8_000)


def test_a_count_by_hand_is_refused_for_the_scaler_would_undo_it(rig: Rig) -> None:
    home: Path = rig.stack.folder.parent
    with pytest.raises(UserError, match="scaler"):
        resharder(home, rig.stack.name).count(8)

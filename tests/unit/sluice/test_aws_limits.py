"""What a load under AWS's limits says of its shards and its producers."""

from pathlib import Path

import pytest

from infra.local.front.control import ShardWritten
from loadtests.progress import Progress, State
from pipeline.errors import UserError
from sluice.aws_limits import aws_limits, facts_of
from sluice.load import settings_of
from sluice.stack import Stack

LOAD = Progress(part="total", state=State.FINISHED, throttles=70, held_back_ms=12_345)


def shard(number: int, **given: float) -> ShardWritten:
    given = {"records": 10_000, "bytes": 5 * 1_048_576, "refused": 40, "seconds": 10.0, **given}
    return ShardWritten(stream="s", shard=f"shardId-{number:012d}", **given)  # type: ignore[arg-type]


def test_each_shards_rate_and_their_sum_are_said() -> None:
    said = facts_of([shard(0), shard(1, records=5_000)], LOAD)
    assert "2 shards took 15,000 records" in said["AWS's limits"]
    assert "1,500 records/s and 1.00 MB/s" in said["AWS's limits"]
    assert (
        said["A shard gave"] == "0000: 1,000 records/s, 0.50 MB/s; 0001: 500 records/s, 0.50 MB/s"
    )


def test_throttles_and_the_time_callers_waited_are_said() -> None:
    said = facts_of([shard(0), shard(1)], LOAD)
    assert said["Throttled"] == "80 records refused, 70 as the producers count"
    assert said["Back-pressure"] == "callers waited 12.3 s for room in the buffers"


def test_a_load_of_one_instant_has_no_rate() -> None:
    assert "too short" in facts_of([shard(0, seconds=0.0)], LOAD)["AWS's limits"]
    assert "too short" in facts_of([], LOAD)["AWS's limits"]


def test_a_stack_on_aws_has_limits_of_its_own() -> None:
    on_aws = Stack(name="prod", folder=Path(), outputs={}, endpoint=None)
    with pytest.raises(UserError, match="prod is on AWS"), aws_limits(on_aws):
        pass


def test_plain_sends_one_event_a_record_and_a_buffer_is_in_megabytes() -> None:
    assert settings_of(plain=True, buffer_mb=None).record_events == 1
    assert settings_of(plain=False, buffer_mb=None) == settings_of(plain=False, buffer_mb=32)
    assert settings_of(plain=False, buffer_mb=2).buffer_bytes_max == 2 * 1_048_576

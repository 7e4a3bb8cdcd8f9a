"""Records that grow old at once, by the tag that drills set."""

from types import SimpleNamespace
from typing import Any

import pytest
from ministack.services import kinesis

from infra.local import ageing

HOUR = 3600
RETENTION_HOURS = 24


@pytest.fixture
def aged(api: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(kinesis, "_add_tags", kinesis._add_tags)  # as it was, at the end
    ageing.install()
    api.call("CreateStream", ShardCount=1)
    return api


def age(api: Any, seconds: float) -> None:
    api.call("AddTagsToStream", Tags={ageing.AGE_TAG: str(seconds)})


def arrivals(api: Any, clock: SimpleNamespace) -> list[float]:
    """Return how long ago each record arrived, in seconds."""
    _, answer = api.read(api.iterator("shardId-000000000000"))
    return [clock.seconds - r["ApproximateArrivalTimestamp"] for r in answer["Records"]]


def test_what_is_in_the_stream_grows_old_and_what_comes_later_does_not(
    aged: Any, clock: SimpleNamespace
) -> None:
    aged.put(1, 2)
    age(aged, 13 * HOUR)
    aged.put(3)
    assert arrivals(aged, clock) == [13 * HOUR, 13 * HOUR, 0]
    age(aged, HOUR)
    assert arrivals(aged, clock) == [14 * HOUR, 14 * HOUR, HOUR]


def test_what_grows_older_than_the_retention_is_gone(aged: Any) -> None:
    aged.put(1)
    age(aged, RETENTION_HOURS * HOUR - 1)
    assert aged.read(aged.iterator("shardId-000000000000"))[0] == ["1"]
    age(aged, 2)
    assert aged.read(aged.iterator("shardId-000000000000"))[0] == []


def test_any_other_tag_changes_nothing(aged: Any, clock: SimpleNamespace) -> None:
    aged.put(1)
    aged.call("AddTagsToStream", Tags={"owner": "99999"})
    assert arrivals(aged, clock) == [0]
    assert aged.call("ListTagsForStream")["Tags"] == [{"Key": "owner", "Value": "99999"}]

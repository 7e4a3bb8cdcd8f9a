"""A worker's part in a Kinesis stream, on the embedded AWS: leases, reads, ends of shards."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.front.control import Front
from infra.local.front.faults import Fault
from infra.local.supervisor import LocalAws
from pipeline.errors import OperatingError
from tests.integration.kinesis.conftest import Place


def test_a_worker_alone_gets_every_shard_and_every_record(place: Place) -> None:
    texts = [f"t{number}" for number in range(40)]
    place.put(*texts)
    one = place.follow()

    place.until(lambda: len(one.records) >= 40, one)

    assert one.shards == set(place.shards)
    assert sorted(one.texts) == sorted(texts)


def test_a_shard_is_read_after_the_position_that_the_listener_names(place: Place) -> None:
    first = place.follow()
    place.put("a", "b", "c")
    place.until(lambda: len(first.records) == 3, first)
    first.subscription.close()
    place.followers.remove(first)
    place.put("d")
    second = place.follow(first.reached)

    place.until(lambda: second.records, second)

    assert second.texts == ["d"]


def test_a_second_worker_gets_its_share_and_all_when_the_first_leaves(place: Place) -> None:
    one, other = place.follow(), place.follow()
    place.until(lambda: len(one.shards) == len(other.shards) == 1, one, other)
    assert one.shards.isdisjoint(other.shards)

    one.subscription.close()
    place.followers.remove(one)
    place.until(lambda: len(other.shards) == 2, other)


def test_a_worker_that_died_is_followed_once_its_beat_stands_still(place: Place) -> None:
    dead, other = place.follow(), place.follow()
    place.until(lambda: len(dead.shards) == 2, dead)
    place.put("a", "b", "c", "d")

    place.until(lambda: len(other.shards) == 2 and len(other.records) == 4, other)
    dead.shards.clear()
    place.until(lambda: not dead.subscription._readers, dead)


def test_a_paused_shard_is_not_read_and_goes_on_where_it_was(place: Place) -> None:
    one = place.follow()
    place.until(lambda: len(one.shards) == 2, one)
    for shard in one.shards:
        one.subscription.pause(shard)
    place.put("a", "b")
    for _ in range(5):
        one.poll()
    assert one.records == []
    for shard in one.shards:
        one.subscription.resume(shard)

    place.until(lambda: sorted(one.texts) == ["a", "b"], one)


def test_a_seek_reads_again_from_there(place: Place) -> None:
    one = place.follow()
    place.put("a")
    place.until(lambda: one.texts == ["a"], one)
    for shard in one.shards:
        one.subscription.seek(shard, after=None)

    place.until(lambda: one.texts == ["a", "a"], one)


def test_children_are_read_once_their_parent_was_to_its_end_and_it_goes_when_it_is_closed(
    place: Place,
) -> None:
    one = place.follow()
    place.put("a")
    place.until(lambda: len(one.shards) == 2 and one.texts == ["a"], one)
    parents = set(one.shards)
    place.kinesis.update_shard_count(
        StreamName=place.name, TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )

    place.until(lambda: len(one.shards) == 6, one)
    for parent in parents:
        place.close_shard(parent)
    place.until(lambda: len(one.shards) == 4 and not one.shards & parents, one)
    place.put("b")
    place.until(lambda: one.texts == ["a", "b"], one)


def test_a_stream_that_is_gone_is_trouble_that_passes(place: Place) -> None:
    one = place.follow()
    place.until(lambda: len(one.shards) == 2, one)
    place.kinesis.delete_stream(StreamName=place.name)

    with pytest.raises(OperatingError, match="cannot"):
        place.until(lambda: False, one)


def test_throttles_and_errors_of_the_stream_skip_nothing(place: Place, aws: LocalAws) -> None:
    texts = [f"t{number}" for number in range(30)]
    one = place.follow()
    one.hardy = True
    place.until(lambda: len(one.shards) == 2, one)
    front = Front(aws.endpoint)
    front.inject(
        [
            Fault(service="kinesis", operation="GetRecords", kind="throttle", share=0.4),
            Fault(service="kinesis", operation="GetRecords", kind="lost_answer", share=0.2),
        ]
    )
    try:
        place.put(*texts)
        place.until(lambda: len(one.records) >= 30, one)
    finally:
        front.clear()

    assert sorted(one.texts) == sorted(texts)


class Forgetful:
    """A client whose first iterator of each shard has expired when it is used."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._shards: dict[str, str] = {}
        self.expired: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_shard_iterator(self, **asked: Any) -> Any:
        answer = self._client.get_shard_iterator(**asked)
        self._shards[answer["ShardIterator"]] = asked["ShardId"]
        return answer

    def get_records(self, **asked: Any) -> Any:
        shard = self._shards.get(asked["ShardIterator"], "")
        if shard and shard not in self.expired:
            self.expired.add(shard)
            answer = {"Error": {"Code": "ExpiredIteratorException", "Message": "too old"}}
            raise ClientError(answer, "GetRecords")
        return self._client.get_records(**asked)


def test_a_shard_whose_iterator_expired_goes_and_comes_again(place: Place) -> None:
    place.put("a", "b")
    place.kinesis = Forgetful(place.kinesis)
    one = place.follow()

    place.until(lambda: len(one.records) == 2, one)

    assert place.kinesis.expired == set(place.shards)
    assert sorted(one.heard) == sorted([*place.shards, *place.shards])

"""A function's event becomes records of one shard, in order."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import BrokenInvariant
from pipeline.sources.lambda_event import records_by_shard


def entry(record: Record, *, shard: str = "shardId-000000000000") -> dict[str, Any]:
    return {
        "eventID": f"{shard}:{record.position}",
        "kinesis": {
            "sequenceNumber": str(record.position),
            "partitionKey": record.partition_key,
            "approximateArrivalTimestamp": record.arrival_ms / 1000,
            "data": base64.b64encode(record.data).decode(),
        },
    }


records = st.builds(
    Record,
    position=st.integers(0, 10**56).map(Position),
    partition_key=st.text(max_size=5),
    arrival_ms=st.integers(0, 4_000_000_000_000),
    data=st.binary(max_size=50),
)


@given(st.lists(records, min_size=1, max_size=5, unique_by=lambda record: record.position))
def test_every_record_of_an_event_is_handed_over_in_order(sent: list[Record]) -> None:
    shard, taken = records_by_shard({"Records": [entry(record) for record in sent]})
    assert shard == ShardId("shardId-000000000000")
    assert taken == tuple(sorted(sent, key=lambda record: record.position))


def test_an_event_of_two_shards_is_none_that_a_mapping_sends() -> None:
    record = Record(position=Position(1), partition_key="k", arrival_ms=1, data=b"")
    with pytest.raises(BrokenInvariant):
        records_by_shard({"Records": [entry(record, shard="a"), entry(record, shard="b")]})
    with pytest.raises(BrokenInvariant):
        records_by_shard({"Records": []})

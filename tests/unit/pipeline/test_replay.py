"""What of quarantine is sent again, and where to: all that the lake lacks, to its own shard."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.payload import compress, decompress
from pipeline.domain.contracts import CONTRACTS
from pipeline.errors import OperatingError, OutcomeUnknown
from pipeline.names import REPLAY_KEY_PREFIX
from pipeline.producer.kinesis import KinesisTransport
from pipeline.producer.lanes import Address
from pipeline.producer.outcomes import Outcome
from pipeline.producer.queues import Shipment
from pipeline.producer.settings import ProducerSettings, client_config
from pipeline.replay import (
    PARTITION_KEY_CHARACTERS_MAX,
    Quarantined,
    address,
    ids_of,
    read_quarantine,
    send_again,
    stored_ids,
    unstored,
)
from tests.unit.pipeline.conftest import Aws

FIELDS = ("id",)
LINES = [b'{"id":"%s"}' % name for name in (b"a", b"b", b"c")]
PACKED = aggregate(
    UserRecord(partition_key="k", payload=compress(body))
    for body in (LINES[0] + b"\n", LINES[1] + b"\n" + LINES[2])
)
READ = Quarantined(
    file="quarantine/f.parquet",
    reason="out-of-range",
    event_id="a",
    shard="shardId-000000000000",
    partition_key="k",
    raw=LINES[0],
)
UNREAD = replace(READ, reason="masked", event_id=None, raw=PACKED)


def write(path: Path, columns: dict[str, list[object]]) -> None:
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path)


def test_a_row_stands_for_its_own_id_and_unread_bytes_for_the_ids_that_they_show() -> None:
    assert ids_of(READ, FIELDS) == {"a"}
    assert ids_of(UNREAD, FIELDS) == {"a", "b", "c"}
    assert ids_of(replace(UNREAD, raw=b"\xff"), FIELDS) == frozenset()


@pytest.mark.parametrize("row", [READ, UNREAD, replace(UNREAD, raw=b"\xff")], ids=str)
def test_what_the_lake_has_nothing_of_is_sent_byte_for_byte(row: Quarantined) -> None:
    assert unstored(row, frozenset({"z"}), FIELDS) == row.raw


def test_what_the_lake_has_is_not_sent() -> None:
    assert unstored(READ, frozenset({"a"}), FIELDS) is None
    assert unstored(UNREAD, frozenset({"a", "b", "c"}), FIELDS) is None


def test_of_a_record_that_was_never_read_only_the_events_are_sent_that_the_lake_lacks() -> None:
    data = unstored(UNREAD, frozenset({"b"}), FIELDS)
    assert data is not None
    assert decompress(data, bytes_max=1_000).split(b"\n") == [LINES[0], LINES[2]]


def test_a_replayed_record_goes_to_the_shard_of_its_key_and_says_that_it_is_one() -> None:
    hash_key = str(int.from_bytes(hashlib.md5(b"k", usedforsecurity=False).digest(), "big"))
    marked = f"{REPLAY_KEY_PREFIX}k"
    assert address("k") == Address(partition_key=marked, explicit_hash_key=hash_key)
    assert address(marked) == address("k")
    longest = address("k" * PARTITION_KEY_CHARACTERS_MAX).partition_key
    assert len(longest) == PARTITION_KEY_CHARACTERS_MAX


def test_rows_that_hold_no_bytes_are_counted_and_cannot_be_sent(tmp_path: Path) -> None:
    write(
        tmp_path / "quarantine" / "dt=2026-01-01" / "f.parquet",
        {
            "reason": ["lost: expired", "masked"],
            "event_id": pa.array([None, None], pa.string()),
            "shard": ["shardId-000000000000"] * 2,
            "partition_key": ["", "k"],
            "raw": [b"", PACKED],
            "arrival_time": pa.array([1_000, 2_000], pa.timestamp("ms", "UTC")),
        },
    )
    rows, without_bytes = read_quarantine(tmp_path)
    file = "quarantine/dt=2026-01-01/f.parquet"
    assert rows == [replace(UNREAD, file=file, arrival_ms=2_000)]
    assert without_bytes == 1


def test_ids_are_looked_up_in_every_table_of_the_lake(tmp_path: Path) -> None:
    write(tmp_path / "departures" / "f.parquet", {"id": ["a", "x"]})
    write(tmp_path / "actions" / "f.parquet", {"id": ["b"]})
    assert stored_ids(tmp_path, CONTRACTS, frozenset("abc")) == {"a", "b"}
    assert stored_ids(tmp_path, CONTRACTS, frozenset()) == frozenset()


def test_a_row_is_on_the_stream_as_it_was(aws: Aws) -> None:
    with closing(boto3.client("kinesis", config=client_config(ProducerSettings()))) as kinesis:
        send_again(KinesisTransport(kinesis, aws.name), UNREAD)
    shard = aws.kinesis.list_shards(StreamName=aws.name)["Shards"][0]["ShardId"]
    at = aws.kinesis.get_shard_iterator(
        StreamName=aws.name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )
    (record,) = aws.kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]
    assert (record["Data"], record["PartitionKey"]) == (PACKED, f"{REPLAY_KEY_PREFIX}k")


class Scripted:
    """A transport that answers as it is told, and keeps what it was given."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[tuple[int, str, bytes]] = []

    def send(self, batch: Sequence[Shipment[Any]], /) -> list[Outcome]:
        self.sent += [(each.lane, each.address.partition_key, each.data) for each in batch]
        return [self.outcomes.pop(0)]

    def close(self) -> None: ...


def test_a_row_goes_to_the_partition_that_it_came_by_and_is_tried_again_as_it_is() -> None:
    transport = Scripted(Outcome.THROTTLED, Outcome.UNKNOWN, Outcome.WRITTEN)
    send_again(transport, replace(UNREAD, shard="topic-7"))
    assert transport.sent == [(7, f"{REPLAY_KEY_PREFIX}k", PACKED)] * 3


def test_without_a_certain_answer_the_fate_of_a_row_is_unknown() -> None:
    with pytest.raises(OutcomeUnknown, match="no certain answer"):
        send_again(Scripted(*[Outcome.UNKNOWN, Outcome.REJECTED]), READ)


def test_a_row_that_is_surely_not_on_the_stream_is_told() -> None:
    with pytest.raises(OperatingError, match="did not take a record: rejected"):
        send_again(Scripted(Outcome.REJECTED), READ)

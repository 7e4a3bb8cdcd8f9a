"""`sluice verify --stream`: a consumer that is not Sluice's is found out, id by id."""

import gzip
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rich_click as click

from infra.local import supervisor
from pipeline.errors import UserError
from sluice.__main__ import sluice
from tests.integration.cli.conftest import Cli
from tests.integration.cli.naive import FILE_ROWS, Naive, Place, Rows, Stream, open_shards
from tests.waiting import until

Verify = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """Verify a stream over a lake; return exit code and verdict."""

    def run(stream: Stream, lake: str, *more: str) -> tuple[int, dict[str, Any]]:
        words = [*stream.words(lake), "--examples", "1000", "--json", *more]
        code = sluice.main(words, standalone_mode=False)
        return code, json.loads(capsys.readouterr().out)

    return run


def ids(verdict: dict[str, Any], kind: str) -> set[str]:
    return {example["id"] for example in verdict["examples"] if example["kind"] == kind}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("aws")
    aws = supervisor.start(folder)
    where: dict[str, Any] = {
        "endpoint_url": aws.endpoint,
        "region_name": aws.region,
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    made = Place(
        endpoint=aws.endpoint,
        region=aws.region,
        kinesis=boto3.client("kinesis", **where),
        s3=boto3.client("s3", **where),
    )
    made.s3.create_bucket(Bucket="theirs")
    yield made
    supervisor.stop(folder)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def test_every_kind_of_record_of_every_shard_is_found_in_the_lake(
    place: Place, cli: Cli, home: Path
) -> None:
    stream = place.stream("clean")
    stream.put_plain(30)
    stream.put_lines(25)
    shard = place.kinesis.list_shards(StreamName="clean")["Shards"][0]["ShardId"]
    place.kinesis.split_shard(
        StreamName="clean", ShardToSplit=shard, NewStartingHashKey=str(2**127)
    )
    open_shards(place, "clean", 2)
    stream.put_aggregate(24)
    stream.put_plain(10)
    consumer = Naive(write=place.put_parquet("clean"))
    consumer.consume(stream.records())

    words = (*stream.words("s3://theirs/clean"), "--checksum", "customer,price", "--json")
    done = cli(home, *words)

    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["validity"] == "valid"
    assert verdict["account"]["ids"] == verdict["account"]["stored"] == len(stream.sent) == 89
    assert verdict["account"]["never_sent"] == 0


def test_a_batch_that_was_retried_is_found_by_its_duplicates_and_no_others(
    place: Place, verify: Verify
) -> None:
    stream = place.stream("retried")
    stream.put_plain(60)
    consumer = Naive(write=place.put_parquet("retried"))
    batch = stream.records()
    consumer.consume(batch[:15])
    consumer.consume_with_retry(batch[15:], dies_after_files=3)

    code, verdict = verify(stream, "s3://theirs/retried/")

    assert len(consumer.duplicated) == 3 * FILE_ROWS
    assert ids(verdict, "duplicated") == consumer.duplicated
    assert verdict["account"]["duplicated"] == len(consumer.duplicated)
    assert verdict["account"]["lost"] == 0
    assert verdict["account"]["surplus_rows"] == len(consumer.ids) - len(set(consumer.ids))
    assert (code, verdict["validity"]) == (1, "invalid")


def test_the_neighbours_of_a_record_that_was_dropped_are_found_lost_and_the_record_is_named(
    place: Place, verify: Verify
) -> None:
    stream = place.stream("dropped")
    stream.put_plain(5)
    good = [json.dumps(row) for row in stream.orders(8)]
    stream.put("\n".join([*good[:3], '{"id": "cut off', *good[3:]]).encode())
    stream.put_plain(5)
    batch = stream.records()
    consumer = Naive(write=place.put_parquet("dropped"))
    consumer.consume(batch)

    settled(batch)
    code, verdict = verify(stream, "s3://theirs/dropped", "--until", "0.5s")

    assert len(consumer.dropped) == 8
    assert ids(verdict, "lost") == consumer.dropped
    assert verdict["account"]["stored"] == 10
    assert verdict["account"]["unreadable"] == 1
    position = batch[5]["SequenceNumber"]
    assert any(position in note and "event 3: not-json" in note for note in verdict["notes"])
    assert (code, verdict["validity"]) == (1, "invalid")


def test_values_that_do_not_fit_their_column_are_found_altered(
    place: Place, verify: Verify, home: Path
) -> None:
    stream = place.stream("altered")
    exact = stream.orders(10)
    rounded = [{**row, "price": row["price"] + 0.1} for row in stream.orders(6)]
    for row in exact:
        stream.put(json.dumps(row).encode())
    for row in rounded:
        stream.put(json.dumps({**row, "price": str(row["price"])}).encode())

    def write(name: str, rows: Rows) -> None:
        whole = [{**row, "price": str(int(float(row["price"]) * 4) / 4)} for row in rows]
        path = home / "lake" / f"{name}.json.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress("\n".join(map(json.dumps, whole)).encode()))

    Naive(write=write).consume(stream.records())
    lake = str(home / "lake")

    code, named = verify(stream, lake, "--checksum", "price")
    _, everything = verify(stream, lake, "--checksum", "*")
    _, other = verify(stream, lake, "--checksum", "customer")

    assert ids(named, "altered") == ids(everything, "altered") == {row["id"] for row in rounded}
    assert (code, named["validity"]) == (1, "invalid")
    assert other["validity"] == "valid"


def test_the_tail_is_unknown_until_a_person_says_that_it_should_be_there(
    place: Place, verify: Verify
) -> None:
    stream = place.stream("tail")
    stream.put_plain(12)
    batch = stream.records()
    Naive(write=place.put_parquet("tail")).consume(batch[:8])
    missing = {row["id"] for row in stream.sent} - {
        json.loads(record["Data"])["id"] for record in batch[:8]
    }

    code, verdict = verify(stream, "s3://theirs/tail")
    assert (code, verdict["validity"]) == (4, "unknown")
    assert verdict["account"]["in_flight"] == 4
    assert verdict["account"]["lost"] == 0

    settled(batch)
    code, verdict = verify(stream, "s3://theirs/tail", "--until", "0.5s")
    assert (code, verdict["validity"]) == (1, "invalid")
    assert ids(verdict, "lost") == missing


def test_a_row_that_nobody_sent_is_found(place: Place, verify: Verify) -> None:
    stream = place.stream("strangers")
    stream.put_plain(3)
    consumer = Naive(write=place.put_parquet("strangers"))
    consumer.consume(stream.records())
    consumer.write("elsewhere", [{"id": "ghost", "customer": "c", "price": 1.0}])
    code, verdict = verify(stream, "s3://theirs/strangers")
    assert ids(verdict, "never_sent") == {"ghost"}
    assert (code, verdict["validity"]) == (1, "invalid")


@pytest.fixture(scope="module")
def named(place: Place) -> Stream:
    """A stream and a lake that are in order: what is wrong is what a person names."""
    stream = place.stream("named")
    stream.put_plain(3)
    Naive(write=place.put_parquet("named")).consume(stream.records())
    return stream


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"--stream": "orders"}, ("no stream orders in us-east-1", "named", "--region")),
        ({"--region": "eu-west-1"}, ("no stream named in eu-west-1", "--region")),
        ({"--lake": "s3://nobodys/x"}, ("no bucket nobodys", "--endpoint")),
        ({"--lake": "s3://theirs/nothing"}, ("no Parquet and no JSON lines", "--lake")),
        ({"--lake": "nowhere"}, ("no folder nowhere", "--lake")),
        ({"--lake": "s3:///x"}, ("names no bucket",)),
        ({"--id": "order_id"}, ("no column order_id", "customer, id, price")),
        ({"--checksum": "amount"}, ("no column amount", "--checksum")),
        ({"--until": "2999-01-01"}, ("--until lies ahead",)),
        ({"--since": "1h", "--until": "2h"}, ("--since is not before --until",)),
        ({"--since": "tomorrow"}, ("'tomorrow'",)),
    ],
)
def test_what_is_named_wrongly_is_told_in_one_line(
    named: Stream, home: Path, changes: dict[str, str], says: tuple[str, ...]
) -> None:
    words = list(named.words("s3://theirs/named"))
    for option, value in changes.items():
        if option in words:
            words[words.index(option) + 1] = value
        else:
            words += [option, value]
    with pytest.raises((UserError, click.BadParameter)) as told:
        sluice.main(["--home", str(home), *words], standalone_mode=False)
    for text in says:
        assert text in str(told.value)
    assert "\n" not in str(told.value)


def test_an_option_of_it_without_a_stream_is_told(cli: Cli, home: Path) -> None:
    done = cli(home, "verify", "--lake", "s3://theirs/named")
    assert done.returncode == 2
    assert "--lake goes with --stream" in done.stderr


def test_a_field_that_is_on_no_event_is_told_with_those_that_are(
    named: Stream, cli: Cli, home: Path
) -> None:
    lake = home / "lake"
    lake.mkdir()
    rows = [{"id": row["id"], "order": row["id"], "tax": 1} for row in named.sent]
    pq.write_table(pa.Table.from_pylist(rows), lake / "x.parquet")
    words = list(named.words(str(lake)))
    words[words.index("--id") + 1] = "order"
    wrong_id = cli(home, *words)
    assert wrong_id.returncode == 2
    assert "Traceback" not in wrong_id.stderr
    assert "has a field order; name one of these by --id: customer, id, price" in wrong_id.stderr
    with pytest.raises(UserError, match="has a field tax; name some of these by --checksum"):
        sluice.main([*named.words(str(lake)), "--checksum", "tax"], standalone_mode=False)


def settled(batch: Sequence[dict[str, Any]]) -> None:
    """Wait until all of a batch arrived over half a second ago."""
    last_s = max(record["ApproximateArrivalTimestamp"].timestamp() for record in batch)
    until(lambda: time.time() >= last_s + 1.0)

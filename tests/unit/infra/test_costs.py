"""The estimate holds to AWS's own examples, to the protocol's own requests, and to plain sense."""

from collections import Counter
from typing import Any

import pytest

from infra.costs import figures
from infra.costs.alternatives import transports
from infra.costs.estimate import Case, estimate
from infra.costs.functions import gb_seconds
from infra.costs.line import HOURS_PER_MONTH, KB, SECONDS_PER_MONTH, Line
from infra.costs.load import LANES, LINGER_SECONDS, RECORD_BYTES, RECORD_EVENTS, SIZE_MAX, Load
from infra.costs.prices import prices
from infra.costs.storage import write_units
from infra.costs.stream import provisioned, shards_needed
from infra.settings import Settings
from pipeline.core.records import Position, ShardId
from pipeline.core.result import Counts
from pipeline.ledger.items import commit_to_item, commit_to_json, head_to_item
from pipeline.ledger.state import Commit, CommitRef, Head, OpenRange, OpenToken, StagedFile
from pipeline.names import final_key, ids_key, staged_prefix
from pipeline.producer.settings import EVENT_BYTES_MAX, ProducerSettings
from pipeline.testing.simulation import Simulation

PRICES = prices("us-east-1")
MONTH_OF_31_DAYS = 31 * 24 / HOURS_PER_MONTH


def case(rate: float = 10_000, size: int = 300, *, plain: bool = False, **chosen: Any) -> Case:
    return Case(
        settings=Settings(**chosen),
        load=Load(rate=rate, size=size, aggregated=not plain),
        prices=PRICES,
    )


def usd(lines: list[Line], key: str) -> float:
    (line,) = (line for line in lines if line.price.key == key)
    return line.usd


def quantity(lines: Any, key: str) -> float:
    (line,) = (line for line in lines if line.price.key == key)
    return float(line.quantity)


# AWS's own examples.


def test_kinesis_s_own_example_of_a_hundred_records_of_35_kb_a_second() -> None:
    """Amazon Kinesis Data Streams pricing, "Provisioned mode": 31 days cost 44.64 and 7.50 USD."""
    load = Load(rate=100, size=35 * KB, aggregated=False)
    assert shards_needed(load) == 4
    lines = provisioned(Settings(), load, PRICES, shards=4)
    assert usd(lines, "kinesis_shard_hour") * MONTH_OF_31_DAYS == pytest.approx(44.64)
    assert quantity(lines, "kinesis_put_unit") * MONTH_OF_31_DAYS == pytest.approx(535_680_000)
    assert usd(lines, "kinesis_put_unit") * MONTH_OF_31_DAYS == pytest.approx(7.50, abs=0.005)


@pytest.mark.parametrize(
    ("size", "unit", "units"),
    [
        # Amazon Kinesis Data Streams pricing, "PUT payload unit" and, of on-demand, "Data in".
        (5 * KB, 25 * KB, 1),
        (45 * KB, 25 * KB, 2),
        (1_000_000, 25 * KB, 40),
        (4 * KB + 512, KB, 5),
        # Amazon Data Firehose pricing, "Ingestion": 3 KB count as 5, 12 as 15, 42 as 45.
        (3 * KB, 5 * KB, 1),
        (12 * KB, 5 * KB, 3),
        (42 * KB, 5 * KB, 9),
    ],
)
def test_a_record_is_rounded_up_to_whole_units(size: int, unit: int, units: int) -> None:
    assert Load(rate=1, size=size, aggregated=False).chunks(unit) == units


def test_lambda_s_own_example_of_three_million_runs_of_a_second_with_512_mb() -> None:
    """AWS Lambda pricing: 1,500,000 GB-seconds; at list price 25.00 USD, and 0.60 for requests."""
    used = gb_seconds(Settings(memory_mb=512), 3_000_000 * 1_000)
    assert used == 1_500_000
    assert used * PRICES["lambda_gb_second_x86_64"].usd == pytest.approx(25.0, abs=0.01)
    assert 3_000_000 * PRICES["lambda_request"].usd == pytest.approx(0.60)


def test_dynamodb_s_own_examples_of_items_of_1_and_3_kb() -> None:
    """Amazon DynamoDB pricing for on-demand capacity, "Write request unit": 1, 3, and 6 in one."""
    assert [write_units(1 * KB), write_units(3 * KB)] == [1, 3]
    assert write_units(3 * KB, in_transaction=True) == 6


def test_firehose_s_units_at_its_price() -> None:
    """500 records of 5 KB a second: 5 KB x 500 / 1,048,576 KB a GB, as its pricing page counts."""
    ways = {way.name: way.usd for way in transports(case(500, 5 * KB))}
    month_gb = 5 * 500 / 1_048_576 * SECONDS_PER_MONTH
    assert ways["Firehose, an event a record"] == pytest.approx(month_gb * (0.029 + 0.018))


def test_a_metric_of_an_alarm_s_expression_is_paid_for_each() -> None:
    """Amazon CloudWatch pricing: an alarm on metric math costs as many as it has metrics."""
    lines = estimate(case()).lines
    assert quantity(lines, "cloudwatch_alarm_metric") > 16
    quiet = estimate(case(quiet_minutes=30)).lines
    more = quantity(quiet, "cloudwatch_alarm_metric") - quantity(lines, "cloudwatch_alarm_metric")
    assert more >= 1


# What the estimate counts is what the protocol does.


def test_a_take_makes_the_requests_that_are_counted() -> None:
    simulation, done = Simulation(), Counter[str]()
    worker = simulation.worker()
    for events in ("a b@1", "c d@1"):
        run = simulation.start(worker, simulation.stream.put(simulation.shard, events))
        done.clear()
        while not run.ended:
            done[type(run.upcoming).__name__] += 1
            run.step()
    files = done["PutFinalIfAbsent"]
    puts = sum(done[kind] for kind in ("PutStaged", "PutFinalIfAbsent", "PutJournal", "PutDone"))
    assert files == 2
    assert puts == figures.PUTS_A_FILE * files + figures.PUTS_A_BATCH
    assert done["ReadDone"] == figures.GETS_A_BATCH
    assert done["WriteHead"] + done["MarkPublished"] == figures.HEAD_WRITES_A_BATCH
    assert done["CommitTransaction"] == 1
    assert done["ReadHead"] == figures.READS_A_BATCH


def stored_bytes(item: Any) -> int:
    """DynamoDB developer guide, "Item sizes and formats": names and values in UTF-8, about."""
    return sum(len(name) + len(str(value)) for name, value in item.items())


def test_the_ledger_s_items_weigh_what_is_counted() -> None:
    shard, token = ShardId("shardId-000000000012"), "a" * 32
    first = Position(49590338271490256608559692538361571095921575989136588898)
    file = StagedFile(
        table="departures",
        staged_key=f"{staged_prefix(shard=shard, first=first, token=token)}0.parquet",
        final_key=final_key(
            table="departures", date="2026-11-24", hour=12, shard=shard, first=first
        ),
        sha256="a" * 64,
        rows=10_000,
    )
    now_ms = 1_795_000_000_000
    head = Head(
        shard=shard,
        revision=token,
        changed_ms=now_ms,
        committed=first,
        last_commit=CommitRef(first=first, token=token),
        unpublished=CommitRef(first=first, token=token),
        fence=token,
        open_range=OpenRange(
            last=first,
            count=400,
            tokens=(OpenToken(token=token, deadline_ms=now_ms, phase="unknown"),),
        ),
        settled_ms=now_ms,
    )
    assert stored_bytes(head_to_item(head)) == pytest.approx(figures.HEAD_BYTES, rel=0.1)
    for files in (1, 3, 6):
        commit = Commit(
            shard=shard,
            first=first,
            last=first,
            token=token,
            files=(file,) * files,
            ids_key=ids_key(shard=shard, first=first, token=token),
            counts=Counts(records=500, received=10_000),
            arrival_ms_max=now_ms,
            committed_ms=now_ms,
        )
        counted = figures.COMMIT_BYTES + figures.COMMIT_FILE_BYTES * files
        assert stored_bytes(commit_to_item(commit)) == pytest.approx(counted, rel=0.1)
        assert 2 * len(commit_to_json(commit)) >= figures.JOURNAL_BYTES * 0.9


def test_the_producer_is_the_one_that_is_counted() -> None:
    producer = ProducerSettings()
    assert (producer.lanes, producer.linger_ms) == (LANES, LINGER_SECONDS * 1_000)
    assert (producer.record_bytes, producer.record_events) == (RECORD_BYTES, RECORD_EVENTS)
    assert EVENT_BYTES_MAX == SIZE_MAX

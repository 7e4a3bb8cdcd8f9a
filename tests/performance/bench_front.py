"""Measure what the front costs: the same calls to one emulator, through it and directly.

    python -m tests.performance.bench_front --rounds 15

Each round measures both ways one after the other, in turns of who goes first; a ratio is the
front's median over the direct median, both of one run. Limits and faults are off.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from boto3.session import Session
from botocore.config import Config

from infra.local import supervisor

LARGE: Final = [{"Data": b"x" * 25_000, "PartitionKey": str(n)} for n in range(100)]
SMALL: Final = [{"Data": b"x" * 300, "PartitionKey": str(n)} for n in range(500)]


def client(endpoint: str, service: str) -> Any:
    """Return a client of the emulator or of its front."""
    made: Any = Session().client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name=supervisor.REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    return made


def per_second(work: Callable[[], int], seconds: float) -> float:
    """Return how much a second `work` gets done, run again and again for so long."""
    done, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        done += work()
    return done / elapsed


def cases(endpoint: str, direct: str) -> dict[str, Callable[[], int]]:
    """Return what is measured: names with units, and the work that returns how much it did."""
    kinesis, s3, dynamodb = (client(endpoint, name) for name in ("kinesis", "s3", "dynamodb"))

    def put(records: list[dict[str, Any]], amount: int) -> Callable[[], int]:
        def work() -> int:
            kinesis.put_records(StreamName="bench", Records=records)
            return amount

        return work

    arguments = {"StreamName": "read", "ShardId": "shardId-000000000000"}
    start = client(direct, "kinesis").get_shard_iterator(
        **arguments, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]

    def read() -> int:
        answer = kinesis.get_records(ShardIterator=start, Limit=200)
        return sum(len(record["Data"]) for record in answer["Records"])

    def put_object() -> int:
        s3.put_object(Bucket="bench", Key="one", Body=b"x" * 1_000_000)
        return 1_000_000

    def get_item() -> int:
        dynamodb.get_item(TableName="bench", Key={"id": {"S": "one"}})
        return 1

    return {
        "put_bytes": put(LARGE, sum(len(record["Data"]) for record in LARGE)),
        "put_records": put(SMALL, len(SMALL)),
        "get_bytes": read,
        "object_bytes": put_object,
        "get_item_calls": get_item,
    }


def prepare(endpoint: str) -> None:
    """Make what the cases use."""
    kinesis = client(endpoint, "kinesis")
    for name in ("bench", "read"):
        kinesis.create_stream(StreamName=name, ShardCount=1)
    for _ in range(3):
        kinesis.put_records(StreamName="read", Records=LARGE)
    client(endpoint, "s3").create_bucket(Bucket="bench")
    client(endpoint, "dynamodb").create_table(
        TableName="bench",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def measure(front: str, direct: str, *, rounds: int, seconds: float) -> dict[str, Any]:
    """Return the medians of both ways and their ratio, by case."""
    prepare(direct)
    ways = {"front": cases(front, direct), "direct": cases(direct, direct)}
    found: dict[str, dict[str, list[float]]] = {}
    for name in ways["front"]:
        for number in range(rounds):
            # The emulator slows down as it fills: neither way is always first.
            for way in sorted(ways, reverse=number % 2 == 1):
                speeds = found.setdefault(name, {}).setdefault(way, [])
                speeds.append(per_second(ways[way][name], seconds))
    medians = {n: {w: statistics.median(v) for w, v in by.items()} for n, by in found.items()}
    return {
        f"{name}_per_second": {
            **{way: round(value) for way, value in by_way.items()},
            "ratio": round(by_way["front"] / by_way["direct"], 3),
        }
        for name, by_way in medians.items()
    }


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        aws = supervisor.start(Path(folder))
        try:
            found = measure(
                aws.endpoint,
                aws.emulator_endpoint,
                rounds=options.rounds,
                seconds=options.seconds,
            )
        finally:
            supervisor.stop(Path(folder))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

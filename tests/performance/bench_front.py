"""Measure what the front costs: the same calls to one emulator, through it and directly.

    python -m tests.performance.bench_front --seconds 15

Calls go through the front and past it in turns, so that what else the machine does meets both
alike; a speed is what one call does over the median time of a call. Limits and faults are off.
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


def speeds(ways: dict[str, Callable[[], int]], seconds: float) -> dict[str, float]:
    """Return how much a second each way gets done, calling them in turns for so long."""
    took: dict[str, list[float]] = {way: [] for way in ways}
    amount = 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        # Neither is always the first after the other: the emulator slows down as it fills.
        for way in sorted(ways, reverse=len(took["front"]) % 2 == 1):
            began = time.perf_counter()
            amount = ways[way]()
            took[way].append(time.perf_counter() - began)
    return {way: amount / statistics.median(times) for way, times in took.items()}


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


def measure(front: str, direct: str, *, seconds: float) -> dict[str, Any]:
    """Return the speed of both ways and their ratio, by case."""
    prepare(direct)
    through, past = cases(front, direct), cases(direct, direct)
    found = {}
    for name in through:
        by_way = speeds({"front": through[name], "direct": past[name]}, seconds)
        found[f"{name}_per_second"] = {
            **{way: round(value) for way, value in by_way.items()},
            "ratio": round(by_way["front"] / by_way["direct"], 3),
        }
    return found


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each case")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        aws = supervisor.start(Path(folder))
        try:
            found = measure(aws.endpoint, aws.emulator_endpoint, seconds=options.seconds)
        finally:
            supervisor.stop(Path(folder))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

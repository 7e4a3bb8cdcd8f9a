"""Measure the deployed function's resident memory over the hardest batches a mapping hands over.

    python -m tests.performance.bench_function_memory --shards 4 --rounds 2

It brings up a stack of its own, puts the batches of `bench_core --memory` on every shard again and
again (4.5 MB of compressed departures, one record of the most bad lines, of the most bad bytes, of
the longest lines, a bomb), each time waits until all is committed, and prints the peak of the
function's processes after each kind. A kind that no stream takes is left out. A worker serves
shards in turn, so its seen sets add up.
"""

import argparse
import json
import sys
from typing import Any, Final

from infra.local import supervisor
from pipeline.core.records import Record
from sluice.drain import DRAIN_SECONDS_MAX, drain_stack
from sluice.stack import Stack
from tests.performance.bench_core import hardest_batches
from tests.performance.bench_end_to_end import peak_mb, stack_of_its_own

LIMIT_MB: Final = 512
REQUEST_BYTES_MAX: Final = 4 * 2**20
RECORD_BYTES_MAX: Final = 2**20
"""What a record holds with its key unless the stream is set to more (Kinesis quotas)."""


def starting_keys(stack: Stack) -> list[str]:
    """Return the first hash key of each shard."""
    answer = stack.environment.kinesis.list_shards(StreamName=stack.outputs["stream_name"])
    return [shard["HashKeyRange"]["StartingHashKey"] for shard in answer["Shards"]]


def put(stack: Stack, records: tuple[Record, ...], hash_key: str) -> None:
    """Put records on one shard, in requests that Kinesis takes."""
    request: list[dict[str, Any]] = []
    size = 0
    for number, record in enumerate(records, start=1):
        request.append({"Data": record.data, "PartitionKey": "bench", "ExplicitHashKey": hash_key})
        size += len(record.data)
        if size > REQUEST_BYTES_MAX or number == len(records):
            answer = stack.environment.kinesis.put_records(
                StreamName=stack.outputs["stream_name"], Records=request
            )
            assert answer["FailedRecordCount"] == 0
            request, size = [], 0


def peaks_mb(stack: Stack) -> list[int]:
    """Return the peak of each process in which a function runs or ran last, greatest first."""
    aws = supervisor.running(stack.folder)
    assert aws is not None
    return sorted((round(peak_mb(pid)) for pid in aws.worker_pids()), reverse=True)


def measure(stack: Stack, rounds: int) -> dict[str, list[int]]:
    """Return the peaks so far after each kind of batch."""
    found: dict[str, list[int]] = {}
    keys = starting_keys(stack)
    for name, records in hardest_batches().items():
        if any(len(record.data) > RECORD_BYTES_MAX for record in records):
            continue  # no stream takes it
        for _ in range(rounds):
            for key in keys:
                put(stack, records, key)
            drain_stack(stack, seconds_max=DRAIN_SECONDS_MAX, on_wait=lambda _: None)
        found[name] = peaks_mb(stack)
    return found


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with stack_of_its_own({"shard_count": str(options.shards)}) as stack:
        found = measure(stack, options.rounds)
    peak = max(max(peaks, default=0) for peaks in found.values())
    figures = {"peak_mb_so_far": found, "peak_mb": peak, "limit_mb": LIMIT_MB}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()

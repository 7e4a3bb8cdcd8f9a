"""Verify a synthetic run of N events, measure its latency, print seconds and peak memory.

    python tests/performance/bench_verify.py --events 10000000

A process of its own makes the Parquet files, so that the memory measured is the verifier's.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from loadtests.latency import measure
from pipeline.audit.relations import checksum_sql, find_inputs
from pipeline.audit.verify import verify
from pipeline.domain.contracts import CONTRACTS, DEPARTURES
from pipeline.sinks.lake_reader import Publication

RUN = "20260101-bench"
EVENTS_PER_FILE = 50_000
EVENTS_PER_RECORD = 100
PRODUCERS = 4
SHARDS = 4

_EVENTS = """
CREATE OR REPLACE TABLE events AS SELECT
    'departures' AS type, '{run}-p' || (n % {producers}) || '-' || n AS id,
    'p' || (n % {producers}) AS producer, n AS sequence,
    make_timestamp_ms(1790000000000 + n) AS event_time, 'N' || (n % 3000) || 'UA' AS aircraft,
    'UA' AS carrier, n % 9999 AS flight, 'EWR' AS origin, 'ORD' AS destination,
    make_timestamp_ms(1357000000000 + n) AS scheduled_departure,
    CASE WHEN n % 40 > 0 THEN n % 120 END AS departure_delay_minutes,
    CASE WHEN n % 40 > 0 THEN n % 90 END AS arrival_delay_minutes,
    n % 300 AS air_time_minutes, 719 AS distance_miles, 'United Air Lines Inc.' AS carrier_name,
    ('4964' || lpad((n // {per_record})::VARCHAR, 52, '0')) AS _position,
    n % {per_record} AS _index, make_timestamp_ms(1790000000000 + n) AS _arrival_time
FROM range({first}, {end}) r(n) ORDER BY aircraft, event_time
"""


def generate(folder: Path, events: int) -> None:
    """Write the history and the lake of a run in which nothing went wrong."""
    lake = folder / "lake/departures/dt=2026-09-21/hour=13"
    lake.mkdir(parents=True)
    (folder / "history").mkdir()
    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        for number, first in enumerate(range(0, events, EVENTS_PER_FILE)):
            end = min(first + EVENTS_PER_FILE, events)
            span = {"first": first, "end": end, "run": RUN}
            sizes = {"producers": PRODUCERS, "per_record": EVENTS_PER_RECORD}
            connection.execute(_EVENTS.format(**span, **sizes))
            file = lake / f"shardId-{number % SHARDS:012d}-4964{first:052d}.parquet"
            connection.execute(f"COPY events TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
            connection.execute(
                f"""COPY (SELECT type AS "table", id, producer, aircraft AS key, sequence,
                    epoch_us(event_time) AS intended_us, epoch_us(event_time) AS sent_us,
                    epoch_us(event_time) + 900 AS answered_us, 'acknowledged' AS answer,
                    {checksum_sql(DEPARTURES)} AS checksum, false AS poison FROM events)
                TO '{folder}/history/p0-{number}.parquet' (FORMAT parquet, COMPRESSION zstd)"""
            )


def _published_ms(first: str) -> int:
    """Return half a second after the last event of the file that starts at a position."""
    return 1_790_000_000_000 + int(first.removeprefix("4964")) + EVENTS_PER_FILE + 500


def main() -> None:
    """Generate, verify and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--memory-mb", type=int, default=2_048)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as scratch:
        folder = Path(scratch)
        spill = folder / "spill"
        spill.mkdir()
        making = multiprocessing.get_context("spawn").Process(
            target=generate, args=(folder, arguments.events)
        )
        making.start()
        making.join()
        if making.exitcode:
            raise SystemExit(f"generating failed with exit code {making.exitcode}")
        inputs = find_inputs(RUN, history=folder / "history", lake=folder / "lake")
        started = time.perf_counter()
        verdict = verify(inputs, CONTRACTS, spill=spill, memory_mb=arguments.memory_mb)
        seconds = time.perf_counter() - started
        verify_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        publications = (
            Publication(shard=shard, first=first, published_ms=_published_ms(first))
            for path in inputs.lake["departures"]
            for shard, _, first in [path.stem.rpartition("-")]
        )
        started = time.perf_counter()
        latency = measure(
            inputs, CONTRACTS, publications, spill=spill, memory_mb=arguments.memory_mb
        )
        latency_seconds = time.perf_counter() - started
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures = {
            "events": arguments.events,
            "seconds": round(seconds, 1),
            "verify_rss_mb": round(verify_mb),
            "latency_seconds": round(latency_seconds, 1),
            "latency_rows": latency.overall.count if latency.overall else 0,
            "peak_rss_mb": round(peak_mb),
            "memory_limit_mb": arguments.memory_mb,
            "files": len(inputs.lake["departures"]),
            "cores": os.cpu_count(),
        }
        sys.stdout.write(f"{verdict.summary()}\n{json.dumps(figures)}\n")


if __name__ == "__main__":
    main()

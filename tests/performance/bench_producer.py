"""Measure the producer and the load generation on one core, and print events per second.

    python tests/performance/bench_producer.py --events 400000

`put` takes events that are at hand and makes the records' bytes (lanes, zstd, aggregation) for a
stream that answers at once; `load` renders real departures on a schedule of 20 ms ticks, with ids,
checksums and the history's files, and puts them. CPU time of all threads, so it is per core.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from loadtests.plan import Plan
from loadtests.scripts import script_of
from loadtests.sending import Sending
from pipeline.producer.kinesis import KinesisTransport
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings
from pipeline.sources.connections import KinesisConnection

RATE = 20_000
TICK_US = 20_000
EVENTS_PER_PUT = RATE * TICK_US // 1_000_000


class InstantStream:
    """A Kinesis client that takes everything at once: what is measured is before the network."""

    meta = SimpleNamespace(config=SimpleNamespace(retries={"total_max_attempts": 1}))

    def __init__(self) -> None:
        self.records = self.record_bytes = 0

    def put_records(self, *, StreamName: str, Records: list[Any]) -> dict[str, Any]:  # noqa: N803
        self.records += len(Records)
        self.record_bytes += sum(len(record["Data"]) for record in Records)
        return {"Records": [{} for _ in Records]}


def measure(events: int, prepare: Callable[[Any], Callable[[], None]]) -> dict[str, float]:
    """Run what `prepare` returns, and return its speed and what came out."""
    stream = InstantStream()
    run = prepare(stream)
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "events_per_second_per_core": round(events / cpu),
        "cpu_us_per_event": round(cpu / events * 1_000_000, 2),
        "wall_seconds": round(wall, 2),
        "records": stream.records,
        "bytes_per_event_sent": round(stream.record_bytes / events, 1),
    }


def put(plan: Plan, stream: Any) -> Callable[[], None]:
    """Prepare events and return what puts them all."""
    source = plan.parts[0].sources[0]
    script = script_of(plan.run, source)
    ticks = [
        script.render(first, [1_795_000_000_000 + first * 1_000 // RATE] * EVENTS_PER_PUT)
        for first in range(0, plan.events, EVENTS_PER_PUT)
    ]

    def run() -> None:
        with Producer[int](
            KinesisTransport(stream, "stream"), ProducerSettings(), lambda _: None
        ) as producer:
            for number, tick in enumerate(ticks):
                first = number * EVENTS_PER_PUT
                producer.put_many(
                    table="departures",
                    keys=tick.keys,
                    bodies=tick.bodies,
                    tags=range(first, first + EVENTS_PER_PUT),
                )

    return run


def load(plan: Plan, folder: Path, stream: Any) -> Callable[[], None]:
    """Return what sends the whole plan, tick by tick, without waiting for the clock."""
    sending = Sending(
        plan, plan.parts[0], folder, KinesisTransport(stream, "stream"), lambda *_: None
    )
    sending.start_us = now_us = time.time_ns() // 1_000 - 1_000_000_000

    def run() -> None:
        now = now_us
        while not sending.finished:
            now += TICK_US
            sending.step(now)
        sending.close(60)

    return run


def main() -> None:
    """Measure both and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    events: int = parser.parse_args().events
    connection = KinesisConnection(stream="stream")
    plan = Plan.of(run="bench", connection=connection, rate=RATE, events=events)
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "put": measure(events, lambda stream: put(plan, stream)),
            "load": measure(events, lambda stream: load(plan, Path(folder), stream)),
        }
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

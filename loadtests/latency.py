"""End-to-end latency: from the moment an event was meant to be sent until its row became readable.

The intended time, not the actual one, starts the clock: an event that a stalled sender sent late
has waited all the same, so coordinated omission cannot hide a stall.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
from hdrh.histogram import HdrHistogram

from pipeline.audit.relations import Inputs, attach_history, attach_lake
from pipeline.core.contract import Contract
from pipeline.errors import OperatingError
from pipeline.sinks.lake_reader import Publication

LATENCY_MS_MAX: Final = 24 * 3_600_000
"""Longer waits count as this long."""
SIGNIFICANT_DIGITS: Final = 3
"""Every percentile is within 0.1 % of the truth."""
SLICES_MAX: Final = 120
_SLICES_MS: Final = (1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000)
_PLOTTED: Final = (
    *(0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 85.0, 90.0, 92.5, 95.0, 97.5, 98.0),
    *(99.0, 99.5, 99.75, 99.9, 99.95, 99.99, 99.995, 99.999, 100.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Latencies in milliseconds; `percentiles` are (percent, milliseconds) for a plot."""

    count: int
    mean_ms: float
    p50_ms: int
    p90_ms: int
    p99_ms: int
    p99_9_ms: int
    max_ms: int
    percentiles: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One slice of time. `intended` were due in it, `acknowledged` answered, `stored` published.

    `latency` is of the events that were due in it; None when none of them is in the lake.
    """

    start_ms: int
    intended: int
    acknowledged: int
    stored: int
    latency: Distribution | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A run's latencies, overall and by slices of `slice_ms`; times since the epoch.

    `unmeasured` rows lie in files whose publication the journal does not know. `send_rate` is what
    was acknowledged over the time from the first intended to the last actual send, in events/s.
    """

    run: str
    overall: Distribution | None
    by_table: Mapping[str, Distribution]
    slices: tuple[Slice, ...]
    slice_ms: int
    unmeasured: int
    send_rate: float | None

    def to_json(self) -> dict[str, object]:
        """Return the latencies as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    first_ms: int
    last_ms: int
    send_rate: float | None


_FIRST = "regexp_extract(r.file, '-([0-9]+)[.]parquet$', 1)"
_LATENCIES = f"""
CREATE TABLE latencies AS
SELECT r."table" AS "table", h.intended_us // 1000 // $slice AS due,
    p.published_ms // $slice AS seen,
    least(greatest(p.published_ms - h.intended_us // 1000, 0), $max) AS ms, count(*) AS rows
FROM lake r JOIN history h USING (id) LEFT JOIN published p
    ON r.shard = p.shard AND {_FIRST} = p.first
WHERE starts_with(id, $prefix) GROUP BY ALL
"""


def measure(
    inputs: Inputs,
    contracts: Sequence[Contract],
    publications: Iterable[Publication],
    *,
    spill: Path,
    memory_mb: int = 2_048,
) -> Latency:
    """Return the latencies of a run's rows.

    Raises:
        OperatingError: history or lake cannot be read.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
    }
    if not inputs.history:
        raise OperatingError("latency needs a history, and there is none", retryable=False)
    try:
        with duckdb.connect(":memory:", config=config) as connection:
            attach_history(connection, inputs.history)
            attach_lake(connection, inputs.lake, contracts)
            connection.register("published", _published(publications))
            span = _span(connection, f"{inputs.run}-")
            slice_ms = slice_of(span.last_ms - span.first_ms)
            values = {
                "slice": slice_ms,
                "max": LATENCY_MS_MAX,
                "prefix": f"{inputs.run}-",
            }
            connection.execute(_LATENCIES, values)
            return _summarize(connection, inputs.run, span, slice_ms)
    except (duckdb.Error, OSError) as error:
        raise OperatingError(f"cannot measure the latency of {inputs.run}: {error}") from error


def slice_of(duration_ms: int) -> int:
    """Return the shortest round slice that cuts a duration into `SLICES_MAX` pieces at most."""
    fitting = (ms for ms in _SLICES_MS if duration_ms <= ms * SLICES_MAX)
    return next(fitting, _SLICES_MS[-1])


def distribution(counts: Iterable[tuple[int, int]], *, plotted: bool = False) -> Distribution:
    """Return the distribution of (milliseconds, how often) pairs; with a curve if `plotted`."""
    found = list(counts)
    histogram = HdrHistogram(1, LATENCY_MS_MAX, SIGNIFICANT_DIGITS)
    for milliseconds, count in found:
        histogram.record_value(milliseconds, count)
    total = sum(count for _, count in found)
    longest_ms = max(milliseconds for milliseconds, _ in found)

    def at(percent: float) -> int:
        # A histogram answers with the upper end of its bucket, which may lie past the maximum.
        return min(int(histogram.get_value_at_percentile(percent)), longest_ms)

    return Distribution(
        count=total,
        mean_ms=round(sum(ms * count for ms, count in found) / total, 3),
        p50_ms=at(50),
        p90_ms=at(90),
        p99_ms=at(99),
        p99_9_ms=at(99.9),
        max_ms=longest_ms,
        percentiles=tuple((percent, at(percent)) for percent in _PLOTTED) if plotted else (),
    )


def _published(publications: Iterable[Publication]) -> pa.Table:
    """Return the publications as a table."""
    found = list(publications)
    return pa.table(
        {
            "shard": pa.array([each.shard for each in found], pa.string()),
            "first": pa.array([each.first for each in found], pa.string()),
            "published_ms": pa.array([each.published_ms for each in found], pa.int64()),
        }
    )


def _span(connection: duckdb.DuckDBPyConnection, prefix: str) -> _Span:
    """Return when the run was, from its first event to its last publication, and its rate."""
    rows = connection.execute(
        """SELECT min(intended_us), max(greatest(intended_us, sent_us)), max(sent_us),
            count(*) FILTER (WHERE answer = 'acknowledged') FROM history"""
    ).fetchall()
    first_us, last_us, sent_us, acknowledged = rows[0]
    if first_us is None:
        raise OperatingError("latency needs a history, and it is empty", retryable=False)
    published = connection.execute(
        f"""SELECT max(published_ms) FROM published p WHERE (p.shard, p.first) IN
        (SELECT DISTINCT r.shard, {_FIRST} FROM lake r WHERE starts_with(id, $prefix))""",
        {"prefix": prefix},
    ).fetchall()
    seconds = ((sent_us or last_us) - first_us) / 1_000_000
    return _Span(
        first_ms=first_us // 1_000,
        last_ms=max(last_us // 1_000, published[0][0] or 0),
        send_rate=round(acknowledged / seconds, 3) if seconds > 0 else None,
    )


def _summarize(
    connection: duckdb.DuckDBPyConnection, run: str, span: _Span, slice_ms: int
) -> Latency:
    """Return the latencies from the table of counts."""
    by_table: dict[str, Counter[int]] = defaultdict(Counter)
    by_due: dict[int, Counter[int]] = defaultdict(Counter)
    stored: Counter[int] = Counter()
    unmeasured = 0
    found = connection.execute('SELECT "table", due, seen, ms, rows FROM latencies')
    while batch := found.fetchmany(10_000):
        for table, due, seen, milliseconds, rows in batch:
            if seen is None:
                unmeasured += rows
                continue
            by_table[table][milliseconds] += rows
            by_due[due][milliseconds] += rows
            stored[seen] += rows
    overall = sum(by_table.values(), Counter[int]())
    return Latency(
        run=run,
        overall=distribution(overall.items(), plotted=True) if overall else None,
        by_table={table: distribution(by_table[table].items()) for table in sorted(by_table)},
        slices=_slices(connection, slice_ms, by_due, stored),
        slice_ms=slice_ms,
        unmeasured=unmeasured,
        send_rate=span.send_rate,
    )


def _slices(
    connection: duckdb.DuckDBPyConnection,
    slice_ms: int,
    by_due: Mapping[int, Counter[int]],
    stored: Mapping[int, int],
) -> tuple[Slice, ...]:
    """Return every slice from the first event to the last publication, empty ones included."""
    intended, acknowledged = (
        dict(
            connection.execute(
                f"SELECT {time} // 1000 // $slice, count(*) FROM history WHERE {which} GROUP BY 1",
                {"slice": slice_ms},
            ).fetchall()
        )
        for time, which in (
            ("intended_us", "true"),
            ("answered_us", "answer = 'acknowledged' AND answered_us IS NOT NULL"),
        )
    )
    places = intended.keys() | acknowledged.keys() | stored.keys()
    return tuple(
        Slice(
            start_ms=place * slice_ms,
            intended=intended.get(place, 0),
            acknowledged=acknowledged.get(place, 0),
            stored=stored.get(place, 0),
            latency=distribution(by_due[place].items()) if place in by_due else None,
        )
        for place in range(min(places), max(places) + 1)
    )

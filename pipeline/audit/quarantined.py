"""Whom a quarantine row speaks for: the id it names, or the ids that its raw bytes still show."""

import re
from collections.abc import Iterable, Iterator, Sequence

import duckdb
import pyarrow as pa

from pipeline.core.aggregate import NotDeaggregable, deaggregate
from pipeline.core.payload import NotReadable, decompress
from pipeline.core.reasons import ReasonCode

_DECODED_BYTES_MAX = 64 * 1024 * 1024
"""Of one record: four times what the core takes (`pipeline.core.batch.Limits`)."""


def readable_ids(raw: bytes, id_fields: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that stand in bytes which were never decoded, each once, in order.

    A masked record is quarantined whole and unread (protocol.md, T25), so its events are looked for
    in the payloads within it, and in the bytes as they are where these cannot be unpacked.
    """
    names = b"|".join(re.escape(name.encode()) for name in id_fields)
    pattern = re.compile(rb'"(?:' + names + rb')"\s*:\s*"([^"\\\x00-\x1f]{1,256})"')
    found = (match for payload in payloads_of(raw) for match in pattern.findall(payload))
    return tuple(dict.fromkeys(text.decode("utf-8", "replace") for text in found))


def payloads_of(raw: bytes) -> Iterator[bytes]:
    """Yield the decompressed payloads of a record, or their bytes as they are."""
    try:
        payloads = [record.payload for record in deaggregate(raw, "")]
    except NotDeaggregable:
        payloads = [raw]
    for payload in payloads:
        try:
            yield decompress(payload, bytes_max=_DECODED_BYTES_MAX)
        except NotReadable:
            yield payload


def attach_quarantined(
    connection: duckdb.DuckDBPyConnection,
    *,
    prefix: str,
    replayed: Iterable[str],
    id_fields: Sequence[str],
    arrival_ms: tuple[int, int],
) -> None:
    """Create the tables `quarantine_rows`, `quarantined` and `replayed` from the view `quarantine`.

    `quarantine_rows` are the run's: those whose id has the prefix, and those without an id that
    arrived within `arrival_ms` (first and last, inclusive) and show no id of another run alone.
    `quarantined` has one row for each id that a row speaks for. `firm` is false where a stored row
    of that id is legal beside it: found in raw bytes (T25), or another body under the same id.
    """
    connection.execute(
        """CREATE TABLE candidates AS
        SELECT row_number() OVER () AS row_number, * EXCLUDE (raw),
            CASE WHEN id IS NULL THEN raw END AS raw
        FROM quarantine WHERE starts_with(id, $prefix) OR (id IS NULL
            AND arrival_ms BETWEEN $first AND $last)""",
        {"prefix": prefix, "first": arrival_ms[0], "last": arrival_ms[1]},
    )
    connection.execute("CREATE TABLE recovered (row_number BIGINT, id VARCHAR)")
    reader = connection.cursor().execute(
        "SELECT row_number, raw FROM candidates WHERE id IS NULL ORDER BY row_number"
    )
    while batch := reader.fetchmany(1_000):
        _insert(connection, _recover(batch, id_fields))
    connection.execute(
        """CREATE TABLE quarantine_rows AS SELECT * EXCLUDE (raw) FROM candidates c
        WHERE id IS NOT NULL OR coalesce((SELECT bool_or(starts_with(r.id, $prefix))
            FROM recovered r WHERE r.row_number = c.row_number), true)""",
        {"prefix": prefix},
    )
    connection.execute(
        """CREATE TABLE quarantined AS
        SELECT row_number, id, reason <> $conflict AS firm FROM quarantine_rows
        WHERE id IS NOT NULL
        UNION ALL
        SELECT row_number, id, false FROM recovered WHERE starts_with(id, $prefix)""",
        {"prefix": prefix, "conflict": ReasonCode.CONFLICTING_DUPLICATE},
    )
    ids = pa.table({"id": pa.array(sorted(replayed), pa.string())})
    connection.register("replayed_ids", ids)
    connection.execute("CREATE TABLE replayed AS SELECT id FROM replayed_ids")
    connection.unregister("replayed_ids")


def _recover(batch: Sequence[tuple[int, bytes | None]], id_fields: Sequence[str]) -> pa.Table:
    """Return the ids found in a batch of raw bytes, each with its row's number."""
    found = [
        (row_number, event_id)
        for row_number, raw in batch
        for event_id in readable_ids(raw or b"", id_fields)
    ]
    return pa.table(
        {
            "row_number": pa.array([number for number, _ in found], pa.int64()),
            "id": pa.array([event_id for _, event_id in found], pa.string()),
        }
    )


def _insert(connection: duckdb.DuckDBPyConnection, recovered: pa.Table) -> None:
    """Append to the table `recovered`."""
    connection.register("recovered_batch", recovered)
    connection.execute("INSERT INTO recovered SELECT row_number, id FROM recovered_batch")
    connection.unregister("recovered_batch")

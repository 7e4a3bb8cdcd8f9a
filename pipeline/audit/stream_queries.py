"""The queries over a stream and any lake, as DuckDB views of Parquet files.

`stream` has id, shard, position (decimal text), "index", key, arrival_ms, content and a text column
a compared field, as `pipeline.audit.stream_rows` writes it; `lake` is as its files are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from pipeline.audit.lake_columns import FILLER, Column, checksum_sql, quoted
from pipeline.audit.stream_rows import text_column
from pipeline.audit.stream_verdict import Asked

FILE: Final = "_sluice_file"
"""Column that names a row's file; no lake has one of that name."""

NOT_THE_LAKE_S: Final = (FILE, FILLER, "file_row_number")

IDS: Final = """
CREATE TEMP TABLE ids AS
WITH sides AS (
    SELECT {stream_id} AS id, shard, arrival_ms, {sent} AS sent, NULL::UBIGINT AS stored
    FROM stream
    UNION ALL
    SELECT {lake_id}, NULL, NULL, NULL, {stored} FROM lake WHERE {lake_id} IS NOT NULL
)
SELECT id, count(sent) AS sends, count(stored) AS rows,
    count(sent) FILTER (WHERE {due}) > 0 AS due, min(arrival_ms) FILTER (WHERE {due}) AS arrival_ms,
    arg_min(shard, arrival_ms) FILTER (WHERE {due}) AS shard,
    coalesce(min(sent) <> max(sent), false) AS contradictory,
    coalesce(min(stored) <> min(sent) OR max(stored) <> min(sent), false) AS differs
FROM sides GROUP BY id
"""

DIFFERING: Final = """
CREATE TEMP TABLE differing AS
SELECT DISTINCT id FROM (SELECT {stream_id} AS id, [{sent_texts}] AS sent FROM stream)
JOIN (SELECT {lake_id} AS id, [{stored_texts}] AS stored FROM lake) USING (id)
WHERE len(list_filter(
    list_zip(sent, stored), lambda pair: pair[1] <> coalesce(pair[2], chr(0)))) > 0
"""

FATES: Final = """
WITH reached AS (
    SELECT shard AS of_shard, max(arrival_ms) AS newest_ms FROM ids
    WHERE due AND rows > 0 GROUP BY shard
), fates AS (
    SELECT id, sends, rows, due AND contradictory AS contradictory,
        due AND rows > 0 AND NOT contradictory AND altered AS altered,
        rows > 1 AND (due OR (sends = 0 AND $takes_all)) AS duplicated,
        CASE WHEN sends = 0 THEN 'unmatched' WHEN NOT due THEN 'outside' WHEN rows > 0 THEN 'stored'
            WHEN $takes_until THEN 'lost'
            WHEN arrival_ms >= $settled_ms OR newest_ms IS NULL OR arrival_ms > newest_ms
                THEN 'in_flight'
            ELSE 'lost' END AS fate
    FROM (SELECT *, {altered} AS altered FROM ids) AS ids LEFT JOIN reached ON shard = of_shard
)
SELECT fate, contradictory, altered, duplicated, count(*) AS ids, sum(sends)::BIGINT AS sends,
    sum(rows)::BIGINT AS rows, min(id, $examples) AS examples
FROM fates GROUP BY ALL ORDER BY ALL
"""

DISORDER: Final = """
WITH placed AS (
    SELECT ids.id, lake.{file} AS file, stream.place, max(stream.place) OVER (
        PARTITION BY lake.{file}, stream.shard, lake.key ORDER BY lake.number
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
    FROM (SELECT {lake_id} AS id, {file}, {key} AS key, file_row_number AS number FROM lake) AS lake
    JOIN (SELECT {stream_id} AS id, shard, lpad(position, 64, '0')
        || lpad("index"::VARCHAR, 9, '0') AS place FROM stream) AS stream USING (id)
    JOIN ids USING (id) WHERE ids.sends = 1 AND ids.rows = 1 AND ids.due
)
SELECT count(*), min({{'id': id, 'file': file}}, $examples) FROM placed WHERE place < latest
"""

PLACES: Final = """
SELECT id, string_agg(place, ', ' ORDER BY side, place) FROM (
    SELECT {stream_id} AS id, 0 AS side, 'at ' || shard || ' ' || position AS place FROM stream
    UNION ALL
    SELECT {lake_id}, 1, 'in ' || {file} FROM lake
) WHERE list_contains($ids, id) GROUP BY id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How stream and lake are compared.

    `id` is the lake's column of ids; `fields` maps the stream's fields to the lake's columns, none
    if values are not compared; `key` is the column whose equals stand in a file in their order.
    `is_lenient` compares a field only where an event has it: a consumer may have added the rest.
    """

    id: Column
    fields: Mapping[str, Column]
    key: Column | None = None
    is_lenient: bool = False

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return the SQL of each field as the stream's text reads in the lake, and as it is."""
        return [
            (column.text_from(quoted(text_column(name))), column.text)
            for name, column in self.fields.items()
        ]


def attach_stream(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Create the view `stream` over the files of its shards."""
    connection.execute(f"CREATE VIEW stream AS SELECT * FROM read_parquet([{_listed(files)}])")


def attach_lake(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Create the view `lake`; files may differ in their columns, paths name no partition."""
    connection.execute(
        f"""CREATE VIEW lake AS SELECT * FROM read_parquet([{_listed(files)}],
        filename = '{FILE}', file_row_number = true, union_by_name = true,
        hive_partitioning = false)"""
    )


def columns_of(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the lake's own columns with their DuckDB types."""
    found = connection.execute("DESCRIBE SELECT * FROM lake").fetchall()
    return {str(name): str(type_) for name, type_, *_ in found if name not in NOT_THE_LAKE_S}


def filled(template: str, compared: Compared, **more: str) -> str:
    """Return a query with the SQL of ids and compared values in it.

    Fields that are compared where they are, or not at all, leave copies of an event to be compared
    among themselves by their content.
    """
    pairs = [] if compared.is_lenient else compared.pairs
    return template.format(
        stream_id=compared.id.text_from("id"),
        lake_id=compared.id.text,
        sent=checksum_sql([sent for sent, _ in pairs]) if pairs else "content",
        stored=checksum_sql([stored for _, stored in pairs]),
        sent_texts=", ".join(sent for sent, _ in compared.pairs),
        stored_texts=", ".join(stored for _, stored in compared.pairs),
        file=FILE,
        **more,
    )


def altered_sql(compared: Compared) -> str:
    """Return the condition on a row of `ids` to have other values than were sent."""
    if not compared.fields:
        return "false"
    return "id IN (FROM differing)" if compared.is_lenient else "differs"


def due_sql(asked: Asked) -> str:
    """Return the condition on an event to have arrived in the asked time."""
    since = f"arrival_ms >= {asked.since_ms}" if asked.since_ms is not None else "true"
    until = f"arrival_ms < {asked.until_ms}" if asked.until_ms is not None else "true"
    return f"{since} AND {until}"


def _listed(files: Sequence[Path]) -> str:
    return ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)

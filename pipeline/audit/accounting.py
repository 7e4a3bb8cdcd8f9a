"""The queries that give every id of a run its fate, over the views `history`, `lake`, `quarantine`.

One aggregation by id over all three sides at once: an equal loss and duplication cannot cancel out,
and nothing but the groups is kept, so DuckDB can spill them to disk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from pipeline.audit.history import Answer
from pipeline.core.reasons import LOST

_ANSWERS = {Answer.ACKNOWLEDGED: 0, Answer.UNKNOWN: 1, Answer.REFUSED: 2}
"""Strongest first: of several sends of one id, the surest answer counts."""

_ANSWER_SQL = "CASE answer {} END::UTINYINT".format(
    " ".join(f"WHEN '{answer}' THEN {code}" for answer, code in _ANSWERS.items())
)

_FATES = f"""
WITH sides AS (
    SELECT id, checksum AS sent, NULL::UBIGINT AS stored, "table", {_ANSWER_SQL} AS answer,
        poison, NULL::BOOLEAN AS firm, NULL::BOOLEAN AS replayed
    FROM history WHERE starts_with(id, $prefix)
    UNION ALL
    SELECT id, NULL, checksum, "table", NULL, NULL, NULL, NULL
    FROM lake WHERE starts_with(id, $prefix)
    UNION ALL
    SELECT id, NULL, NULL, NULL, NULL, NULL, firm, NULL FROM quarantined
    UNION ALL
    SELECT id, NULL, NULL, NULL, NULL, NULL, NULL, true FROM replayed
), ids AS (
    SELECT id, count(sent) AS sends, count(stored) AS rows, count(firm) AS quarantined,
        min(answer) AS answer, coalesce(bool_or(poison), false) AS poison,
        coalesce(bool_or(firm), false) AS firm, coalesce(bool_or(replayed), false) AS replayed,
        min(sent) AS sent_min, max(sent) AS sent_max, min(stored) AS stored_min,
        max(stored) AS stored_max, min("table") <> max("table") AS tables_differ
    FROM sides GROUP BY id
), fates AS (
    SELECT id, sends, rows, answer, poison, replayed,
        CASE WHEN sends = 0 AND rows > 0 THEN 'never_sent'
            WHEN sends = 0 THEN 'unidentified'
            WHEN rows > 0 THEN 'stored'
            WHEN quarantined > 0 THEN 'quarantined'
            WHEN answer = 0 THEN 'lost'
            WHEN answer = 1 THEN 'indeterminate'
            ELSE 'refused_absent' END AS fate,
        rows > 1 AS duplicated,
        sends > 0 AND rows > 0
            AND (stored_min <> sent_min OR stored_max <> sent_min OR tables_differ) AS altered,
        sends > 0 AND (sent_min <> sent_max OR answer IS NULL) AS contradictory,
        rows > 0 AND firm AND NOT replayed AS doubly_placed,
        rows > 0 AND quarantined > 0 AND NOT firm AS masked
    FROM ids
)
SELECT fate, answer, poison, replayed, duplicated, altered, contradictory, doubly_placed,
    masked, count(*) AS ids, sum(sends)::BIGINT AS sends, sum(rows)::BIGINT AS rows,
    min(id, $examples) FILTER (WHERE fate IN ('lost', 'never_sent') OR duplicated OR altered
        OR contradictory OR doubly_placed OR (poison AND fate = 'stored')) AS examples
FROM fates GROUP BY ALL ORDER BY ALL
"""

_DISORDER = """
WITH rows AS (
    SELECT id, file, position, sequence, max(sequence) OVER (
        PARTITION BY shard, producer, key ORDER BY length(position), position, "index"
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
    FROM lake WHERE starts_with(id, $prefix) {without_excluded}
)
SELECT count(*), min({{'id': id, 'file': file, 'position': position,
    'detail': 'sequence ' || sequence || ' after ' || latest}}, $examples)
FROM rows WHERE sequence < latest
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Ids that share a fate and its attributes, counted; `examples` are some ids of a bad one."""

    fate: str
    answer: Answer | None
    poison: bool
    replayed: bool
    duplicated: bool
    altered: bool
    contradictory: bool
    doubly_placed: bool
    masked: bool
    ids: int
    sends: int
    rows: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFacts:
    """The history by itself; times in milliseconds since the epoch."""

    sends: int
    intended_ms_first: int
    answered_ms_last: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeFacts:
    """The run's rows by table, and what keeps them from being checked."""

    rows_by_table: Mapping[str, int]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineFacts:
    """Rows by reason, with bytes but no id of the history, and (id, file, position) seen twice."""

    by_reason: Mapping[str, int]
    unidentified: int
    twice: tuple[tuple[str | None, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an id is to be looked for."""

    table: str | None = None
    file: str | None = None
    position: str | None = None
    detail: str = ""


def fates(connection: duckdb.DuckDBPyConnection, prefix: str, examples: int) -> tuple[Group, ...]:
    """Return all ids of the run that history, lake or quarantine knows, grouped by their fate."""
    answers = {code: answer for answer, code in _ANSWERS.items()}
    found = connection.execute(_FATES, {"prefix": prefix, "examples": examples}).fetchall()
    return tuple(
        Group(
            fate=row[0],
            answer=answers.get(row[1]),
            poison=row[2],
            replayed=row[3],
            duplicated=row[4],
            altered=row[5],
            contradictory=row[6],
            doubly_placed=row[7],
            masked=row[8],
            ids=row[9],
            sends=row[10],
            rows=row[11],
            examples=tuple(row[12] or ()),
        )
        for row in found
    )


def disorder(
    connection: duckdb.DuckDBPyConnection, prefix: str, examples: int, *, any_excluded: bool
) -> tuple[int, list[dict[str, Any]]]:
    """Return how many rows lie behind a later one of their producer, key and shard, and some.

    Positions are decimal text of up to 60 digits: the longer is the greater, then text decides.
    With `any_excluded`, ids are left out that are duplicated, replayed or shown by a row that was
    quarantined unread (T25): their second coming is late by nature, and reported as what it is.
    """
    without = ""
    if any_excluded:
        connection.execute(
            """CREATE OR REPLACE TABLE excluded AS SELECT id FROM replayed UNION
            SELECT id FROM recovered UNION
            SELECT id FROM lake WHERE starts_with(id, $prefix) GROUP BY id HAVING count(*) > 1""",
            {"prefix": prefix},
        )
        without = "AND id NOT IN (SELECT id FROM excluded)"
    query = _DISORDER.format(without_excluded=without)
    rows = connection.execute(query, {"prefix": prefix, "examples": examples}).fetchall()
    count, found = rows[0]
    return count, found or []


def history_facts(
    connection: duckdb.DuckDBPyConnection, prefix: str, tables: Sequence[str]
) -> HistoryFacts:
    """Check the history by itself: whose it is, that its words are known, and when it was."""
    answers = ", ".join(f"'{answer}'" for answer in Answer)
    rows = connection.execute(
        f"""SELECT count(*),
            count(*) FILTER (WHERE id IS NULL OR NOT starts_with(id, $prefix)),
            count(*) FILTER (WHERE answer IS NULL OR answer NOT IN ({answers})),
            count(*) FILTER (WHERE "table" IS NULL OR "table" NOT IN (SELECT unnest($tables))),
            count(*) FILTER (WHERE checksum IS NULL OR poison IS NULL),
            min(intended_us) // 1000,
            max(greatest(intended_us, sent_us, answered_us)) // 1000
        FROM history""",
        {"prefix": prefix, "tables": list(tables)},
    ).fetchall()
    sends, foreign, mute, strange, blank, first, last = rows[0]
    problems = (
        (sends == 0, "the history is empty"),
        (foreign, f"{foreign} rows of the history have no id of run {prefix.removesuffix('-')}"),
        (mute, f"{mute} rows of the history have an answer that is none of {answers}"),
        (strange, f"{strange} rows of the history name a table without a contract"),
        (blank, f"{blank} rows of the history lack a checksum or the poison mark"),
    )
    return HistoryFacts(
        sends=sends - foreign,
        intended_ms_first=first or 0,
        answered_ms_last=last or 0,
        problems=tuple(said for wrong, said in problems if wrong),
    )


def lake_facts(connection: duckdb.DuckDBPyConnection, prefix: str) -> LakeFacts:
    """Count, apart from the accounting, the run's rows by table, and those without a place."""
    found = connection.execute(
        """SELECT "table", count(*), count(*) FILTER (WHERE shard = '' OR position IS NULL
            OR "index" IS NULL OR NOT regexp_full_match(position, '[0-9]{1,60}'))
        FROM lake WHERE starts_with(id, $prefix) GROUP BY "table" ORDER BY "table" """,
        {"prefix": prefix},
    ).fetchall()
    return LakeFacts(
        rows_by_table={table: rows for table, rows, _ in found},
        problems=tuple(
            f"{placeless} rows of {table} have no shard, position or index: order unchecked"
            for table, _, placeless in found
            if placeless
        ),
    )


def quarantine_facts(connection: duckdb.DuckDBPyConnection) -> QuarantineFacts:
    """Count the quarantine rows of the run, by reason, and those that say one place twice."""
    reasons = connection.execute(
        "SELECT reason, count(*) FROM quarantine_rows GROUP BY reason ORDER BY reason"
    ).fetchall()
    unidentified = connection.execute(
        """SELECT count(*) FROM quarantine_rows WHERE NOT starts_with(reason, $lost)
        AND row_number NOT IN (SELECT row_number FROM quarantined SEMI JOIN history USING (id))""",
        {"lost": LOST},
    ).fetchall()
    twice = connection.execute(
        """SELECT any_value(id), any_value(file), position FROM quarantine_rows
        GROUP BY shard, position, "index" HAVING count(*) > 1 ORDER BY ALL"""
    ).fetchall()
    return QuarantineFacts(
        by_reason=dict(reasons),
        unidentified=unidentified[0][0],
        twice=tuple(twice),
    )


def locate(connection: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, Place]:
    """Return where ids lie in the lake; an id that it lacks is absent from the answer."""
    found = connection.execute(
        """SELECT id, any_value("table"), string_agg(file, ', ' ORDER BY file),
            string_agg(position, ', ' ORDER BY file)
        FROM lake WHERE id IN (SELECT unnest($ids)) GROUP BY id""",
        {"ids": list(ids)},
    ).fetchall()
    return {row[0]: Place(table=row[1], file=row[2], position=row[3]) for row in found}


def locate_sent(connection: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, Place]:
    """Return what the history says of ids: table, producer, sequence and when it was due."""
    found = connection.execute(
        """SELECT id, any_value("table"), any_value('sent by ' || producer || ' as sequence '
            || sequence || ', due at ' || make_timestamp(intended_us) || ' UTC')
        FROM history WHERE id IN (SELECT unnest($ids)) GROUP BY id""",
        {"ids": list(ids)},
    ).fetchall()
    return {row[0]: Place(table=row[1], detail=row[2]) for row in found}

"""Accounts for every id of a stream over any lake; DuckDB spills what memory does not hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb

from pipeline.audit.stream_queries import (
    DIFFERING,
    DISORDER,
    FATES,
    IDS,
    PLACES,
    Compared,
    altered_sql,
    due_sql,
    filled,
)
from pipeline.audit.stream_verdict import (
    Asked,
    StreamAccount,
    StreamExample,
    StreamVerdict,
    doubts_of,
    notes_of,
)
from pipeline.audit.verdict import Violation


def account_for(
    connection: duckdb.DuckDBPyConnection,
    asked: Asked,
    compared: Compared,
    *,
    unreadable: int,
    examples: int = 5,
) -> StreamVerdict:
    """Return the verdict over the views `stream` and `lake`.

    Raises:
        duckdb.Error: a view cannot be read.
    """
    connection.execute(filled(IDS, compared, due=due_sql(asked)))
    if compared.is_lenient and compared.fields:
        connection.execute(filled(DIFFERING, compared))
    groups = _groups(connection, asked, compared, examples)
    late, disordered = _disorder(connection, compared, examples)
    account = _account(
        groups,
        asked,
        unreadable=unreadable,
        out_of_order=late,
        rows=_count(connection, "SELECT count(*) FROM lake"),
        rows_without_id=_count(
            connection, f"SELECT count(*) FROM lake WHERE {compared.id.text} IS NULL"
        ),
    )
    return StreamVerdict(
        stream=asked.stream,
        account=account,
        doubts=(*asked.doubts, *doubts_of(account), *account.imbalances()),
        checked=_checked(compared, account),
        notes=(*asked.notes, *notes_of(account)),
        examples=_placed(connection, compared, (*_chosen(groups, asked), *disordered), examples),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Ids that share a fate and what stands beside it, counted."""

    fate: str
    contradictory: bool
    altered: bool
    duplicated: bool
    ids: int
    sends: int
    rows: int
    examples: tuple[str, ...]


def _groups(
    connection: duckdb.DuckDBPyConnection, asked: Asked, compared: Compared, examples: int
) -> tuple[_Group, ...]:
    found = connection.execute(
        FATES.format(altered=altered_sql(compared)),
        {
            "examples": examples,
            "takes_all": asked.since_ms is None and asked.until_ms is None,
            "takes_until": asked.until_ms is not None,
            "settled_ms": asked.settled_ms,
        },
    ).fetchall()
    names = ("fate", "contradictory", "altered", "duplicated", "ids", "sends", "rows")
    return tuple(
        _Group(**dict(zip(names, row[:-1], strict=True)), examples=tuple(row[-1])) for row in found
    )


def _account(
    groups: Sequence[_Group],
    asked: Asked,
    *,
    unreadable: int,
    out_of_order: int,
    rows: int,
    rows_without_id: int,
) -> StreamAccount:
    def total(name: str, *fates: str) -> int:
        return sum(getattr(group, name) for group in groups if group.fate in fates)

    fates = ("stored", "lost", "in_flight")
    unmatched = total("ids", "unmatched")
    return StreamAccount(
        events=total("sends", *fates, "outside") + unreadable,
        copies=total("sends", *fates, "outside") - total("ids", *fates, "outside"),
        unreadable=unreadable,
        ids=total("ids", *fates),
        outside=total("ids", "outside"),
        stored=total("ids", "stored"),
        lost=total("ids", "lost"),
        in_flight=total("ids", "in_flight"),
        duplicated=sum(group.ids for group in groups if group.duplicated),
        altered=sum(group.ids for group in groups if group.altered),
        out_of_order=out_of_order,
        contradictory=sum(group.ids for group in groups if group.contradictory),
        never_sent=unmatched if asked.is_whole else None,
        rows=rows,
        surplus_rows=total("rows", "stored") - total("ids", "stored"),
        outside_rows=total("rows", "outside"),
        unmatched_rows=total("rows", "unmatched"),
        rows_without_id=rows_without_id,
    )


def _disorder(
    connection: duckdb.DuckDBPyConnection, compared: Compared, examples: int
) -> tuple[int, list[tuple[str, str]]]:
    """Return how many rows of a file come after a later event of their key, and some of them."""
    if compared.key is None:
        return 0, []
    query = filled(DISORDER, compared, key=compared.key.text)
    count, found = connection.execute(query, {"examples": examples}).fetchall()[0]
    return count, [(Violation.OUT_OF_ORDER, each["id"]) for each in found or ()]


def _chosen(groups: Sequence[_Group], asked: Asked) -> list[tuple[str, str]]:
    """Return kind and id of what is worth a look."""
    kinds: dict[str, Callable[[_Group], bool]] = {
        Violation.LOST: lambda group: group.fate == "lost",
        Violation.DUPLICATED: lambda group: group.duplicated,
        Violation.ALTERED: lambda group: group.altered,
        Violation.NEVER_SENT: lambda group: group.fate == "unmatched" and asked.is_whole,
        "contradictory": lambda group: group.contradictory,
    }
    return [
        (kind, event_id)
        for kind, belongs in kinds.items()
        for event_id in sorted(
            event_id for group in groups if belongs(group) for event_id in group.examples
        )
    ]


def _placed(
    connection: duckdb.DuckDBPyConnection,
    compared: Compared,
    chosen: Sequence[tuple[str, str]],
    examples: int,
) -> tuple[StreamExample, ...]:
    """Return some ids of each kind with where they lie on the stream and in the lake."""
    kept: dict[str, list[str]] = {}
    for kind, event_id in chosen:
        kept.setdefault(kind, []).append(event_id)
    ids = {event_id for found in kept.values() for event_id in found[:examples]}
    if not ids:
        return ()
    query = filled(PLACES, compared)
    places = dict(connection.execute(query, {"ids": sorted(ids)}).fetchall())
    return tuple(
        StreamExample(kind=kind, id=event_id, place=places.get(event_id, ""))
        for kind, found in kept.items()
        for event_id in found[:examples]
    )


def _checked(compared: Compared, account: StreamAccount) -> tuple[str, ...]:
    """Return what the verdict speaks of, and by which option it would speak of the rest."""
    values = ", ".join(column.sql.replace('"', "") for column in compared.fields.values())
    return (
        "losses and duplicates by id",
        f"values of {values}" if values else "no values (--checksum names fields)",
        "order by key within a file" if compared.key else "no order (--key names a field)",
        "rows that were never sent"
        if account.never_sent is not None
        else "no rows that were never sent (the stream was not read from its first event ever)",
    )


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchall()
    return int(found[0][0])

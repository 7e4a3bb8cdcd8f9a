"""History, lake and quarantine as DuckDB views of one shape each, over local Parquet files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.audit.history import HISTORY_SCHEMA
from pipeline.core.contract import Contract
from pipeline.names import QUARANTINE_TABLE

_HISTORY_FILE = re.compile(r"(?P<producer>.+)-(?P<number>\d+)\.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The files of one run, all local; `incomplete` says what is known to be missing from them.

    `lake` maps a table to its files, whose paths end in `<shard>-<first>.parquet`. `replayed` are
    the ids that `sluice replay` sent again: such an id may be in quarantine and in the lake, and
    late in its order. `sends_expected` is how many rows the history should have, if that is known.
    Files are named relative to `lake_root` where the verdict names them.
    """

    run: str
    history: tuple[Path, ...]
    lake: Mapping[str, tuple[Path, ...]]
    quarantine: tuple[Path, ...]
    lake_root: Path | None = None
    replayed: frozenset[str] = frozenset()
    sends_expected: int | None = None
    incomplete: tuple[str, ...] = ()


def find_inputs(
    run: str,
    *,
    history: Path,
    lake: Path,
    replayed: frozenset[str] = frozenset(),
    sends_expected: int | None = None,
    incomplete: Sequence[str] = (),
) -> Inputs:
    """Return what lies in a load's history folder and in a local copy of the lake.

    `lake` is the folder that holds one folder a table, quarantine among them. A missing folder or
    a gap in a producer's numbered files joins what the caller knows to be `incomplete`, such as a
    stream that is not drained; nothing is raised.
    """
    found = [
        f"{what} folder {path} does not exist"
        for what, path in (("history", history), ("lake", lake))
        if not path.is_dir()
    ]
    histories = tuple(sorted(history.glob("*.parquet")))
    found += missing_histories([path.name for path in histories])
    tables = {
        folder.name: tuple(sorted(folder.rglob("*.parquet")))
        for folder in (sorted(lake.iterdir()) if lake.is_dir() else ())
        if folder.is_dir()
    }
    quarantine = tables.pop(QUARANTINE_TABLE, ())
    return Inputs(
        run=run,
        history=histories,
        lake=tables,
        quarantine=quarantine,
        lake_root=lake,
        replayed=replayed,
        sends_expected=sends_expected,
        incomplete=(*incomplete, *found),
    )


def missing_histories(names: Sequence[str]) -> list[str]:
    """Return a sentence for each hole in the numbered history files `<producer>-<n>.parquet`."""
    numbers: dict[str, set[int]] = {}
    said = ["there is no history file"] if not names else []
    for name in names:
        if (match := _HISTORY_FILE.fullmatch(name)) is None:
            said.append(f"{name} is not named <producer>-<n>.parquet")
            continue
        numbers.setdefault(match["producer"], set()).add(int(match["number"]))
    for producer, found in sorted(numbers.items()):
        holes = sorted(set(range(max(found))) - found)
        said += [f"history file {producer}-{hole}.parquet is missing" for hole in holes[:10]]
    return said


def attach_history(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Create the view `history` (columns of HISTORY_SCHEMA) over the files."""
    columns = ", ".join(f'"{name}"' for name in HISTORY_SCHEMA.names)
    connection.execute(f"CREATE VIEW history AS SELECT {columns} FROM {_scan(files)}")


def attach_lake(
    connection: duckdb.DuckDBPyConnection,
    files: Mapping[str, Sequence[Path]],
    contracts: Sequence[Contract],
) -> None:
    """Create the view `lake`, one row an event, whatever its table; no file is read yet.

    Columns: id, "table", file, shard, position (decimal text), "index", producer, key, sequence,
    checksum (recomputed from the columns as `pipeline.audit.checksum` defines it).
    """
    selects = [
        _lake_select(contract, files[contract.table])
        for contract in contracts
        if files.get(contract.table)
    ]
    connection.execute("CREATE VIEW lake AS " + " UNION ALL ".join(selects or [_EMPTY_LAKE]))


def attach_quarantine(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Create the view `quarantine`: file, shard, position, "index", id, reason, arrival_ms, raw."""
    source = f"""SELECT filename AS file, shard, position, "index", event_id AS id, reason,
        epoch_ms(arrival_time) AS arrival_ms, raw FROM {_scan(files)}"""
    connection.execute(f"CREATE VIEW quarantine AS {source if files else _EMPTY_QUARANTINE}")


def checksum_sql(contract: Contract) -> str:
    """Return the SQL expression of `checksum`: MD5's first eight bytes, little-endian.

    `md5_number_upper` reads the digest's first eight bytes so; a test holds the two equal.
    """
    types = {field.name: field.type for field in contract.fields}
    parts = (
        f"coalesce({_as_text(name, types[name])}, chr(0))" for name in contract.checksum_fields
    )
    return f"md5_number_upper({' || chr(31) || '.join(parts)})"


def _as_text(name: str, field_type: str) -> str:
    """Return the SQL text of a column as the producer's value prints."""
    return f'epoch_ms("{name}")::VARCHAR' if field_type == "timestamp_ms" else f'"{name}"::VARCHAR'


_EMPTY_LAKE = """SELECT NULL::VARCHAR AS id, NULL::VARCHAR AS "table", NULL::VARCHAR AS file,
    NULL::VARCHAR AS shard, NULL::VARCHAR AS position, NULL::BIGINT AS "index",
    NULL::VARCHAR AS producer, NULL::VARCHAR AS key, NULL::BIGINT AS sequence,
    NULL::UBIGINT AS checksum WHERE false"""


_EMPTY_QUARANTINE = """SELECT NULL::VARCHAR AS file, NULL::VARCHAR AS shard,
    NULL::VARCHAR AS position, NULL::BIGINT AS "index", NULL::VARCHAR AS id,
    NULL::VARCHAR AS reason, NULL::BIGINT AS arrival_ms, NULL::BLOB AS raw WHERE false"""


def _lake_select(contract: Contract, files: Sequence[Path]) -> str:
    """Return the SELECT that gives one table's files the columns of the view `lake`."""
    names = {field.name for field in contract.fields}
    producer = "producer" if "producer" in names else "''"
    return f"""SELECT "{contract.id_field}" AS id, '{contract.table}' AS "table",
    filename AS file, regexp_extract(filename, '([^/]+)-[0-9]+[.]parquet$', 1) AS shard,
    _position AS position, _index AS "index", {producer} AS producer, "{contract.key_field}" AS key,
    "{contract.sequence_field}" AS sequence, {checksum_sql(contract)} AS checksum
    FROM {_scan(files)}"""


def _scan(files: Sequence[Path]) -> str:
    """Return the table function that reads the files, tolerant of a contract's newer columns."""
    quoted = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    return f"""read_parquet([{quoted}], filename = true, union_by_name = true,
    hive_partitioning = false)"""

"""Accounts for anybody's pipeline: its stream is the history of what its lake must hold."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final

import duckdb
from botocore.exceptions import BotoCoreError, NoRegionError

from pipeline.audit.lake_columns import Column, column_of
from pipeline.audit.stream_accounting import account_for
from pipeline.audit.stream_queries import Compared, attach_lake, attach_stream, columns_of
from pipeline.audit.stream_rows import Seen, StreamRows, Wanted
from pipeline.audit.stream_verdict import Asked, StreamAccount, StreamVerdict
from pipeline.core.records import ShardId
from pipeline.environment import clients, wall_clock_ms
from pipeline.errors import UserError
from pipeline.sinks.foreign_lake import BucketLake, Files, FolderLake, Lake, files_of
from pipeline.sources.whole_stream import StreamFacts, WholeStream

EVERYTHING: Final = "*"
MEMORY_MB: Final = 2_048
SHARDS_AT_ONCE: Final = 8
SETTLING_MS: Final = 60_000
"""What arrived so shortly before the lake was listed may be on its way, whatever came later."""
NEVER_MS: Final = 1 << 62


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """What is to be verified; times in milliseconds since the epoch.

    `checksum` are fields whose values are compared, `EVERYTHING` for all that both sides have.
    """

    stream: str
    lake: str
    id: str
    checksum: tuple[str, ...] = ()
    key: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    examples: int = 5
    """Ids of each kind that the verdict names."""


def verify_foreign(
    foreign: Foreign, where: dict[str, Any], *, on_note: Callable[[str], None]
) -> StreamVerdict:
    """Return the verdict on a stream and a lake that need not be Sluice's.

    The lake is listed first and the stream read to its tip afterwards: whatever the listed files
    hold has then been seen on the stream. Raises UserError for what a person named wrongly,
    OperatingError when stream or lake cannot be read.
    """
    try:
        made = clients(**where)
    except (NoRegionError, BotoCoreError, ValueError) as error:
        raise UserError(f"{error}; see --region and --endpoint") from None
    stream = WholeStream(made["kinesis"], foreign.stream)
    facts = stream.facts()
    listed_ms = wall_clock_ms()
    with tempfile.TemporaryDirectory(prefix="sluice-verify-") as folder:
        spill = Path(folder)
        files = files_of(
            _lake(foreign.lake, made["s3"]),
            foreign.lake,
            spill=spill,
            fields=_kept(foreign),
            on_file=lambda count: on_note(f"{count:,} files of the lake"),
        )
        with duckdb.connect(":memory:", config=_config(spill)) as connection:
            try:
                attach_lake(connection, files.paths)
                compared = _compared(foreign, files, columns_of(connection))
                seen = _read(stream, facts, foreign, compared, spill=spill, on_note=on_note)
                compared = _common(compared, seen, foreign)
                attach_stream(connection, sorted(spill.glob("stream-*.parquet")))
                on_note("accounting for every id")
                asked = _asked(foreign, facts, files, seen, listed_ms)
                verdict = account_for(
                    connection,
                    asked,
                    compared,
                    unreadable=seen.unreadable,
                    examples=foreign.examples,
                )
            except duckdb.Error as error:
                why = f"the check failed: {str(error).splitlines()[0]}"
                return StreamVerdict(stream=foreign.stream, account=StreamAccount(), doubts=(why,))
    return _named(verdict, files)


def _config(spill: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": f"{MEMORY_MB}MB",
        "temp_directory": str(spill / "duckdb"),
        "preserve_insertion_order": False,
    }


def _lake(named: str, s3: Any) -> Lake:
    """Return the lake that a path or an `s3://bucket/prefix` names. Raises UserError."""
    if not named.startswith("s3://"):
        return FolderLake(root=Path(named))
    bucket, _, prefix = named.removeprefix("s3://").partition("/")
    if not bucket:
        raise UserError(f"{named} names no bucket; write s3://bucket/prefix")
    prefix = prefix.rstrip("/")
    return BucketLake(client=s3, bucket=bucket, prefix=f"{prefix}/" if prefix else "")


def _kept(foreign: Foreign) -> list[str] | None:
    """Return the fields of the lake's files that are kept where they are copied, None for all."""
    if foreign.checksum == (EVERYTHING,):
        return None
    return [foreign.id, *foreign.checksum, *([foreign.key] if foreign.key else [])]


def _compared(foreign: Foreign, files: Files, columns: dict[str, str]) -> Compared:
    """Return how the sides are compared. Raises UserError for a field that the lake lacks."""

    def column(name: str, option: str) -> Column:
        found = column_of(name, columns)
        if found is None:
            there = ", ".join(sorted(files.fields | set(columns))[:40])
            raise UserError(
                f"the lake {foreign.lake} has no column {name}; name one of these by {option}: "
                f"{there}"
            )
        return found

    ids = column(foreign.id, "--id")
    names = sorted(columns) if foreign.checksum == (EVERYTHING,) else foreign.checksum
    fields = {name: column(name, "--checksum") for name in names}
    key = column(foreign.key, "--key") if foreign.key else None
    return Compared(id=ids, fields=fields, key=key, is_lenient=foreign.checksum == (EVERYTHING,))


def _read(
    stream: WholeStream,
    facts: StreamFacts,
    foreign: Foreign,
    compared: Compared,
    *,
    spill: Path,
    on_note: Callable[[str], None],
) -> Seen:
    """Write every shard's events below `spill`; return what was seen."""
    wanted = Wanted(id_field=foreign.id, fields=tuple(compared.fields))
    # What came later is read too, unless a range is asked for: it may be in the lake already.
    is_range = foreign.since_ms is not None and foreign.until_ms is not None
    past_ms = foreign.until_ms if is_range and foreign.until_ms is not None else NEVER_MS
    total, lock, ended = Seen(), Lock(), Event()

    def read(numbered: tuple[int, ShardId]) -> None:
        number, shard = numbered
        with StreamRows(spill / f"stream-{number:06d}.parquet", shard, wanted) as rows:
            for record in stream.records(shard, since_ms=foreign.since_ms, past_ms=past_ms):
                if ended.is_set():
                    return
                rows.add(record)
                if rows.seen.records % 1_000 == 0:
                    on_note(f"{rows.seen.events:,} events of {shard}")
        with lock:
            total.merge(rows.seen)
            on_note(f"{total.events:,} events of the stream")

    with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
        try:
            tuple(pool.map(read, enumerate(facts.shards)))
        finally:
            ended.set()  # after trouble or Ctrl-C the other shards are not read to their tips
    if total.without_id and total.unreadable == total.events:
        there = ", ".join(sorted(total.names)[:40])
        raise UserError(
            f"no event of the stream {foreign.stream} has a field {foreign.id}; name one of these "
            f"by --id: {there}"
        )
    return total


def _common(compared: Compared, seen: Seen, foreign: Foreign) -> Compared:
    """Return the comparison without columns that no event has a field for.

    Raises UserError for a field that was asked for by name and is on no event.
    """
    missing = sorted(set(compared.fields) - seen.found)
    if missing and seen.events > seen.unreadable and foreign.checksum != (EVERYTHING,):
        there = ", ".join(sorted(seen.names)[:40])
        raise UserError(
            f"no event of the stream {foreign.stream} has a field {missing[0]}; name some of these "
            f"by --checksum: {there}"
        )
    found = {name: column for name, column in compared.fields.items() if name in seen.found}
    return replace(compared, fields=found)


def _asked(foreign: Foreign, facts: StreamFacts, files: Files, seen: Seen, listed_ms: int) -> Asked:
    """Return what is asked, with what is known to be missing from the answer."""
    doubts = []
    if not seen.events:
        doubts.append("the stream holds no event")
    if files.format:
        doubts.append(
            f"the lake is a table of {files.format}, whose files hold rows that the table has "
            "given up: verify a plain copy of the table"
        )
    if files.bad_lines:
        doubts.append(f"{files.bad_lines:,} lines of the lake are no JSON object")
    notes = [f"unreadable: {place}" for place in seen.places]
    if files.passed_over:
        count, example = len(files.passed_over), files.passed_over[0]
        notes.append(f"{count:,} files of the lake are of other kinds, for example {example}")
    is_everything = foreign.since_ms is None and foreign.until_ms is None
    return Asked(
        stream=foreign.stream,
        settled_ms=listed_ms - SETTLING_MS,
        since_ms=foreign.since_ms,
        until_ms=foreign.until_ms,
        is_whole=is_everything and facts.is_whole(wall_clock_ms()),
        notes=tuple(notes),
        doubts=tuple(doubts),
    )


def _named(verdict: StreamVerdict, files: Files) -> StreamVerdict:
    """Return the verdict with files named as the lake names them, not their local copies."""
    examples = []
    for example in verdict.examples:
        where = [part.removeprefix("in ") for part in example.place.split(", ")]
        named = ", ".join(f"in {files.names[w]}" if w in files.names else w for w in where)
        examples.append(replace(example, place=named))
    return replace(verdict, examples=tuple(examples))

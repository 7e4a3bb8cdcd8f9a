"""The account of a stream over any lake, held against a model that counts by hand."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audit.lake_columns import column_of
from pipeline.audit.stream_accounting import account_for
from pipeline.audit.stream_queries import Compared, attach_lake, attach_stream, columns_of
from pipeline.audit.stream_rows import StreamRows, Wanted
from pipeline.audit.stream_verdict import Asked, StreamVerdict
from pipeline.core.records import Position, Record, ShardId

NOW_MS = 1_700_000_000_000
SETTLED_MS = NOW_MS + 50_000
Row = dict[str, Any]


@dataclass(kw_only=True)
class Pipeline:
    """A stream and a lake by hand: events are (shard, seconds after the start, fields)."""

    folder: Path
    stream: list[tuple[str, int, object]] = field(default_factory=list)
    lake: list[list[Row]] = field(default_factory=list)

    def send(self, number: int, *, at: int = 0, shard: str = "s0", **fields: object) -> Row:
        row: Row = {"id": f"e{number}", "n": number, **fields}
        self.stream.append((shard, at, row))
        return row

    def verdict(
        self,
        *,
        fields: Sequence[str] = (),
        key: str | None = None,
        is_lenient: bool = False,
        examples: int = 1_000,
        **asked: Any,
    ) -> StreamVerdict:
        shards = sorted({shard for shard, _, _ in self.stream}) or ["s0"]
        unreadable = 0
        for shard in shards:
            path = self.folder / f"stream-{shard}.parquet"
            wanted = Wanted(id_field="id", fields=tuple(fields))
            with StreamRows(path, ShardId(shard), wanted) as rows:
                for number, (of, at, event) in enumerate(self.stream):
                    if of == shard:
                        rows.add(
                            Record(
                                position=Position(number),
                                partition_key="k",
                                arrival_ms=NOW_MS + 1000 * at,
                                data=event if isinstance(event, bytes) else as_json(event),
                            )
                        )
            unreadable += rows.seen.unreadable
        files = [self.folder / f"lake-{number}.parquet" for number in range(len(self.lake))]
        for path, lake_rows in zip(files, self.lake, strict=True):
            pq.write_table(pa.Table.from_pylist(lake_rows, schema=schema_of(lake_rows)), path)
        with duckdb.connect(":memory:") as connection:
            attach_stream(connection, sorted(self.folder.glob("stream-*.parquet")))
            attach_lake(connection, files)
            columns = columns_of(connection)

            def column(name: str) -> Any:
                found = column_of(name, columns)
                assert found is not None
                return found

            return account_for(
                connection,
                Asked(stream="s", settled_ms=SETTLED_MS, **asked),
                Compared(
                    id=column("id"),
                    fields={name: column(name) for name in fields},
                    key=column(key) if key else None,
                    is_lenient=is_lenient,
                ),
                unreadable=unreadable,
                examples=examples,
            )


def as_json(event: object) -> bytes:
    return json.dumps(event).encode()


def schema_of(rows: Sequence[Row]) -> pa.Schema:
    names = {name: value for row in rows for name, value in row.items() if value is not None}
    return pa.schema([(name, pa.scalar(value).type) for name, value in names.items()])


def ids(verdict: StreamVerdict, kind: str) -> set[str]:
    return {example.id for example in verdict.examples if example.kind == kind}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(folder=tmp_path)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return (tmp_path_factory.mktemp("pipeline") for _ in iter(int, 1))


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 2),  # copies on the stream beyond the first
        st.integers(0, 3),  # rows in the lake
        st.booleans(),  # whether a row has another value than was sent
        st.integers(0, 9),  # when it arrived, in seconds
        st.sampled_from(["s0", "s1"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(events=EVENTS, strangers=st.integers(0, 3), until=st.none() | st.integers(0, 10))
def test_every_id_has_the_fate_that_counting_by_hand_gives_it(
    folders: Iterator[Path],
    events: list[tuple[int, int, bool, int, str]],
    strangers: int,
    until: int | None,
) -> None:
    made = Pipeline(folder=next(folders), lake=[[{"id": "nobody's", "n": -1}]])
    lost, duplicated, altered, in_flight, outside = (set[str]() for _ in range(5))
    stored_at = {
        shard: max((at for _, rows, _, at, of in events if rows and of == shard), default=-1)
        for shard in ("s0", "s1")
    }
    for number, (copies, rows, is_altered, at, shard) in enumerate(events):
        row = made.send(number, at=at, shard=shard)
        for _ in range(copies):
            made.send(number, at=at, shard=shard)
        made.lake.extend([[{**row, "n": -7} if is_altered else row]] * rows)
        event_id = row["id"]
        if until is not None and at >= until:
            outside.add(event_id)
            continue
        if rows > 1:
            duplicated.add(event_id)
        if rows and is_altered:
            altered.add(event_id)
        if not rows:
            (in_flight if until is None and at > stored_at[shard] else lost).add(event_id)
    made.lake.extend([[{"id": f"stranger{number}", "n": 0}] for number in range(strangers)])

    until_ms = None if until is None else NOW_MS + 1000 * until
    verdict = made.verdict(fields=("n",), until_ms=until_ms, is_whole=until is None)

    account = verdict.account
    assert account.imbalances() == ()
    assert account.events == len(made.stream)
    assert account.copies == len(made.stream) - len(events)
    assert account.ids == len(events) - len(outside)
    assert ids(verdict, "lost") == lost
    assert ids(verdict, "duplicated") == duplicated
    assert ids(verdict, "altered") == altered
    assert (account.lost, account.duplicated, account.altered) == (
        *(len(lost), len(duplicated), len(altered)),
    )
    assert account.in_flight == len(in_flight)
    assert account.never_sent == (strangers + 1 if until is None else None)
    assert account.rows == sum(map(len, made.lake))


def test_a_stream_that_is_all_in_the_lake_once_is_valid(pipeline: Pipeline) -> None:
    pipeline.lake = [[pipeline.send(1), pipeline.send(2)], [pipeline.send(3)]]
    verdict = pipeline.verdict(fields=("n",), is_whole=True)
    assert verdict.validity == "valid"
    assert verdict.account.stored == verdict.account.rows == 3


def test_an_event_behind_one_that_is_stored_is_lost_and_one_before_the_tip_is_in_flight(
    pipeline: Pipeline,
) -> None:
    pipeline.send(1, at=1)
    pipeline.lake = [[pipeline.send(2, at=2)]]
    pipeline.send(3, at=3)
    pipeline.send(4, at=2, shard="s1")
    verdict = pipeline.verdict()
    assert ids(verdict, "lost") == {"e1"}
    assert verdict.account.in_flight == 2
    assert verdict.validity == "invalid"
    assert "--until" in verdict.doubts[0]


def test_what_arrived_just_before_the_lake_was_listed_may_be_on_its_way_whatever_came_later(
    pipeline: Pipeline,
) -> None:
    pipeline.send(1, at=50)
    pipeline.lake = [[pipeline.send(2, at=51)]]
    verdict = pipeline.verdict()
    assert verdict.account.in_flight == 1
    assert verdict.validity == "unknown"


def test_a_row_of_an_id_that_the_stream_does_not_hold_may_have_expired_from_it(
    pipeline: Pipeline,
) -> None:
    pipeline.lake = [[pipeline.send(1), {"id": "old", "n": 0}]]
    assert pipeline.verdict().validity == "valid"
    assert pipeline.verdict().account.never_sent is None
    whole = pipeline.verdict(is_whole=True)
    assert ids(whole, "never_sent") == {"old"}
    assert whole.validity == "invalid"


def test_a_duplicate_of_an_id_that_has_left_the_stream_is_one_all_the_same(
    pipeline: Pipeline,
) -> None:
    pipeline.lake = [[pipeline.send(1)], [{"id": "old", "n": 0}], [{"id": "old", "n": 0}]]
    assert ids(pipeline.verdict(), "duplicated") == {"old"}
    assert pipeline.verdict(since_ms=NOW_MS - 1).account.duplicated == 0


def test_an_unreadable_event_leaves_the_verdict_open_and_excuses_a_row_without_a_match(
    pipeline: Pipeline,
) -> None:
    pipeline.lake = [[pipeline.send(1), {"id": "e2", "n": 0}]]
    pipeline.stream.append(("s0", 0, b"\x00garbage"))
    verdict = pipeline.verdict(is_whole=True)
    assert verdict.account.unreadable == 1
    assert verdict.account.never_sent == 1
    assert verdict.validity == "unknown"


def test_copies_that_differ_say_that_the_id_is_not_one_event_s(pipeline: Pipeline) -> None:
    pipeline.lake = [[pipeline.send(1, state="new")]]
    pipeline.send(1, state="changed")
    verdict = pipeline.verdict()
    assert verdict.account.contradictory == 1
    assert verdict.validity == "unknown"
    assert "--checksum" in verdict.doubts[0]
    assert pipeline.verdict(fields=("n",)).validity == "valid"


def test_a_field_that_only_the_consumer_knows_is_compared_if_it_is_named(
    pipeline: Pipeline,
) -> None:
    pipeline.lake = [[{**pipeline.send(1), "city": "Rome"}, pipeline.send(2, city="Oslo")]]
    assert pipeline.verdict(fields=("n", "city"), is_lenient=True).account.altered == 0
    assert pipeline.verdict(fields=("n", "city")).account.altered == 1
    pipeline.lake = [[{**pipeline.stream[0][2], "city": "Rome"}, {"id": "e2", "n": 2}]]  # type: ignore[dict-item]
    assert ids(pipeline.verdict(fields=("n", "city"), is_lenient=True), "altered") == {"e2"}


def test_order_is_told_within_a_file_by_the_key_that_is_named(pipeline: Pipeline) -> None:
    rows = [pipeline.send(number, user="a" if number < 4 else "b") for number in range(6)]
    pipeline.lake = [[rows[0], rows[2], rows[1], rows[4]], [rows[5]], [rows[3]]]
    verdict = pipeline.verdict(key="user")
    assert ids(verdict, "out_of_order") == {"e1"}
    assert verdict.account.out_of_order == 1
    assert pipeline.verdict().account.out_of_order == 0


def test_rows_without_an_id_are_counted_apart(pipeline: Pipeline) -> None:
    pipeline.lake = [[pipeline.send(1)], [{"n": 5}, {"n": 6}]]
    account = pipeline.verdict().account
    assert account.rows_without_id == 2
    assert account.imbalances() == ()

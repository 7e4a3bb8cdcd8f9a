"""A value of the stream reads in a column's type as the lake would have stored it, or differs."""

import datetime as dt
import decimal
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audit.lake_columns import Column, column_of, struct_fields
from pipeline.audit.stream_history import text_of

NOON = dt.datetime(2026, 1, 31, 12, 0, 0, 123_000, tzinfo=dt.UTC)
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


Equal = Callable[[object, pa.Array], bool]


@pytest.fixture(scope="module")
def equal() -> Iterator[Equal]:
    """Return whether a JSON value is what a lake's column holds."""
    with duckdb.connect(":memory:") as connection:

        def is_equal(sent: object, stored: pa.Array) -> bool:
            table = pa.table({"column": stored, "sent": pa.array([text_of(sent)], pa.string())})
            connection.register("lake", table)
            kind = connection.execute('SELECT typeof("column") FROM lake').fetchall()[0][0]
            column = Column(sql='"column"', type=kind)
            reads = f"{column.text_from('sent')} IS NOT DISTINCT FROM {column.text}"
            return bool(connection.execute(f"SELECT {reads} FROM lake").fetchall()[0][0])

        yield is_equal


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("x", pa.array(["x"])),
        (7, pa.array([7], pa.int16())),
        (7.0, pa.array([7], pa.int64())),
        (7, pa.array([7.0], pa.float64())),
        (12, pa.array(["12"])),
        (1.5, pa.array([decimal.Decimal("1.50")])),
        (0.1, pa.array([0.1], pa.float32())),
        (True, pa.array([True])),
        (None, pa.array([None], pa.int64())),
        (2**70, pa.array([str(2**70)])),
        (str(UUID), pa.array([str(UUID)])),
        ({"b": [1, 2], "a": "x"}, pa.array([{"a": "x", "b": [1, 2]}])),
        (["x", "y"], pa.array([["x", "y"]])),
        ("2026-01-31", pa.array([dt.date(2026, 1, 31)])),
    ],
)
def test_values_that_are_the_same_are_equal_whatever_the_column_s_type(
    equal: Equal, sent: object, stored: pa.Array
) -> None:
    assert equal(sent, stored)


MOMENTS = [
    "2026-01-31T12:00:00.123Z",
    "2026-01-31T14:00:00.123+02:00",
    "2026-01-31 12:00:00.123",
    int(NOON.timestamp() * 1000),
    int(NOON.timestamp() * 1000) * 1_000,
    int(NOON.timestamp() * 1000) * 1_000_000,
    1769860800.123,
]


@pytest.mark.parametrize("sent", MOMENTS)
@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ms", "UTC")],
    ids=str,
)
def test_a_moment_is_the_same_however_it_was_written(
    equal: Equal, sent: object, kind: pa.DataType
) -> None:
    assert equal(sent, pa.array([NOON]).cast(kind))


def test_a_moment_is_compared_as_finely_as_its_column(equal: Equal) -> None:
    assert equal(MOMENTS[0], pa.array([NOON]).cast(pa.timestamp("s"), safe=False))
    assert not equal("2026-01-31T12:00:01Z", pa.array([NOON]).cast(pa.timestamp("s"), safe=False))


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("x", pa.array(["y"])),
        (1.5, pa.array([2], pa.int64())),
        (1.5, pa.array([1], pa.int64())),
        ("abc", pa.array([0], pa.int64())),
        (None, pa.array([0], pa.int64())),
        (7, pa.array([None], pa.int64())),
        ("", pa.array([None], pa.string())),
        ("yesterday", pa.array([NOON])),
        ({"a": 1}, pa.array([{"a": 2}])),
        (True, pa.array([False])),
    ],
)
def test_values_that_differ_never_read_as_equal(
    equal: Equal, sent: object, stored: pa.Array
) -> None:
    assert not equal(sent, stored)


@settings(max_examples=30, deadline=None)
@given(one=st.integers(-(2**63), 2**63 - 1), other=st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_are_equal_when_they_are(equal: Equal, one: int, other: int) -> None:
    assert equal(one, pa.array([one], pa.int64()))
    assert equal(one, pa.array([other], pa.int64())) == (one == other)


COLUMNS = {
    "id": "VARCHAR",
    "Meta": 'STRUCT(id BIGINT, "odd name" VARCHAR, deep STRUCT(x DECIMAL(3,2), y VARCHAR[]))',
    "a.b": "DOUBLE",
}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("id", Column(sql='"id"', type="VARCHAR")),
        ("ID", Column(sql='"id"', type="VARCHAR")),
        ("a.b", Column(sql='"a.b"', type="DOUBLE")),
        ("meta.id", Column(sql='"Meta"."id"', type="BIGINT")),
        ("Meta.odd name", Column(sql='"Meta"."odd name"', type="VARCHAR")),
        ("Meta.deep.x", Column(sql='"Meta"."deep"."x"', type="DECIMAL(3,2)")),
        ("nothing", None),
        ("id.x", None),
        ("Meta.none", None),
    ],
)
def test_a_field_is_found_whatever_its_case_and_within_an_object(
    name: str, column: Column | None
) -> None:
    assert column_of(name, COLUMNS) == column


def test_the_fields_of_a_struct_are_those_that_duckdb_says() -> None:
    made: dict[str, Any] = {"a": 1, "b c": {"d": [1, 2], "e": {"f": "x"}}, 'q"': None}
    with duckdb.connect(":memory:") as connection:
        connection.register("made", pa.table({"s": pa.array([made])}))
        described = connection.execute("SELECT typeof(s), to_json(s) FROM made").fetchall()
    assert set(struct_fields(described[0][0])) == set(json.loads(described[0][1]))

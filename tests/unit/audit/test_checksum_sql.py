"""The checksum that DuckDB computes from columns is the one that a producer takes of its event."""

from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audit.checksum import checksum
from pipeline.audit.relations import checksum_sql
from pipeline.core.contract import Contract
from pipeline.domain.contracts import CONTRACTS

ARROW = {
    "string": pa.string(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "float64": pa.float64(),
    "timestamp_ms": pa.timestamp("ms", tz="UTC"),
}
VALUES = {
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "timestamp_ms": st.integers(-62_135_596_800_000, 253_402_300_799_999),
}


@st.composite
def events(draw: Any, contract: Contract) -> dict[str, Any]:
    types = {field.name: field.type for field in contract.fields}
    return {name: draw(st.none() | VALUES[types[name]]) for name in contract.checksum_fields}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.table)
def test_sql_and_python_agree_on_every_event(contract: Contract) -> None:
    types = {field.name: field.type for field in contract.fields}
    schema = pa.schema([(name, ARROW[types[name]]) for name in contract.checksum_fields])

    @settings(max_examples=60, deadline=None)
    @given(st.lists(events(contract), min_size=1, max_size=8))
    def agree(sent: list[dict[str, Any]]) -> None:
        connection.register("rows", pa.Table.from_pylist(sent, schema=schema))
        found = connection.execute(f"SELECT {checksum_sql(contract)} FROM rows").fetchall()
        assert [value for (value,) in found] == [checksum(event, contract) for event in sent]

    with duckdb.connect(config={"threads": 1}) as connection:
        agree()


def test_an_absent_field_is_not_an_empty_one() -> None:
    contract = CONTRACTS[0]
    assert checksum({"id": ""}, contract) != checksum({}, contract)

"""A wrong contract is refused before anything is processed, with what to change."""

from dataclasses import replace

import pyarrow as pa
import pytest

from pipeline.core.catalog import Catalog
from pipeline.core.contract import Contract, Field
from pipeline.domain import catalog
from pipeline.errors import UserError

GOOD = Contract(
    table="things",
    version=1,
    fields=(
        Field(name="type", type="string"),
        Field(name="id", type="string"),
        Field(name="sequence", type="int64", minimum=0, maximum=9),
        Field(name="time", type="timestamp_ms"),
        Field(name="ratio", type="float64", required=False),
    ),
    id_field="id",
    key_field="id",
    sequence_field="sequence",
    event_time_field="time",
    checksum_fields=("id", "sequence"),
    past_ms_max=1,
    future_ms_max=1,
)


def with_field(name: str, /, **changes: object) -> Contract:
    fields = (replace(each, **changes) if each.name == name else each for each in GOOD.fields)
    return replace(GOOD, fields=tuple(fields))


@pytest.mark.parametrize(
    ("contract", "fault"),
    [
        (replace(GOOD, table="quarantine"), "identifier other than 'quarantine'"),
        (replace(GOOD, table="a-b"), "identifier"),
        (replace(GOOD, fields=(*GOOD.fields, GOOD.fields[1])), "'id' is declared twice"),
        (replace(GOOD, id_field="key"), "id_field needs a required field 'key'"),
        (replace(GOOD, sequence_field="id"), "sequence_field needs"),
        (replace(GOOD, event_time_field="sequence"), "event_time_field needs"),
        (replace(GOOD, checksum_fields=("ratio",)), "checksum field 'ratio'"),
        (replace(GOOD, past_ms_max=-1), "0 or more"),
        (with_field("type", name="kind"), "the table's name needs a required field 'type'"),
        (with_field("id", required=False), "id_field needs"),
        (with_field("sequence", minimum=10), "minimum is above maximum"),
        (with_field("id", maximum=3), "only numbers and times have bounds"),
        (with_field("ratio", one_of=("a",)), "`one_of` is for strings"),
        (with_field("ratio", type="binary"), "JSON has no type 'binary'"),
        (with_field("id", max_bytes=0), "max_bytes"),
        (with_field("ratio", name="a b"), "'a b' must be an identifier"),
        (with_field("ratio", name="_index"), "declared twice"),
        (replace(GOOD, enriched=(Field(name="more", type="string"),)), "enricher go together"),
    ],
)
def test_a_wrong_contract_is_named_with_its_fault(contract, fault):
    with pytest.raises(UserError, match=f"contract {contract.table!r}.*{fault}"):
        Catalog(contracts=(contract,))


def test_two_contracts_of_one_table_are_refused():
    with pytest.raises(UserError, match="share a table"):
        Catalog(contracts=(GOOD, GOOD))


def test_an_empty_catalog_is_refused():
    with pytest.raises(UserError, match="no contract"):
        Catalog(contracts=())


def test_the_contracts_that_ship_are_right_and_loaded_once():
    assert catalog() is catalog()
    assert [each.table for each in catalog().contracts] == [
        "departures",
        "actions",
        "plane_changes",
    ]
    assert Catalog(contracts=(GOOD,)).contract("things") is GOOD
    assert Catalog(contracts=(GOOD,)).contract("other") is None


@pytest.mark.parametrize(
    "change",
    [
        {"seats": pa.array(["many"])},
        {"seats": pa.array([1, 2])},
        {"unasked": pa.array([1])},
    ],
)
def test_an_enricher_that_leaves_its_contract_is_an_error_of_the_user(core, change):
    enrichers = dict(catalog().enrichers)
    right = enrichers["departures"]
    enrichers["departures"] = lambda events: {**right(events), **change}
    broken = Catalog(contracts=catalog().contracts, enrichers=enrichers)
    with pytest.raises(UserError, match="enricher of 'departures'"):
        core.process(core.record(core.line(1)), catalog=broken)

"""The contracts that a deployment accepts, checked once, and what enriches the events of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import pyarrow as pa

from pipeline.core.contract import SYSTEM_FIELDS, Contract, Field
from pipeline.core.schema import TYPES
from pipeline.errors import UserError
from pipeline.names import QUARANTINE_TABLE

TYPE_FIELD: Final = "type"
"""The field of every event that names its table."""


class Enricher(Protocol):
    """Adds columns to a table's events; pure."""

    def __call__(self, events: pa.Table) -> Mapping[str, pa.Array]:
        """Return the contract's `enriched` columns by name, each as long as `events`.

        A string column may be dictionary-encoded. `events` has the contract's fields, none chunked.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Contracts by table, and their enrichers; a contract with enriched columns needs one.

    Raises:
        UserError: a contract is wrong; the message names it, the fault and the remedy.
    """

    contracts: tuple[Contract, ...]
    enrichers: Mapping[str, Enricher] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.contracts:
            raise UserError("the catalog has no contract; give it at least one")
        tables = [contract.table for contract in self.contracts]
        if len(set(tables)) < len(tables):
            raise UserError(f"two contracts share a table: {sorted(tables)}; rename one")
        for contract in self.contracts:
            for fault in _faults(contract):
                raise UserError(f"contract {contract.table!r}: {fault}")
            if bool(contract.enriched) != (contract.table in self.enrichers):
                raise UserError(
                    f"contract {contract.table!r}: `enriched` fields and an enricher go together; "
                    "give the catalog both or neither"
                )

    def contract(self, table: str) -> Contract | None:
        """Return the contract of `table`, if there is one."""
        return next((each for each in self.contracts if each.table == table), None)


def _faults(contract: Contract) -> list[str]:
    """Return what is wrong with a contract, in words that say what to change."""
    fields = {each.name: each for each in contract.fields}
    columns = [each.name for each in (*contract.fields, *contract.enriched, *SYSTEM_FIELDS)]
    faults = [f"column {name!r} is declared twice" for name in fields if columns.count(name) > 1]
    identifier = contract.table.isidentifier() and contract.table.isascii()
    if not identifier or contract.table == QUARANTINE_TABLE:
        faults.append(f"its table must be an identifier other than {QUARANTINE_TABLE!r}")
    for role, name, kind in (
        ("the table's name", TYPE_FIELD, "string"),
        ("id_field", contract.id_field, "string"),
        ("key_field", contract.key_field, "string"),
        ("sequence_field", contract.sequence_field, "int64"),
        ("event_time_field", contract.event_time_field, "timestamp_ms"),
    ):
        chosen = fields.get(name)
        if chosen is None or chosen.type != kind or not chosen.required:
            faults.append(f"{role} needs a required field {name!r} of type {kind}")
    faults += [
        f"checksum field {name!r} must be one of its fields, a string or an integer"
        for name in contract.checksum_fields
        if name not in fields or fields[name].type in ("float64", "bool", "binary")
    ]
    if contract.past_ms_max < 0 or contract.future_ms_max < 0:
        faults.append("past_ms_max and future_ms_max must be 0 or more")
    return faults + [fault for each in contract.fields for fault in _field_faults(each)]


def _field_faults(field: Field) -> list[str]:
    """Return what is wrong with one field of an event."""
    faults = []
    if not (field.name.isidentifier() and field.name.isascii()):
        faults.append(f"field {field.name!r} must be an identifier")
    if field.type not in TYPES or field.type == "binary":
        faults.append(f"field {field.name!r}: JSON has no type {field.type!r}")
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        faults.append(f"field {field.name!r}: minimum is above maximum")
    if field.type not in ("int64", "float64", "timestamp_ms") and (
        field.minimum is not None or field.maximum is not None
    ):
        faults.append(f"field {field.name!r}: only numbers and times have bounds")
    if field.one_of and field.type != "string":
        faults.append(f"field {field.name!r}: `one_of` is for strings")
    if field.max_bytes < 1:
        faults.append(f"field {field.name!r}: max_bytes must be 1 or more")
    return faults

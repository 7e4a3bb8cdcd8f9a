"""What can be wrong with a contract, in words that say what to change; needs no Arrow."""

from collections.abc import Sequence
from typing import get_args

from pipeline.core.contract import SYSTEM_FIELDS, TYPE_FIELD, Contract, Field, FieldType
from pipeline.errors import UserError
from pipeline.names import QUARANTINE_TABLE


def check_contracts(contracts: Sequence[Contract]) -> None:
    """Raise UserError for the first contract that is wrong: which one, the fault, the remedy."""
    tables = [contract.table for contract in contracts]
    if len(set(tables)) < len(tables):
        raise UserError(f"two contracts share a table: {sorted(tables)}; rename one")
    for contract in contracts:
        for fault in _faults(contract):
            raise UserError(f"contract {contract.table!r}: {fault}")


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
    if field.type not in get_args(FieldType) or field.type == "binary":
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

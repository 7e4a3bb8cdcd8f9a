"""The contracts that a deployment accepts, checked once, and what enriches the events of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from pipeline.core.contract import Contract
from pipeline.core.faults import check_contracts
from pipeline.core.result import Measured
from pipeline.errors import UserError


class Enricher(Protocol):
    """Adds columns to a table's events; pure."""

    def __call__(self, events: pa.Table) -> Mapping[str, pa.Array]:
        """Return the contract's `enriched` columns by name, each as long as `events`.

        A string column may be dictionary-encoded. `events` has the contract's fields, none chunked.
        """
        ...


class Measure(Protocol):
    """Sums a table's stored events up in business metrics; pure, and quick: it is on the path."""

    def __call__(self, events: pa.Table) -> tuple[Measured, ...]:
        """Return the metrics of one commit's events, at least one; none of the columns is chunked.

        An exception stops the shard as the enricher's would.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Contracts by table, their enrichers and measures; one with enriched columns needs the former.

    Raises:
        UserError: a contract is wrong; the message names it, the fault and the remedy.
    """

    contracts: tuple[Contract, ...]
    enrichers: Mapping[str, Enricher] = field(default_factory=dict)
    measures: Mapping[str, Measure] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.contracts:
            raise UserError("the catalog has no contract; give it at least one")
        check_contracts(self.contracts)
        for contract in self.contracts:
            if bool(contract.enriched) != (contract.table in self.enrichers):
                raise UserError(
                    f"contract {contract.table!r}: `enriched` fields and an enricher go together; "
                    "give the catalog both or neither"
                )

        for table in sorted(self.measures.keys() - {each.table for each in self.contracts}):
            raise UserError(
                f"there is a measure of {table!r}, but no contract; remove it or add one"
            )

    def measured(self, table: str, events: pa.Table) -> tuple[Measured, ...]:
        """Return the business metrics of one commit's events of a table."""
        measure = self.measures.get(table)
        return measure(events) if measure is not None else ()

    def contract(self, table: str) -> Contract | None:
        """Return the contract of `table`, if there is one."""
        return next((each for each in self.contracts if each.table == table), None)

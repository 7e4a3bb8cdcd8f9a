"""The contracts that a deployment accepts, checked once, and what enriches the events of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from pipeline.core.contract import Contract
from pipeline.core.faults import check_contracts
from pipeline.errors import UserError


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
        check_contracts(self.contracts)
        for contract in self.contracts:
            if bool(contract.enriched) != (contract.table in self.enrichers):
                raise UserError(
                    f"contract {contract.table!r}: `enriched` fields and an enricher go together; "
                    "give the catalog both or neither"
                )

    def contract(self, table: str) -> Contract | None:
        """Return the contract of `table`, if there is one."""
        return next((each for each in self.contracts if each.table == table), None)

"""What a user replaces: the contracts of their events and the dimensions to enrich them from."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core.catalog import Catalog


@cache
def catalog() -> "Catalog":
    """Return the contracts and their enrichers, checked and loaded once a process.

    Raises:
        UserError: a contract is wrong.
    """
    # Imported here because the infrastructure program reads the contracts without Arrow.
    from pipeline.core.catalog import Catalog
    from pipeline.domain.contracts import ACTIONS, CONTRACTS, DEPARTURES
    from pipeline.domain.enrichment import enrich_actions, enrich_departures

    return Catalog(
        contracts=CONTRACTS,
        enrichers={DEPARTURES.table: enrich_departures, ACTIONS.table: enrich_actions},
    )

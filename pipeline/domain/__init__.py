"""What a user replaces: contracts of events, dimensions to enrich from, metrics of the business."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core.catalog import Catalog


@cache
def catalog() -> "Catalog":
    """Return the contracts, their enrichers and measures, checked and loaded once a process.

    Raises:
        UserError: a contract is wrong.
    """
    # Imported here because the infrastructure program reads the contracts without Arrow.
    from pipeline.core.catalog import Catalog
    from pipeline.domain.contracts import ACTIONS, CONTRACTS, DEPARTURES
    from pipeline.domain.enrichment import enrich_actions, enrich_departures
    from pipeline.domain.measures import measure_departures

    return Catalog(
        contracts=CONTRACTS,
        enrichers={DEPARTURES.table: enrich_departures, ACTIONS.table: enrich_actions},
        measures={DEPARTURES.table: measure_departures},
    )

"""The dated price table, by region: list prices of AWS with the page that publishes each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pipeline.errors import UserError

TABLE: Final = Path(__file__).with_name("prices.toml")
REFERENCE: Final = "us-east-1"
"""The region that has every price; another one takes its price from here where it has none."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """One list price: USD for one `unit`, and the title of AWS's page."""

    key: str
    usd: float
    unit: str
    page: str
    own: bool
    """Whether it is the region's own; else the reference region's."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Every price of one region, as looked up on one day."""

    region: str
    looked_up: date
    by_key: Mapping[str, Price]

    def __getitem__(self, key: str) -> Price:
        """Return a price by its name in the table."""
        return self.by_key[key]

    @property
    def borrowed(self) -> tuple[str, ...]:
        """The names of the prices that are the reference region's."""
        return tuple(key for key, price in self.by_key.items() if not price.own)


def regions() -> tuple[str, ...]:
    """Return the regions that the table has prices for."""
    return tuple(_table()["regions"])


def prices(region: str, own: Mapping[str, float] | None = None) -> Prices:
    """Return the prices of a region, `own` ones in place of the table's.

    Raises UserError for a region or a price that the table does not know.
    """
    table, given = _table(), own or {}
    if unknown := [key for key in given if key not in table["prices"]]:
        raise UserError(f"there is no price {', '.join(unknown)}; infra/costs/{TABLE.name} has all")
    if region not in table["regions"]:
        raise UserError(
            f"there are no prices for region {region!r}; known are {', '.join(regions())} "
            f"(infra/costs/{TABLE.name})"
        )
    return Prices(
        region=region,
        looked_up=table["looked_up"],
        by_key={
            key: Price(
                key=key,
                usd=float(given.get(key, entry.get(region, entry[REFERENCE]))),
                unit=entry["unit"],
                page=entry["page"],
                own=key in given or region in entry,
            )
            for key, entry in table["prices"].items()
        },
    )


def own_prices(path: Path) -> dict[str, float]:
    """Return the prices of a file of lines like `kinesis_shard_hour = 0.018`. Raises UserError."""
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--prices: cannot read {path}: {error}") from None
    for key, usd in read.items():
        if isinstance(usd, bool) or not isinstance(usd, int | float) or not usd >= 0:
            raise UserError(f"--prices: {path}: {key}: {usd!r} is not a price in USD")
    return {key: float(usd) for key, usd in read.items()}


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))

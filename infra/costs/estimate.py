"""The whole estimate: every line of a stack's month under a load."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.costs.batches import Batches
from infra.costs.brokers import brokers, kept_gb, volumes_gb
from infra.costs.functions import functions
from infra.costs.line import Line, total
from infra.costs.load import Load
from infra.costs.network import network
from infra.costs.prices import Prices
from infra.costs.storage import lake, ledger
from infra.costs.stream import shards_needed, stream
from infra.costs.watching import key_and_catalog, watching
from infra.costs.workers import workers, workers_needed
from infra.settings import Settings
from pipeline.domain.contracts import CONTRACTS


@dataclass(frozen=True, kw_only=True)
class Case:
    """What an estimate is made for: a stack's settings, a load, and which month of its life."""

    settings: Settings
    load: Load
    prices: Prices
    month: int = 1
    tables: int = len(CONTRACTS)
    """Tables that a batch writes to, each a file."""

    @property
    def batches(self) -> Batches:
        """The batches that the load makes here."""
        return Batches(settings=self.settings, load=self.load, tables=self.tables)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The lines of one month."""

    case: Case
    lines: tuple[Line, ...]

    @property
    def usd(self) -> float:
        """The month's sum."""
        return total(self.lines)

    @property
    def by_resource(self) -> Mapping[str, float]:
        """The sum of each resource, the dearest first."""
        resources = dict.fromkeys(line.resource for line in self.lines)
        sums = {
            resource: total(line for line in self.lines if line.resource == resource)
            for resource in resources
        }
        return dict(sorted(sums.items(), key=lambda pair: -pair[1]))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader must know beside the figures."""
        case, found = self.case, []
        needed = shards_needed(case.load)
        if case.batches.on_topic:
            found += _of_brokers(case)
        elif case.settings.stream_mode == "provisioned" and needed > case.settings.shard_count:
            found.append(
                f"shard_count {case.settings.shard_count} is too few: this load needs {needed} "
                "shards, which are counted here"
            )
        if borrowed := case.prices.borrowed:
            found.append(
                f"{len(borrowed)} of {len(case.prices.by_key)} prices are those of us-east-1: none "
                f"was found for {case.prices.region} (infra/costs/prices.toml; --prices FILE)"
            )
        return tuple(found)


def estimate(case: Case) -> Estimate:
    """Return what a month costs. Raises UserError for a broker that has no price."""
    batches, prices = case.batches, case.prices
    return Estimate(
        case=case,
        lines=(
            *carrying(case),
            *(workers if batches.on_topic else functions)(batches, prices),
            *lake(batches, prices, month=case.month),
            *ledger(batches, prices, month=case.month),
            *network(case.settings, case.load, prices),
            *watching(batches, prices, month=case.month),
            *key_and_catalog(prices),
        ),
    )


def carrying(case: Case) -> list[Line]:
    """Return the lines of what the events wait in."""
    of = brokers if case.batches.on_topic else stream
    return of(case.settings, case.load, case.prices)


def _of_brokers(case: Case) -> list[str]:
    settings, found = case.settings, []
    kept, holds = kept_gb(settings, case.load), volumes_gb(settings)
    if kept > holds:
        found.append(
            f"volumes of {holds:,.0f} GB are too small: {settings.retention_hours} h of this load "
            f"are {kept:,.0f} GB with all copies"
        )
    needed = workers_needed(case.batches)
    if needed > settings.workers_max:
        found.append(
            f"workers_max {settings.workers_max} is too few: this load needs {needed}, of which "
            f"only {settings.workers_max} are counted here"
        )
    cluster = settings.kafka_cluster if settings.stream == "kafka" else settings.pulsar_cluster
    if cluster == "given":
        found.append("the given cluster, and the network to it, are not counted")
    return found

"""The metrics of a run's takes, gathered from their effects: what is said has surely happened."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline import metrics
from pipeline.core.reasons import LOST, ReasonCode
from pipeline.core.result import CoreResult, Counts, Measured
from pipeline.ledger.effects import PutDone, PutFinalIfAbsent, RunCore
from pipeline.ledger.state import Commit, add_counts
from pipeline.ledger.steps import Effect, Together
from pipeline.metric_log import MetricLog, sampled
from pipeline.metrics import Metric, Value
from pipeline.names import CANARY_TABLE, LAKE_PREFIX

_CANARIES: Final = f"{LAKE_PREFIX}{CANARY_TABLE}/"

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranged:
    """What only the core's run knows of a commit: its records' arrivals and its measures."""

    arrivals_ms: tuple[float, ...]
    measured: tuple[Measured, ...]


@dataclass(kw_only=True)
class Meter:
    """What the takes of one run published.

    A commit counts when it becomes visible, by whoever publishes it: an attempt that commits and
    dies leaves its commit to be counted by the next. Canaries are left out of events and files, and
    kept in the latency: an idle stream has one, too.
    """

    counts: Counts = field(default_factory=Counts)
    files: int = 0
    bytes: int = 0
    conflicts: int = 0
    lost_ends: int = 0
    ages_ms: list[float] = field(default_factory=list)
    measured: dict[tuple[Dimensions, Metric], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _ranges: dict[str, _Ranged] = field(default_factory=dict)

    def saw(self, effect: Effect[object], answer: object) -> None:
        """Take an effect into account that has succeeded (`pipeline.worker.Watch`)."""
        match effect:
            case RunCore() if isinstance(answer, CoreResult):
                self._ranges[effect.attempt.token] = _Ranged(
                    arrivals_ms=sampled(
                        [r.arrival_ms for r in effect.records if r.position <= answer.last]
                    ),
                    measured=answer.measured,
                )
            case Together():
                for each in effect.effects:
                    if isinstance(each, PutFinalIfAbsent) and not each.key.startswith(_CANARIES):
                        self.files += 1
                        self.bytes += len(each.body)
            case PutDone():
                self._count(effect.commit, effect.published_ms)

    def _count(self, commit: Commit, published_ms: int) -> None:
        """Count a commit; of one that another run made, only the newest arrival is known."""
        self.counts = add_counts(self.counts, _without_canaries(commit))
        unknown = _Ranged(arrivals_ms=(commit.arrival_ms_max,), measured=())
        known = self._ranges.pop(commit.token, unknown)
        self.ages_ms += [max(0.0, published_ms - at) for at in known.arrivals_ms if at]
        for each in known.measured:
            place = (tuple(each.dimensions.items()), each.metric)
            self.measured[place] += each.values
            self.measured[place] += [float(published_ms - at) for at in each.times_ms]

    def add(self, other: "Meter") -> None:
        """Take in what another meter counted, of a take that has ended."""
        self.counts = add_counts(self.counts, other.counts)
        self.files += other.files
        self.bytes += other.bytes
        self.conflicts += other.conflicts
        self.lost_ends += other.lost_ends
        self.ages_ms += other.ages_ms
        for place, values in other.measured.items():
            self.measured[place] += values

    @property
    def lost(self) -> int:
        """Ranges of the stream that are gone: rows of quarantine, and tails of unlisted shards."""
        reasons = self.counts.quarantined_by_reason
        rows = sum(count for reason, count in reasons.items() if reason.startswith(LOST))
        return rows + self.lost_ends

    def write(
        self,
        log: MetricLog,
        *,
        more: Mapping[Metric, Value],
        properties: Mapping[str, object],
    ) -> None:
        """Write what was counted and `more`: a line for the stream, one for each other dimension.

        Distributions are sampled to what one line may hold.
        """
        counts, reasons = self.counts, self.counts.quarantined_by_reason
        values: dict[Metric, Value] = {
            metrics.RECORDS: counts.records,
            metrics.RECEIVED: counts.received,
            metrics.STORED: counts.stored,
            metrics.DUPLICATES: counts.duplicates,
            metrics.QUARANTINED: counts.quarantined,
            metrics.FILES: self.files,
            metrics.BYTES: self.bytes,
            metrics.CONFLICTS: self.conflicts,
            metrics.LOST: self.lost,
            metrics.MASKED: reasons.get(ReasonCode.MASKED, 0),
            **more,
        }
        if self.ages_ms:
            values[metrics.ARRIVAL_TO_QUERYABLE_MS] = sampled(self.ages_ms)
        log.write(values, properties={**properties, "quarantined_by_reason": reasons})
        for reason, count in sorted(reasons.items()):
            log.write({metrics.QUARANTINED: count}, dimensions={metrics.REASON_DIMENSION: reason})
        by_dimensions: dict[Dimensions, dict[Metric, Value]] = defaultdict(dict)
        for (dimensions, metric), found in self.measured.items():
            if found:
                by_dimensions[dimensions][metric] = sampled(found)
        for dimensions, measured in by_dimensions.items():
            log.write(measured, dimensions=dict(dimensions))


def _without_canaries(commit: Commit) -> Counts:
    """Return a commit's counts without its stored canaries, each of them a record of its own."""
    canaries = sum(file.rows for file in commit.files if file.table == CANARY_TABLE)
    counts = commit.counts
    return Counts(
        records=max(0, counts.records - canaries),
        received=counts.received - canaries,
        stored=counts.stored - canaries,
        duplicates=counts.duplicates,
        quarantined=counts.quarantined,
        quarantined_by_reason=Counter(counts.quarantined_by_reason),
    )

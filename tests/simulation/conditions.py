"""Under which conditions a run takes place: sizes, limits, clocks, and what it is biased to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from infra.local.event_source_mapping.settings import UNLIMITED
from pipeline.testing.simulation import WINDOW_MS

FOREVER_MS = 10**9
LONG_RETENTION_MS = 24 * 3_600_000
SHORT_RETENTION_MS = 15 * 60_000


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What holds for a whole run.

    `fault_rate` is the chance of a fault at an effect, `core_rate` in the core if that is another,
    `restore_rate` in a restore, `mapping_rate` at a move of the mapping and `producer_rate` at a
    put. The stream keeps records for `kept_ms`, of which the protocol is told `retention_ms`.
    `chances` says how probable each happening is, `bias` each fault.
    """

    situation: str
    shards: int = 1
    step: int = 3
    records: int = 10
    spread_ms: int = 60_000
    burst: float = 0.5
    lanes: str = "abcd"
    batch_size: int = 4
    batch_window_seconds: float = 0.0
    retries_max: int = UNLIMITED
    bisect: bool = False
    keeps_discards: bool = True
    window_ms: int = WINDOW_MS
    retention_ms: int = LONG_RETENTION_MS
    kept_ms: int = LONG_RETENTION_MS
    skew_ms: int = 0
    compacts: bool = False
    backs_up: bool = False
    knows_a_good_record: bool = True
    poison: int = 0
    pairs: bool = False
    fault_rate: float = 0.02
    core_rate: float | None = None
    restore_rate: float = 0.15
    mapping_rate: float = 0.05
    producer_rate: float = 0.1
    bias: Mapping[str, float] = field(default_factory=dict)
    chances: Mapping[str, float] = field(default_factory=dict)

    @property
    def expires(self) -> bool:
        """Whether records expire within a run."""
        return self.retention_ms < LONG_RETENTION_MS


COMMON = {"copy": 1.5, "deploy": 0.4, "restart": 0.3, "resize": 0.3}


def storms(chance: Random) -> Conditions:
    """One shard, and anything may fail at any time."""
    return Conditions(
        situation="storms",
        fault_rate=chance.choice((0.02, 0.05, 0.1)),
        chances={**COMMON, "restart": 1.0, "stranger": 0.1},
    )


def sleepers(chance: Random) -> Conditions:
    """Processes stall and wake, while others were given their batch."""
    return Conditions(
        situation="sleepers",
        records=6,
        batch_size=chance.choice((1, 1, 2, 3)),
        fault_rate=chance.choice((0.05, 0.1)),
        mapping_rate=0.4,
        bias={"stall": 6.0, "lost_answer": 6.0, "error": 0.5, "kill": 0.3, "cold": 0.5},
        chances={**COMMON, "restart": 1.5},
    )


def resharding(chance: Random) -> Conditions:
    """Splits and merges under way, with copies that reach a descendant."""
    return Conditions(
        situation="resharding",
        shards=chance.choice((1, 2, 2)),
        records=12,
        fault_rate=chance.choice((0.01, 0.03, 0.06)),
        retries_max=chance.choice((UNLIMITED, UNLIMITED, 0, 2)),
        chances={**COMMON, "split": 1.5, "merge": 1.3, "copy": 4.0},
    )


def poison(chance: Random) -> Conditions:
    """Records that kill or raise, pairs that kill only together, innocents that look alike."""
    return Conditions(
        situation="poison",
        records=chance.choice((4, 8, 16)),
        burst=0.9,
        batch_size=chance.choice((1, 4, 16)),
        poison=chance.choice((0, 1, 1, 2, 5)),
        pairs=chance.random() < 0.4,
        knows_a_good_record=chance.random() < 0.5,
        fault_rate=chance.choice((0.0, 0.02, 0.08)),
        bias={"kill": 4.0, "stall": 0.5},
        chances={**COMMON, "bad deploy": 0.3},
    )


def killers(chance: Random) -> Conditions:
    """Processes die, most often at the same few steps: innocents must not be taken for poison."""
    return Conditions(
        situation="killers",
        records=chance.choice((1, 2, 4)),
        batch_size=chance.choice((1, 1, 2)),
        fault_rate=chance.choice((0.1, 0.2)),
        bias={"kill": 6.0, "error": 4.0, "lost": 3.0, "stall": 1.0},
        chances=COMMON,
    )


def suspects(chance: Random) -> Conditions:
    """One record at a time: in the core processes die or stand still, and answers are lost."""
    return Conditions(
        situation="suspects",
        records=chance.choice((1, 1, 2)),
        batch_size=1,
        core_rate=chance.choice((0.5, 0.8)),
        skew_ms=1_000,
        mapping_rate=0.6,
        bias={"kill": 2.0, "stall": 2.0, "lost_answer": 6.0},
        chances={"restart": 1.5, "copy": 0.3},
    )


def discards(chance: Random) -> Conditions:
    """Bounded retries: the mapping gives up, the stream expires, outages last long."""
    return Conditions(
        situation="discards",
        shards=chance.choice((1, 1, 2)),
        step=chance.choice((1, 3)),
        spread_ms=chance.choice((60_000, 600_000)),
        retries_max=chance.choice((0, 1, 3)),
        bisect=chance.random() < 0.5,
        keeps_discards=chance.random() < 0.6,
        retention_ms=SHORT_RETENTION_MS,
        kept_ms=SHORT_RETENTION_MS * chance.choice((1, 1, 4)),
        fault_rate=chance.choice((0.03, 0.08, 0.15)),
        chances={**COMMON, "outage": 1.0, "idle": 0.7, "split": 0.4},
    )


def restores(chance: Random) -> Conditions:
    """The ledger comes back from a backup older than the files; files are compacted."""
    return Conditions(
        situation="restores",
        shards=chance.choice((1, 1, 2)),
        compacts=chance.random() < 0.6,
        backs_up=True,
        fault_rate=chance.choice((0.01, 0.04, 0.08)),
        bias={"kill": 3.0, "linger": 2.0},
        chances={**COMMON, "restore": 2.0, "copy": 3.0, "idle": 0.3, "split": 0.3},
    )


def deploys(chance: Random) -> Conditions:
    """Versions move the hour, reject and accept; what was rejected is replayed."""
    return Conditions(
        situation="deploys",
        window_ms=FOREVER_MS,
        fault_rate=chance.choice((0.02, 0.05)),
        chances={**COMMON, "deploy": 2.0, "replay": 2.0, "copy": 3.0, "split": 0.3},
    )


def windows(chance: Random) -> Conditions:
    """Copies at the edges of the window, consumers that stall for hours, cold starts."""
    return Conditions(
        situation="windows",
        shards=chance.choice((1, 2)),
        compacts=True,
        chances={**COMMON, "late copy": 4.0, "outage": 0.6, "split": 0.5, "merge": 0.3},
    )


def everything(chance: Random) -> Conditions:
    """All of it at once."""
    return Conditions(
        situation="everything",
        shards=chance.choice((1, 2, 3)),
        records=chance.choice((6, 14)),
        poison=chance.choice((0, 0, 1)),
        pairs=chance.random() < 0.2,
        retries_max=chance.choice((UNLIMITED, UNLIMITED, 3)),
        compacts=True,
        backs_up=True,
        fault_rate=chance.choice((0.01, 0.03, 0.07)),
        chances={
            **COMMON,
            "split": 0.6,
            "merge": 0.5,
            "restore": 0.6,
            "outage": 0.2,
            "late copy": 1.0,
        },
    )


SITUATIONS = (
    storms,
    sleepers,
    resharding,
    poison,
    killers,
    suspects,
    discards,
    restores,
    deploys,
    windows,
    everything,
)


def draw(chance: Random, situation: str | None = None) -> Conditions:
    """Return the conditions of one run, of any situation or of the one that is named."""
    named = [each for each in SITUATIONS if situation in {None, each.__name__}]
    drawn = chance.choice(named)(chance)
    return replace(
        drawn,
        skew_ms=drawn.skew_ms or chance.choice((0, 0, 1_000, 20_000)),
        batch_window_seconds=chance.choice((0.0, 0.0, 1.0, 5.0)),
    )

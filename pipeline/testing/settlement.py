"""The account of every id ever put, once all is drained: P1, P2 and I7."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.core.records import Position, Record
from pipeline.names import REPLAY_KEY_PREFIX
from pipeline.testing.account import Violation
from pipeline.testing.core import Row

if TYPE_CHECKING:
    from pipeline.testing.simulation import Simulation


@dataclass
class Fates:
    """How often an id was put so that it counts: the window lets it in again when it is over."""

    window_ms: int
    learned_ms: list[int] = field(default_factory=list)
    replayed: bool = False

    def put(self, record: Record) -> None:
        """Take note of one more record with the id, in the order of its lane."""
        self.replayed = self.replayed or record.partition_key.startswith(REPLAY_KEY_PREFIX)
        if all(record.arrival_ms - known > self.window_ms for known in self.learned_ms):
            self.learned_ms.append(record.arrival_ms)


def settle(simulation: "Simulation") -> None:
    """Account for every id ever put: stored as often as the window says, or in quarantine.

    A record that was masked was never decoded, one that expired may never have been read; every
    other one counts. Raises Violation.
    """
    account = simulation.account
    account.check(simulation)
    quarantine = simulation.quarantined()
    masked = {position for name, position, _ in quarantine if name == "masked"}
    for position in masked:
        if not account.is_maskable(position):
            raise Violation(f"T13: {position} was masked, and it kills nobody")
    lost = [row for row in quarantine if row[0] == "lost"]
    if lost and not (account.unknowable or account.losses_are_possible):
        raise Violation("I7: recorded as lost, and nothing expired")
    fates = expected(simulation, lost=lost, masked=masked)
    lake = Counter(row[0] for row in simulation.stored())
    bad = Counter(name for name, _, _ in quarantine)
    for name, fate in fates.items():
        judge(name, fate, stored=lake[name], quarantined=bad[name])


def expected(
    simulation: "Simulation", *, lost: list[Row], masked: set[Position]
) -> dict[str, Fates]:
    """Return what is known of each id from the records that count.

    Raises Violation for a record that expired before it was committed and that nobody recorded;
    the tail of a shard that ended or left the stream is told, not recorded.
    """
    account = simulation.account
    fates: dict[str, Fates] = defaultdict(lambda: Fates(simulation.settings.window_ms))
    produced: list[Record] = []
    for shard, held in simulation.stream.shards_by_id.items():
        commits = [
            (c.first, c.last) for c in simulation.ledger.commits.values() if c.shard == shard
        ]
        for record in held.produced:
            position = record.position
            if position in account.unknowable:
                recorded = any(first <= position <= last for _, first, last in lost)
                taken = any(first <= position <= last for first, last in commits)
                silent = not (recorded or taken or held.closed)
                if silent and position in account.may_be_lost:
                    raise Violation(f"I7: {position} expired, and is recorded nowhere")
                if recorded or not taken:
                    continue
            if position not in masked:
                produced.append(record)
    for record in sorted(produced, key=lambda record: record.position):
        for word in record.data.decode().split():
            fates[word.removeprefix("bad:").partition("@")[0]].put(record)
    return fates


def judge(name: str, fate: Fates, *, stored: int, quarantined: int) -> None:
    """Compare an id's rows with what was put. Raises Violation.

    A replay adds a row of the good table to the one in quarantine, at most one (T23).
    """
    times = len(fate.learned_ms)
    if stored + quarantined < times:
        raise Violation(f"P1: {name} is lost: {stored} + {quarantined} rows of {times}")
    if stored > times:
        raise Violation(f"P2: {name} is stored {stored} times, {times} expected")
    if stored + quarantined > times and not fate.replayed:
        raise Violation(f"P1: {name} has {stored} rows in the lake, {quarantined} in quarantine")

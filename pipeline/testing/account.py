"""The invariants I1 to I7, checked after every step, and the account of every id at the end."""

import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.core.records import Position, ShardId
from pipeline.ledger.state import Commit, Head
from pipeline.names import QUARANTINE_TABLE
from pipeline.testing.core import Row

if TYPE_CHECKING:
    from pipeline.testing.simulation import Simulation


class Violation(Exception):
    """The verdict is invalid: an invariant or a promise does not hold."""


@dataclass
class Account:
    """What was true at the last look, to compare with, and what a test allows.

    `copies_allowed` are ids that the window lets in again (T24), `may_be_lost` are positions that
    a test let expire, `may_be_masked` those it poisoned, `before_the_origin` those that the mapping
    never was to deliver.
    """

    committed: dict[ShardId, Position] = field(default_factory=dict)
    visible: dict[str, bytes] = field(default_factory=dict)
    copies_allowed: set[str] = field(default_factory=set)
    may_be_lost: set[Position] = field(default_factory=set)
    may_be_masked: set[Position] = field(default_factory=set)
    before_the_origin: set[Position] = field(default_factory=set)

    def check(self, simulation: "Simulation") -> None:
        """Check I1 to I6 and that no reader sees a row twice or sees one vanish."""
        for head in simulation.ledger.heads.values():
            self._grows(head)
        for shard in simulation.ledger.heads:
            self._ranges(shard, simulation)
            self._one_unpublished(shard, simulation)
            self._after_parents(shard, simulation)
        self._visible(simulation)

    def _grows(self, head: Head) -> None:
        before = self.committed.get(head.shard)
        if before is not None and (head.committed is None or head.committed < before):
            raise Violation(f"I1: committed fell from {before} to {head.committed}")
        if head.committed is not None:
            self.committed[head.shard] = head.committed

    def _ranges(self, shard: ShardId, simulation: "Simulation") -> None:
        commits = commits_of(shard, simulation)
        for one, other in pairwise(commits):
            if other.first <= one.last:
                raise Violation(f"I1: {one.first}..{one.last} and {other.first} overlap")
        head = simulation.ledger.heads[shard]
        for record in simulation.stream.shards_by_id[shard].produced:
            if head.committed is None or record.position > head.committed:
                break
            if record.position in self.before_the_origin:
                continue
            if not any(c.first <= record.position <= c.last for c in commits):
                raise Violation(f"I1: hole at {record.position} below {head.committed}")

    def _one_unpublished(self, shard: ShardId, simulation: "Simulation") -> None:
        head = simulation.ledger.heads[shard]
        for commit in commits_of(shard, simulation):
            if commit.ref == head.unpublished:
                continue
            for file in commit.files:
                if file.final_key not in simulation.readable:
                    raise Violation(f"I3: {file.final_key} of a published commit is not visible")

    def _after_parents(self, shard: ShardId, simulation: "Simulation") -> None:
        if not commits_of(shard, simulation):
            return
        for parent in simulation.stream.shards_by_id[shard].parents:
            head = simulation.ledger.heads.get(parent)
            produced = simulation.stream.shards_by_id[parent].produced
            last = max((record.position for record in produced), default=None)
            if last is not None and last not in self.may_be_lost:
                at_end = head is not None and (head.committed or 0) >= last
                if not at_end or head is None or head.unpublished is not None:
                    raise Violation(f"I6: {shard} committed before its parent {parent} was done")

    def _visible(self, simulation: "Simulation") -> None:
        now, readable = simulation.store.visible, simulation.readable
        if now == self.visible:
            return
        for key, body in self.visible.items():
            if readable.get(key) != body:
                raise Violation(f"P3: visible rows of {key} changed or vanished")
        named = {
            file.final_key: (file.staged_key, file.sha256)
            for commit in simulation.ledger.commits.values()
            for file in commit.files
        }
        for key, body in now.items():
            if key not in named or simulation.store.staged[named[key][0]] != body:
                raise Violation(f"I2: {key} holds what no commit names")
        self.visible = dict(now)
        for name, count in Counter(row[0] for row in simulation.stored()).items():
            if count > 1 and name not in self.copies_allowed:
                raise Violation(f"P2: {name} is visible {count} times")

    def is_drained(self, simulation: "Simulation") -> bool:
        """Return whether every shard is at its tip with nothing open or unpublished."""
        for name, shard in simulation.stream.shards_by_id.items():
            head = simulation.ledger.heads.get(name)
            if head is None:
                if shard.records or shard.closed:
                    return False
                continue
            waiting = [r for r in shard.records if r.position > (head.committed or -1)]
            if waiting or head.unpublished or head.open_range or (shard.closed != head.closed):
                return False
        return True

    def settle(self, simulation: "Simulation") -> None:
        """Account for every id ever put: in the lake once, or in quarantine, or recorded lost."""
        self.check(simulation)
        lake = Counter(row[0] for row in simulation.stored())
        quarantine = simulation.quarantined()
        bad = {name for name, _, _ in quarantine}
        masked = {position for name, position, _ in quarantine if name == "masked"}
        for position in masked - self.may_be_masked:
            raise Violation(f"T13: {position} was masked, and it kills nobody")
        if any(name == "lost" for name, _, _ in quarantine) and not self.may_be_lost:
            raise Violation("recorded as lost, and nothing expired")
        for shard in simulation.stream.shards_by_id.values():
            for record in shard.produced:
                if record.position in masked | self.may_be_lost:
                    continue
                for word in record.data.decode().split():
                    name = word.removeprefix("bad:").partition("@")[0]
                    self._fate(name, lake[name], in_quarantine=name in bad)

    def _fate(self, name: str, copies: int, *, in_quarantine: bool) -> None:
        if copies == 0 and not in_quarantine:
            raise Violation(f"P1: {name} is lost")
        if copies and in_quarantine:
            raise Violation(f"P1: {name} is in the lake and in quarantine")
        if copies > 1 and name not in self.copies_allowed:
            raise Violation(f"P2: {name} is stored {copies} times")


def commits_of(shard: ShardId, simulation: "Simulation") -> list[Commit]:
    """Return a shard's commits in order."""
    commits = (c for c in simulation.ledger.commits.values() if c.shard == shard)
    return sorted(commits, key=lambda commit: commit.first)


def rows(body: bytes) -> list[Row]:
    """Return the rows of a file."""
    return [(name, position, index) for name, position, index in json.loads(body)]


def is_quarantine(key: str) -> bool:
    """Return whether a key is one of quarantine's."""
    return f"/{QUARANTINE_TABLE}/" in key

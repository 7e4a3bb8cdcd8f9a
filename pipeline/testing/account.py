"""The invariants I1 to I7, checked after every step, and what no reader may ever see."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Attempt
from pipeline.ledger.isolation import DEATHS_TO_MASK
from pipeline.ledger.state import Commit, Head
from pipeline.names import QUARANTINE_TABLE
from pipeline.testing.core import Row, ScriptedSeen

if TYPE_CHECKING:
    from pipeline.testing.simulation import Simulation

MASKS_IN_A_ROW_MAX = 3
"""The protocol's bound (protocol.md, 2: silent deaths), kept here by itself."""


class Violation(Exception):
    """The verdict is invalid: an invariant or a promise does not hold."""

    @property
    def rule(self) -> str:
        """Which one, such as I1 or P2."""
        return str(self).partition(":")[0]


@dataclass
class Account:
    """What was true at the last look, to compare with, and what a test allows.

    `copies_allowed` are ids that the window lets in again (T24), `may_be_lost` are positions that
    a test let expire, `may_be_masked` those it poisoned, `before_the_origin` those that nobody can
    know of; `losses_are_possible` when nobody looked after a shard for so long that nothing proves
    that nothing was lost. `deaths` counts, for each position, the attempts at it alone that ended
    in the core without a word: three of them mask it (T13). `foreign` are visible keys that
    somebody else wrote.
    """

    heads: dict[ShardId, Head] = field(default_factory=dict)
    visible: dict[str, bytes] = field(default_factory=dict)
    tokens: dict[tuple[ShardId, Position], str] = field(default_factory=dict)
    deaths: Counter[Position] = field(default_factory=Counter)
    copies_allowed: set[str] = field(default_factory=set)
    may_be_lost: set[Position] = field(default_factory=set)
    may_be_masked: set[Position] = field(default_factory=set)
    before_the_origin: set[Position] = field(default_factory=set)
    losses_are_possible: bool = False
    foreign: set[str] = field(default_factory=set)

    def check(self, simulation: "Simulation") -> None:
        """Check what changed since the last look. Raises Violation."""
        for shard, head in simulation.ledger.heads.items():
            before = self.heads.get(shard)
            if before is not head:
                self.heads[shard] = head
                self._head(before, head, simulation)
        if simulation.store.visible != self.visible:
            self._visible(simulation)

    def _head(self, before: Head | None, head: Head, simulation: "Simulation") -> None:
        was = before.committed if before is not None else None
        if was is not None and (head.committed is None or head.committed < was):
            raise Violation(f"I1: committed fell from {was} to {head.committed}")
        self._isolation(head)
        commits = commits_of(head.shard, simulation)
        if head.committed != was:
            self._ranges(head, commits, simulation)
            self._after_parents(head.shard, simulation)
        for commit in commits:
            if commit.ref != head.unpublished:
                self._published(commit, simulation)

    def _published(self, commit: Commit, simulation: "Simulation") -> None:
        for file in commit.files:
            body = simulation.readable.get(file.final_key)
            if body is None:
                raise Violation(f"I3: {file.final_key} is published and not visible")
            if body != simulation.store.staged[file.staged_key]:
                raise Violation(f"I2: {file.final_key} is published with other bytes")

    def _isolation(self, head: Head) -> None:
        if head.masks_in_a_row > MASKS_IN_A_ROW_MAX:
            raise Violation(f"P6: {head.masks_in_a_row} masks in a row")
        if head.suspect_last is not None and (head.committed or 0) >= head.suspect_last:
            raise Violation(f"P6: still {head.limit} records a commit, past {head.suspect_last}")

    def _ranges(self, head: Head, commits: list[Commit], simulation: "Simulation") -> None:
        for commit in commits:
            token = self.tokens.setdefault((commit.shard, commit.first), commit.token)
            if token != commit.token:
                raise Violation(f"I2: two commits of {commit.shard} start at {commit.first}")
        for one, other in pairwise(commits):
            if other.first <= one.last:
                raise Violation(f"I1: {one.first}..{one.last} and {other.first} overlap")
        ranges = iter(commits)
        current = next(ranges, None)
        for record in simulation.stream.shards_by_id[head.shard].produced:
            if head.committed is None or record.position > head.committed:
                break
            while current is not None and current.last < record.position:
                current = next(ranges, None)
            is_held = current is not None and current.first <= record.position
            if not is_held and record.position not in self.before_the_origin:
                raise Violation(f"I1: hole at {record.position} below {head.committed}")

    def _after_parents(self, shard: ShardId, simulation: "Simulation") -> None:
        for parent in simulation.stream.shards_by_id[shard].parents:
            head = simulation.ledger.heads.get(parent)
            committed = (head.committed or 0) if head is not None else 0
            waiting = [
                record.position
                for record in simulation.stream.shards_by_id[parent].produced
                if record.position > committed and record.position not in self.unknowable
            ]
            if waiting or (head is not None and head.unpublished is not None):
                raise Violation(f"I6: {shard} committed before its parent {parent} was done")

    @property
    def unknowable(self) -> set[Position]:
        """Positions that expired before anybody committed them."""
        return self.may_be_lost | self.before_the_origin

    def _visible(self, simulation: "Simulation") -> None:
        now, readable = simulation.store.visible, simulation.readable
        for key, body in self.visible.items():
            if readable.get(key) != body:
                raise Violation(f"P3: visible rows of {key} changed or vanished")
        named = {
            file.final_key: (file.staged_key, commit)
            for commit in simulation.ledger.commits.values()
            for file in commit.files
        }
        for key in now.keys() - self.visible.keys() - self.foreign:
            if key not in named or simulation.store.staged[named[key][0]] != now[key]:
                raise Violation(f"I2: {key} holds what no commit names")
            self._nothing_newer(named[key][1], simulation)
        self.visible = dict(now)
        for name, count in Counter(row[0] for row in simulation.stored()).items():
            if count > 1 and name not in self.copies_allowed:
                raise Violation(f"P2: {name} is visible {count} times")
        self._masks(simulation)

    def _nothing_newer(self, commit: Commit, simulation: "Simulation") -> None:
        for earlier in commits_of(commit.shard, simulation):
            if earlier.first >= commit.first:
                return
            if any(file.final_key not in simulation.readable for file in earlier.files):
                raise Violation(f"I3: {commit.first} is visible before {earlier.first} is")

    def _masks(self, simulation: "Simulation") -> None:
        for name, position, _ in simulation.quarantined():
            if name == "masked" and not self.is_maskable(position):
                deaths = self.deaths[position]
                raise Violation(f"T13: {position} was masked after {deaths} deaths of its own")

    def is_maskable(self, position: Position) -> bool:
        """Return whether a record was poisoned, or killed three processes one after another."""
        return position in self.may_be_masked or self.deaths[position] >= DEATHS_TO_MASK

    def seen(
        self,
        attempt: Attempt,
        records: Sequence[Record],
        seen: ScriptedSeen,
        simulation: "Simulation",
    ) -> None:
        """Check what the core is told of earlier commits: all within the window, no more (I4).

        An attempt that lost its fence may be told anything: it will be refused.
        """
        head = simulation.ledger.heads.get(attempt.shard)
        is_zombie = head is None or head.fence != attempt.token
        if head is None or is_zombie or not records or records[0] == simulation.settings.known_good:
            return
        true = learned(attempt.shard, head, simulation)
        told = {(name, *entry) for name, entries in seen.entries.items() for entry in entries}
        if told - true:
            raise Violation(f"I4: {attempt.first} is told of ids that nobody committed")
        oldest_ms = min(record.arrival_ms for record in records) - seen.window_ms
        for name, arrival_ms, _ in true - told:
            if arrival_ms >= oldest_ms:
                raise Violation(f"I4: {attempt.first} is not told that {name} is committed")

    def is_drained(self, simulation: "Simulation") -> bool:
        """Return whether every shard is at its tip with nothing open or unpublished."""
        for name, shard in simulation.stream.shards_by_id.items():
            head = simulation.ledger.heads.get(name)
            if head is None:
                if shard.records or (shard.closed and shard.listed):
                    return False
                continue
            waiting = [r for r in shard.records if r.position > (head.committed or -1)]
            if waiting or head.unpublished or head.open_range or (shard.closed != head.closed):
                return False
        return True


def commits_of(shard: ShardId, simulation: "Simulation") -> list[Commit]:
    """Return a shard's commits in order."""
    commits = (c for c in simulation.ledger.commits.values() if c.shard == shard)
    return sorted(commits, key=lambda commit: commit.first)


def learned(shard: ShardId, head: Head, simulation: "Simulation") -> set[tuple[str, int, bool]]:
    """Return the ids that a shard and all its ancestors committed, up to its head."""
    lineage, queue = {shard}, [shard]
    while queue:
        for parent in simulation.stream.shards_by_id[queue.pop()].parents:
            if parent not in lineage:
                lineage.add(parent)
                queue.append(parent)
    return {
        (name, arrival_ms, stored)
        for commit in simulation.ledger.commits.values()
        if commit.shard in lineage and commit.ids_key is not None
        if commit.shard != shard or commit.last <= (head.committed or -1)
        for name, arrival_ms, stored in ids(simulation.store.staged[commit.ids_key])
    }


@lru_cache(maxsize=4096)
def ids(body: bytes) -> tuple[tuple[str, int, bool], ...]:
    """Return the entries of an ids object."""
    return tuple((name, arrival_ms, stored) for name, arrival_ms, stored in json.loads(body))


@lru_cache(maxsize=4096)
def rows(body: bytes) -> tuple[Row, ...]:
    """Return the rows of a file."""
    return tuple((name, Position(position), index) for name, position, index in json.loads(body))


def is_quarantine(key: str) -> bool:
    """Return whether a key is one of quarantine's."""
    return f"/{QUARANTINE_TABLE}/" in key

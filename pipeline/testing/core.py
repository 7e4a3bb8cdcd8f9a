"""A core small enough to reason about: a record is words, a word is an event.

a       the event a, stored under hour 0
a@3     under hour 3
bad:a   an event that breaks its contract: quarantined, and its id is remembered (T23)
kill    ends the process that decodes it
raise   makes the core raise

A record under the replay's key is exempt from what the set knows as quarantined (T23).
"""

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Self

from pipeline.core.batch import LostRange
from pipeline.core.records import Position, Record
from pipeline.core.result import Attempt, CoreResult, Counts, LakeFile
from pipeline.ledger.seams import Seen
from pipeline.names import QUARANTINE_TABLE, REPLAY_KEY_PREFIX, final_key

TABLE = "events"


class Killed(BaseException):
    """The process is gone: no handler of its own sees this."""


@dataclass(frozen=True, kw_only=True)
class ScriptedSeen:
    """Ids with the arrival times at which they were committed, and whether they were stored."""

    window_ms: int
    entries: dict[str, tuple[tuple[int, bool], ...]] = field(default_factory=dict)

    def with_ids(self, ids: bytes, /) -> Self:
        """Return the set together with one commit's ids."""
        entries = dict(self.entries)
        for name, arrival_ms, stored in json.loads(ids):
            entries[name] = (*entries.get(name, ()), (arrival_ms, stored))
        return replace(self, entries=entries)

    def knows(self, name: str, *, arrival_ms: int, replayed: bool = False) -> bool:
        """Return whether the id was committed within the window before an arrival."""
        return any(
            arrival_ms - committed_ms <= self.window_ms and (stored or not replayed)
            for committed_ms, stored in self.entries.get(name, ())
        )


Row = tuple[str, Position, int]
"""An event's id, its record's position and its place there; of a lost range first and last."""


@dataclass
class ScriptedCore:
    """The core of one deploy: `hour` moves every event, `rejects` are ids that it refuses.

    `kills` are words at which the process dies, `kills_together` are ids that end it when one range
    holds all of them, and `records_max` makes the core stop early.
    """

    hour: int = 0
    rejects: frozenset[str] = frozenset()
    kills: frozenset[str] = frozenset({"kill"})
    kills_together: frozenset[str] = frozenset({"never"})
    records_max: int = 1_000_000

    def __call__(
        self,
        records: tuple[Record, ...],
        *,
        masked: frozenset[Position],
        lost: tuple[LostRange, ...],
        attempt: Attempt,
        seen: Seen,
    ) -> CoreResult:
        """Return the range's files, ids and counts. Raises Killed on poison."""
        assert isinstance(seen, ScriptedSeen)
        taken = records[: self.records_max]
        words = [w for r in taken if r.position not in masked for w in r.data.decode().split()]
        if self.kills & set(words) or self.kills_together <= set(words):
            raise Killed
        if "raise" in words:
            raise ValueError("the core has a defect")
        work = _Work(core=self, seen=seen)
        for loss in lost:
            work.quarantine("lost", loss.first, loss.last)
        for record in taken:
            if record.position in masked:
                work.quarantine("masked", record.position, 0)
            else:
                work.decode(record)
        last = taken[-1].position if taken else lost[-1].last
        return work.result(attempt, last=last, taken=taken)


@dataclass
class _Work:
    """One run of the core."""

    core: ScriptedCore
    seen: ScriptedSeen
    files: dict[tuple[str, int], list[Row]] = field(default_factory=lambda: defaultdict(list))
    learned: list[tuple[str, int, bool]] = field(default_factory=list)
    duplicates: int = 0
    received: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def quarantine(self, name: str, position: Position, index: int, reason: str = "") -> None:
        """Put one row into quarantine."""
        self.received += 1
        self.reasons[reason or name] += 1
        self.files[QUARANTINE_TABLE, 0].append((name, position, index))

    def decode(self, record: Record) -> None:
        """Judge a record's events."""
        replayed = record.partition_key.startswith(REPLAY_KEY_PREFIX)
        for index, word in enumerate(record.data.decode().split()):
            name, _, hour = word.removeprefix("bad:").partition("@")
            if self.knows(name, arrival_ms=record.arrival_ms, replayed=replayed):
                self.received += 1
                self.duplicates += 1
                continue
            rejected = word.startswith("bad:") or name in self.core.rejects
            self.learned.append((name, record.arrival_ms, not rejected))
            if rejected:
                self.quarantine(name, record.position, index, "rejected")
                continue
            self.received += 1
            place = (int(hour or 0) + self.core.hour) % 24
            self.files[TABLE, place].append((name, record.position, index))

    def knows(self, name: str, *, arrival_ms: int, replayed: bool) -> bool:
        """Return whether an earlier commit, or this one so far, has the id within the window."""
        return self.seen.knows(name, arrival_ms=arrival_ms, replayed=replayed) or any(
            arrival_ms - learned_ms <= self.seen.window_ms and (stored or not replayed)
            for known, learned_ms, stored in self.learned
            if known == name
        )

    def result(self, attempt: Attempt, *, last: Position, taken: tuple[Record, ...]) -> CoreResult:
        """Return all of it as bytes."""
        files = []
        for (table, hour), rows in sorted(self.files.items()):
            body = json.dumps(rows).encode()
            key = final_key(
                table=table, date="2026-01-01", hour=hour, shard=attempt.shard, first=attempt.first
            )
            digest = hashlib.sha256(body).hexdigest()
            files.append(
                LakeFile(table=table, final_key=key, body=body, sha256=digest, rows=len(rows))
            )
        quarantined = sum(self.reasons.values())
        return CoreResult(
            last=last,
            files=tuple(files),
            ids=json.dumps(self.learned).encode() if self.learned else b"",
            counts=Counts(
                records=len(taken),
                received=self.received,
                stored=self.received - self.duplicates - quarantined,
                duplicates=self.duplicates,
                quarantined=quarantined,
                quarantined_by_reason=dict(self.reasons),
            ),
            arrival_ms_max=max((record.arrival_ms for record in taken), default=0),
        )

"""A part of the stream held against the lake, event by event: lost, duplicated or altered; pure.

The auditor's share of `pipeline.audit`: what the whole verifier does with DuckDB over files, on as
many events as fit into a function's memory.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.audit.checksum import checksum
from pipeline.audit.stream_history import StreamEvent, events_of
from pipeline.core.contract import TYPE_FIELD, Contract
from pipeline.core.reasons import ReasonCode
from pipeline.core.records import Position, Record, ShardId
from pipeline.core.units import HOUR_MS

EXAMPLES_MAX: Final = 5
WHOLE_RECORD: Final = frozenset(
    {
        ReasonCode.MASKED,
        ReasonCode.BAD_AGGREGATE,
        ReasonCode.TOO_LARGE,
        ReasonCode.TOO_MANY_EVENTS,
    }
)
"""Reasons for which a record is one row of quarantine, whatever it holds (`core.intake`)."""
_HASHES: Final = 2**32

EventKey = tuple[str, str]
"""An event by its table and its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An event as the stream holds it.

    `key` is None where table or id cannot be read: then it must be in quarantine, by its place.
    `hour` (since the epoch) says where its row belongs.
    """

    shard: ShardId
    position: Position
    index: int
    key: EventKey | None
    hour: int = 0
    checksum: int = 0


def sent_of(record: Record, shard: ShardId, contracts: Mapping[str, Contract]) -> Iterator[Sent]:
    """Yield the events of a record."""
    for event in events_of(record):
        contract = _contract_of(event, contracts) if isinstance(event, StreamEvent) else None
        if contract is None or not isinstance(event, StreamEvent):
            yield Sent(shard=shard, position=event.position, index=event.index, key=None)
            continue
        yield Sent(
            shard=shard,
            position=event.position,
            index=event.index,
            key=(contract.table, str(event.fields[contract.id_field])),
            hour=int(str(event.fields[contract.event_time_field])) // HOUR_MS,
            checksum=checksum(event.fields, contract),
        )


def _contract_of(event: StreamEvent, contracts: Mapping[str, Contract]) -> Contract | None:
    """Return the contract that an event names, if it has what finds its row."""
    contract = contracts.get(str(event.fields.get(TYPE_FIELD)))
    if contract is None or not isinstance(event.fields.get(contract.id_field), str):
        return None
    return contract if type(event.fields.get(contract.event_time_field)) is int else None


@dataclass(slots=True, kw_only=True)
class Sample:
    """Events up to a number; beyond it, those whose id hashes low: the same ids in every audit.

    All copies of an id are in or out together, so that a duplicate cannot hide. `share` is how much
    of all the sample stands for.
    """

    events_max: int
    share: float = 1.0
    seen: int = 0
    events: list[Sent] = field(default_factory=list)

    def add(self, sent: Sent) -> None:
        """Take an event in, if it is of the sample."""
        self.seen += 1
        if self._chosen(sent):
            self.events.append(sent)
        while len(self.events) > self.events_max:
            self.share /= 2
            self.events = [each for each in self.events if self._chosen(each)]

    def _chosen(self, sent: Sent) -> bool:
        name = sent.key[1] if sent.key else f"{sent.position}/{sent.index}"
        return zlib.crc32(name.encode("utf-8", "surrogatepass")) < self.share * _HASHES


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What lake and quarantine show of a sample: checksums of rows by event, quarantined places."""

    stored: dict[EventKey, list[int]] = field(default_factory=lambda: defaultdict(list))
    quarantined_ids: set[str] = field(default_factory=set)
    quarantined_places: set[tuple[Position, int]] = field(default_factory=set)
    quarantined_records: set[Position] = field(default_factory=set)

    def quarantine(
        self, *, event_id: str | None, reason: str, position: Position, index: int
    ) -> None:
        """Take a row of quarantine in: it stands for an event, or for a record as a whole."""
        if reason in WHOLE_RECORD:
            self.quarantined_records.add(position)
        self.quarantined_places.add((position, index))
        if event_id is not None:
            self.quarantined_ids.add(event_id)

    def has(self, sent: Sent) -> bool:
        """Return whether an event is in the lake or in quarantine, itself or with its record."""
        if sent.key is not None and (
            sent.key in self.stored or sent.key[1] in self.quarantined_ids
        ):
            return True
        place = (sent.position, sent.index)
        return place in self.quarantined_places or sent.position in self.quarantined_records


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Distinct events that were looked for, and what is wrong with how many of them."""

    audited: int = 0
    lost: int = 0
    duplicated: int = 0
    altered: int = 0
    examples: tuple[str, ...] = ()


def judge(events: Sequence[Sent], evidence: Evidence, *, all_seen: bool) -> Findings:
    """Return the findings over a sample.

    With `all_seen` false not every file could be opened: what was not found is left out then, for
    it is not known to be lost. An id of several bodies may have any of them stored; the others are
    in quarantine.
    """
    missing = {_name(sent) for sent in events if not evidence.has(sent)}
    sent_by_key: dict[EventKey, set[int]] = defaultdict(set)
    for sent in events:
        if sent.key is not None:
            sent_by_key[sent.key].add(sent.checksum)
    duplicated = {key for key in sent_by_key if len(evidence.stored.get(key, ())) > 1}
    altered = {
        key
        for key, checksums in sent_by_key.items()
        if key[1] not in evidence.quarantined_ids
        and not checksums.issuperset(evidence.stored.get(key, ()))
    }
    looked_for = {_name(sent) for sent in events}
    lost = missing if all_seen else set[str]()
    return Findings(
        audited=len(looked_for) - (0 if all_seen else len(missing)),
        lost=len(lost),
        duplicated=len(duplicated),
        altered=len(altered),
        examples=(
            *_examples("lost", lost),
            *_examples("duplicated", ("/".join(key) for key in duplicated)),
            *_examples("altered", ("/".join(key) for key in altered)),
        ),
    )


def _name(sent: Sent) -> str:
    """Return what an event is told apart by: its id, else its place."""
    return "/".join(sent.key) if sent.key else f"{sent.shard} {sent.position} event {sent.index}"


def _examples(what: str, names: Iterable[str]) -> list[str]:
    return [f"{what}: {name}" for name in sorted(names)[:EXAMPLES_MAX]]

"""From stream records to payloads: masked ones set aside, aggregates split, payloads read."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from pipeline.core.aggregate import NotDeaggregable, deaggregate
from pipeline.core.batch import Batch, Limits, LostRange
from pipeline.core.payload import NotReadable, decompress
from pipeline.core.reasons import LOST, Reason, ReasonCode
from pipeline.core.records import Record
from pipeline.names import REPLAY_KEY_PREFIX

_NEWLINE: Final = ord("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Lines of one user record; `record` counts in the batch, `index` is its first event's place.

    `body` holds `lines` of them; the last may lack its newline.
    """

    record: int
    index: int
    partition_key: str
    body: bytes
    lines: int

    @property
    def replay(self) -> bool:
        """Whether `sluice replay` sent it."""
        return self.partition_key.startswith(REPLAY_KEY_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Bytes that never became lines; they count as one received event."""

    record: int
    index: int
    partition_key: str
    raw: bytes
    reason: Reason


@dataclass(slots=True)
class Intake:
    """What was read of a batch: `records` of them, from the front."""

    records: int = 0
    payloads: list[Payload] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def take_in(batch: Batch, limits: Limits) -> Intake:
    """Read records from the front until the next would cross a limit; at least one is taken."""
    intake = Intake()
    decoded_bytes = events = 0
    for ordinal, record in enumerate(batch.records):
        payloads, refused = _read(record, ordinal, record.position in batch.masked, limits)
        for payload in payloads:
            decoded_bytes += len(payload.body)
            events += payload.lines
        events += len(refused)
        if ordinal and (decoded_bytes > limits.decoded_bytes_max or events > limits.events_max):
            break
        intake.payloads += payloads
        intake.refused += refused
        intake.records += 1
    return intake


def lost_reason(lost: LostRange) -> Reason:
    """Return the reason of a lost range's one row; an alarm looks for its opening."""
    return Reason(code=f"{LOST}{lost.reason}", detail=f"positions {lost.first} to {lost.last}")


def _read(
    record: Record, ordinal: int, masked: bool, limits: Limits
) -> tuple[list[Payload], list[Refused]]:
    """Return the payloads of one record and what of it could not be read.

    A record that is masked, cannot be split or crosses a limit alone is refused whole: `raw` is
    then what the stream held.
    """
    if masked:
        reason = Reason(code=ReasonCode.MASKED, detail="killed the process each time it was read")
        return [], [_refused(record, ordinal, reason)]
    bare = _bare(record, ordinal, limits)
    if bare is not None:
        return [bare], []
    try:
        return _split(record, ordinal, limits)
    except (NotDeaggregable, NotReadable) as error:
        return [], [_refused(record, ordinal, error.reason)]


def _refused(record: Record, ordinal: int, reason: Reason) -> Refused:
    key, raw = record.partition_key, record.data
    return Refused(record=ordinal, index=0, partition_key=key, raw=raw, reason=reason)


def _bare(record: Record, ordinal: int, limits: Limits) -> Payload | None:
    """Return the payload of a record that is one bare line, as `_split` would; else None.

    With an event a message this is done for every event, so it does no more than it must: what
    opens like an object bears no aggregate's magic, no compression's, and is not blank.
    """
    body = record.data
    size = len(body)
    one_line = body.find(b"\n") in (-1, size - 1)
    if not one_line or not body.startswith(b"{") or size > limits.decoded_bytes_max:
        return None
    key = record.partition_key
    return Payload(record=ordinal, index=0, partition_key=key, body=body, lines=1)


def _split(record: Record, ordinal: int, limits: Limits) -> tuple[list[Payload], list[Refused]]:
    """Return the payloads of one record and its user records that could not be read.

    Raises:
        NotDeaggregable: it cannot be split into user records.
        NotReadable: it crosses a limit alone.
    """
    payloads: list[Payload] = []
    refused: list[Refused] = []
    index, bytes_left = 0, limits.decoded_bytes_max
    replay = record.partition_key.startswith(REPLAY_KEY_PREFIX)
    user_records = deaggregate(record.data, record.partition_key, records_max=limits.events_max)
    for user_record in user_records:
        where = {"record": ordinal, "index": index}
        key = user_record.partition_key
        if replay and not key.startswith(REPLAY_KEY_PREFIX):
            key = REPLAY_KEY_PREFIX + key  # all that a replayed record holds is replayed (T23)
        try:
            body = decompress(user_record.payload, bytes_max=bytes_left)
            lines = _count_lines(body)
        except NotReadable as error:
            if error.reason.code == ReasonCode.TOO_LARGE:
                raise
            raw, reason = user_record.payload, error.reason
            refused.append(Refused(**where, partition_key=key, raw=raw, reason=reason))
            index += 1
        else:
            payloads.append(Payload(**where, partition_key=key, body=body, lines=lines))
            index += lines
            bytes_left = max(bytes_left - len(body), 0)
    if index > limits.events_max:
        detail = f"holds more than {limits.events_max} events"
        raise NotReadable(ReasonCode.TOO_MANY_EVENTS, detail)
    return payloads, refused


def _count_lines(body: bytes) -> int:
    """Return how many lines there are.

    Raises:
        NotReadable: there is nothing but white space.
    """
    if not body or body.isspace():
        raise NotReadable(ReasonCode.EMPTY, "holds no event")
    ends = int(np.count_nonzero(np.frombuffer(body, dtype=np.uint8) == _NEWLINE))
    return ends + (body[-1] != _NEWLINE)

"""The verdict on a pipeline whose history is its stream itself: what became of every id."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pipeline.audit.verdict import Validity, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAccount:
    """Ids of the stream by their fate, and rows of the lake.

    `events` are all that were read, copies by the producer (`copies`) among them; `unreadable` ones
    have no id. Of the distinct ids in the asked range of arrival times, ids = stored + lost +
    in_flight. `outside` are ids that arrived in no asked range. Of the lake's rows, rows = stored +
    surplus_rows + outside_rows + unmatched_rows + rows_without_id: `surplus_rows` are copies beyond
    an id's first row, `unmatched_rows` those whose id the stream does not hold. `duplicated`,
    `altered`, `out_of_order` and `contradictory` count ids, `never_sent` counts ids of unmatched
    rows and is None where the stream may have forgotten them.
    """

    events: int = 0
    copies: int = 0
    unreadable: int = 0
    ids: int = 0
    outside: int = 0
    stored: int = 0
    lost: int = 0
    in_flight: int = 0
    duplicated: int = 0
    altered: int = 0
    out_of_order: int = 0
    contradictory: int = 0
    never_sent: int | None = None
    rows: int = 0
    surplus_rows: int = 0
    outside_rows: int = 0
    unmatched_rows: int = 0
    rows_without_id: int = 0

    def imbalances(self) -> tuple[str, ...]:
        """Return every equation that does not hold, in words; empty when all adds up."""
        fates = self.stored + self.lost + self.in_flight
        rows = self.stored + self.surplus_rows + self.outside_rows
        rows += self.unmatched_rows + self.rows_without_id
        equations = (
            (self.ids == fates, f"{self.ids} ids on the stream, but {fates} have a fate"),
            (self.rows == rows, f"{self.rows} rows in the lake, but {rows} are accounted for"),
        )
        return tuple(
            f"the account does not add up: {said}" for holds, said in equations if not holds
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamExample:
    """One id, and where to look: `place` names positions of the stream and files of the lake."""

    kind: str
    id: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamVerdict:
    """What was found. `doubts` say what keeps the account from being complete.

    A loss, a duplicate or an alteration is certain whatever the doubts, so it makes the verdict
    invalid; without one, a doubt makes it unknown. `checked` and `notes` tell what was looked at.
    """

    stream: str
    account: StreamAccount
    doubts: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    examples: tuple[StreamExample, ...] = ()

    @property
    def violations(self) -> Mapping[Violation, int]:
        """Return what breaks a promise for certain.

        An unreadable event may be the one that a row without a match came from.
        """
        a = self.account
        never_sent = (a.never_sent or 0) if not a.unreadable else 0
        return {
            Violation.LOST: a.lost,
            Violation.DUPLICATED: a.duplicated,
            Violation.ALTERED: a.altered,
            Violation.OUT_OF_ORDER: a.out_of_order,
            Violation.NEVER_SENT: never_sent,
        }

    @property
    def validity(self) -> Validity:
        """Return the verdict's one word."""
        if any(self.violations.values()):
            return Validity.INVALID
        return Validity.UNKNOWN if self.doubts else Validity.VALID

    def to_json(self) -> dict[str, object]:
        """Return the verdict as plain JSON values."""
        return {"validity": self.validity, "violations": self.violations, **asdict(self)}

    def summary(self) -> str:
        """Return the verdict in a few lines for a person."""
        a = self.account
        lines = [
            f"{self.validity.upper()}: stream {self.stream}, {a.ids:,} ids of {a.events:,} events, "
            f"{a.rows:,} rows in the lake",
            f"  stored {a.stored:,} + lost {a.lost:,} + in flight {a.in_flight:,} = {a.ids:,}",
        ]
        lines += [f"  {kind}: {count:,}" for kind, count in self.violations.items() if count]
        lines += [f"    {each.kind}: {each.id} {each.place}" for each in self.examples]
        lines += [f"  unknown because: {doubt}" for doubt in self.doubts]
        lines += [f"  {note}" for note in self.notes]
        lines.append(f"  checked: {', '.join(self.checked) or 'nothing'}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of a stream is asked for; times in milliseconds since the epoch, by arrival.

    Without `until_ms` an id that is not in the lake may still be on its way: if it arrived after
    `settled_ms`, or after all that the lake has of its shard. `is_whole` says that the stream was
    read from its first event ever: only then is a row that it does not hold one that nobody sent.
    """

    stream: str
    settled_ms: int
    since_ms: int | None = None
    until_ms: int | None = None
    is_whole: bool = False
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def doubts_of(account: StreamAccount) -> tuple[str, ...]:
    """Return what keeps an account from being complete, in words that say what to do."""
    said = (
        (
            account.in_flight,
            "at the tail of the stream may still be on the way: wait, or leave them out by --until",
        ),
        (
            account.unreadable,
            "events of the stream could not be read, so nothing is known of them",
        ),
        (
            account.contradictory,
            "ids stand on the stream with differing values: name fields that do not change from "
            "copy to copy with --checksum, or an --id that belongs to one event alone",
        ),
    )
    return tuple(f"{count:,} {what}" for count, what in said if count)


def notes_of(account: StreamAccount) -> tuple[str, ...]:
    """Return what is worth knowing beside the verdict."""
    unmatched = account.unmatched_rows if account.never_sent is None else 0
    said = (
        (account.copies, "copies by the producer on the stream"),
        (account.outside, "ids arrived outside the asked time"),
        (unmatched, "rows of ids that the stream does not hold, or was not asked for"),
        (account.rows_without_id, "rows of the lake without an id"),
    )
    return tuple(f"{count:,} {what}" for count, what in said if count)

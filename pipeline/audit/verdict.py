"""The verdict on a run as data: what became of every event, and where to look."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Validity(StrEnum):
    """Three values, as Jepsen has them: a check that could not be made is never a pass."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Violation(StrEnum):
    """What makes a run invalid, each enough by itself."""

    LOST = "lost"
    DUPLICATED = "duplicated"
    ALTERED = "altered"
    OUT_OF_ORDER = "out_of_order"
    NEVER_SENT = "never_sent"
    STORED_POISON = "stored_poison"
    STORED_AND_QUARANTINED = "stored_and_quarantined"
    QUARANTINED_TWICE = "quarantined_twice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Events of a run by their fate.

    Every sent id has exactly one fate: sent = stored + quarantined + lost + indeterminate +
    refused_absent. The other counts are attributes that stand beside a fate. Counts are of
    distinct ids, but for `rows` (of the lake), `surplus_rows` (copies beyond an id's first),
    `sends` (rows of the history), `quarantine_rows` and `unidentified_rows` (of quarantine).
    """

    sends: int = 0
    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    poison: int = 0
    stored: int = 0
    quarantined: int = 0
    quarantined_poison: int = 0
    quarantined_by_position: int = 0
    lost: int = 0
    indeterminate: int = 0
    refused_absent: int = 0
    refused_stored: int = 0
    unknown_stored: int = 0
    replayed: int = 0
    duplicated: int = 0
    altered: int = 0
    out_of_order: int = 0
    never_sent: int = 0
    stored_poison: int = 0
    stored_and_quarantined: int = 0
    quarantined_twice: int = 0
    rows: int = 0
    surplus_rows: int = 0
    never_sent_rows: int = 0
    quarantine_rows: int = 0
    unidentified_rows: int = 0

    def imbalances(self) -> tuple[str, ...]:
        """Return every equation that does not hold, in words; empty when all adds up."""
        fates = (
            self.stored + self.quarantined + self.lost + self.indeterminate + self.refused_absent
        )
        lake = self.stored + self.surplus_rows + self.never_sent_rows
        answers = self.acknowledged + self.refused + self.unknown
        equations = (
            (self.sent == fates, f"{self.sent} ids sent, but {fates} have a fate"),
            (self.sent == answers, f"{self.sent} ids sent, but {answers} answers"),
            (self.rows == lake, f"{self.rows} rows in the lake, but {lake} are accounted for"),
        )
        return tuple(
            f"The account does not add up: {said}." for holds, said in equations if not holds
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One id that violates a promise, and where to look for it."""

    kind: Violation
    id: str
    table: str | None = None
    file: str | None = None
    position: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the verifier found. `reasons` say why a verdict is unknown; empty for the other two."""

    run: str
    validity: Validity
    account: Account
    reasons: tuple[str, ...] = ()
    violations: Mapping[Violation, int] = field(default_factory=dict)
    quarantined_by_reason: Mapping[str, int] = field(default_factory=dict)
    stored_by_table: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

    @classmethod
    def unknown(cls, run: str, *reasons: str) -> "Verdict":
        """Return the verdict of a check that could not be made."""
        return cls(run=run, validity=Validity.UNKNOWN, account=Account(), reasons=reasons)

    def to_json(self) -> dict[str, object]:
        """Return the verdict as plain JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """Return the verdict in a few lines for a person."""
        a = self.account
        lines = [
            f"{self.validity.upper()}: run {self.run}, {a.sent:,} events sent "
            f"({a.acknowledged:,} acknowledged, {a.unknown:,} unanswered, {a.refused:,} refused)",
            f"  stored {a.stored:,} + quarantined {a.quarantined:,} + lost {a.lost:,}"
            f" + indeterminate {a.indeterminate:,} + refused {a.refused_absent:,} = {a.sent:,}",
        ]
        lines += [f"  unknown because: {reason}" for reason in self.reasons]
        lines += [f"  {kind}: {count:,}" for kind, count in self.violations.items() if count]
        lines += [f"    {_locate(example)}" for example in self.examples[:10]]
        if not self.reasons and not any(self.violations.values()):
            lines.append("  none lost, duplicated, altered or out of order")
        return "\n".join(lines)


def _locate(example: Example) -> str:
    """Return one line that says what is wrong with an id and where it lies."""
    where = f" in {example.file}" if example.file else ""
    where += f" at position {example.position}" if example.position else ""
    return f"{example.kind}: {example.id}{where}{f' ({example.detail})' if example.detail else ''}"

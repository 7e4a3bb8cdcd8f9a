"""Why an event went to quarantine: a code, the field at fault and the cause in words."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOST: Final = "lost: "
"""Opens the reason of a lost range's one row; its cause follows. An alarm counts these rows."""


class ReasonCode(StrEnum):
    """The list of causes; counts and alarms group by it. Rows of `LOST` stand beside it."""

    MASKED = "masked"
    BAD_AGGREGATE = "bad-aggregate"
    BAD_COMPRESSION = "bad-compression"
    TOO_LARGE = "too-large"
    TOO_MANY_EVENTS = "too-many-events"
    TOO_MANY_PARTITIONS = "too-many-partitions"
    EMPTY = "empty"
    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    NOT_AN_OBJECT = "not-an-object"
    TOO_DEEP = "too-deep"
    DUPLICATE_KEY = "duplicate-key"
    UNKNOWN_TABLE = "unknown-table"
    UNKNOWN_FIELD = "unknown-field"
    MISSING_FIELD = "missing-field"
    WRONG_TYPE = "wrong-type"
    OUT_OF_RANGE = "out-of-range"
    NOT_FINITE = "not-finite"
    NOT_ALLOWED = "not-allowed"
    TOO_LONG = "too-long"
    LONE_SURROGATE = "lone-surrogate"
    TIME_OUT_OF_RANGE = "time-out-of-range"
    CONFLICTING_DUPLICATE = "conflicting-duplicate"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One cause; `field` is null where no single field is at fault. `detail` stays short."""

    code: str
    detail: str
    field: str | None = None


def shortened(value: object, characters_max: int = 80) -> str:
    """Return a JSON value as ASCII text of at most `characters_max`, fit for a message."""
    # A deep value would overflow the stack here once more.
    text = ascii(value) if not isinstance(value, dict | list) else f"a {type(value).__name__}"
    return text if len(text) <= characters_max else text[: characters_max - 3] + "..."

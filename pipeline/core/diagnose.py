"""The slow path: one line against one contract, with a reason that names field and cause.

It must say yes to exactly the lines that the bulk path takes (`pipeline.core.decode`); a property
test holds the two together.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Final

from pipeline.core.contract import TYPE_FIELD, Contract, Field
from pipeline.core.lines import LINE_BYTES_MAX
from pipeline.core.reasons import Reason, ReasonCode, shortened

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
TIME_MS_MIN: Final = -62_135_596_800_000
TIME_MS_MAX: Final = 253_402_300_799_999
"""Years 1 to 9999: what dates of Python, Athena and DuckDB can hold."""

_DIGITS_MAX: Final = 400
"""Longer integers overflow every type we have; cutting them keeps the conversion cheap."""
_PYTHON_TYPES: Final = {
    "string": (str,),
    "int64": (int,),
    "timestamp_ms": (int,),
    "float64": (int, float),
    "bool": (bool,),
}
_STRING_OF: Final = rb'"%s"\s*:\s*"([^"\\\x00-\x1f]{1,1024})"'


class _Fault(Exception):
    """Carries a reason out of the parser or a check."""

    def __init__(self, code: ReasonCode, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.reason = Reason(code=code, detail=detail, field=field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a line says of itself, as far as that can be read."""

    table: str | None
    event_id: str | None


def diagnose(line: bytes, contract: Contract, *, arrival_ms: int) -> Reason | None:
    """Return why `line` is no event of `contract`, or None if it is one."""
    try:
        _check(_parse(line), contract, arrival_ms)
    except _Fault as fault:
        return fault.reason
    return None


def read_claims(line: bytes, *, id_field: str) -> Claims:
    """Return the table and the id that `line` claims, from its JSON, else from how it looks."""
    try:
        event = _parse(line)
    except _Fault:
        return Claims(table=_looks_like(line, TYPE_FIELD), event_id=_looks_like(line, id_field))
    return Claims(table=_text(event.get(TYPE_FIELD)), event_id=_text(event.get(id_field)))


def _looks_like(line: bytes, name: str) -> str | None:
    found = re.search(_STRING_OF % re.escape(name.encode()), line)
    return found.group(1).decode("utf-8", "backslashreplace") if found else None


def _text(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > 1024:
        return None
    return value.encode("utf-8", "backslashreplace").decode()


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object of `pairs`; what a repeated key means is left open by RFC 8259, 4."""
    event: dict[str, object] = {}
    for name, value in pairs:
        if name in event:
            raise _Fault(ReasonCode.DUPLICATE_KEY, "key stands twice", shortened(name))
        event[name] = value
    return event


def _parse(line: bytes) -> dict[str, object]:
    """Return the one JSON object on `line`.

    Raises:
        _Fault: it is anything else.
    """
    if not line:
        raise _Fault(ReasonCode.EMPTY, "line is empty")
    if len(line) > LINE_BYTES_MAX:
        raise _Fault(ReasonCode.TOO_LARGE, f"{len(line)} bytes, over {LINE_BYTES_MAX}")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is not UTF-8: {error.reason}"
        raise _Fault(ReasonCode.NOT_UTF8, detail) from None
    if not (text.startswith("{") and text.endswith("}")):
        raise _Fault(ReasonCode.NOT_AN_OBJECT, "line does not open with { and close with }")
    try:
        event = json.loads(
            text, object_pairs_hook=_unique, parse_int=lambda digits: int(digits[:_DIGITS_MAX])
        )
    except RecursionError:
        raise _Fault(ReasonCode.TOO_DEEP, "values are nested too deep") from None
    except json.JSONDecodeError as error:
        raise _Fault(ReasonCode.NOT_JSON, f"{error.msg} at character {error.pos}") from None
    return event  # type: ignore[no-any-return]  # an object, by its braces


def _check(event: dict[str, object], contract: Contract, arrival_ms: int) -> None:
    """Check every rule of the contract, fields in its order.

    Raises:
        _Fault: the first rule that does not hold.
    """
    if event.get(TYPE_FIELD) != contract.table:
        detail = f"expected {contract.table!r}, got {shortened(event.get(TYPE_FIELD))}"
        raise _Fault(ReasonCode.UNKNOWN_TABLE, detail, TYPE_FIELD)
    names = {field.name for field in contract.fields}
    for name in event:
        if name not in names:
            raise _Fault(ReasonCode.UNKNOWN_FIELD, "contract has no such field", shortened(name))
    for field in contract.fields:
        value = event.get(field.name)
        if value is not None:
            _check_value(value, field)
        elif field.required:
            raise _Fault(ReasonCode.MISSING_FIELD, "is required", field.name)
    event_time = event[contract.event_time_field]
    assert isinstance(event_time, int)
    if not -contract.past_ms_max <= event_time - arrival_ms <= contract.future_ms_max:
        detail = f"{event_time} is out of reach of its arrival at {arrival_ms}"
        raise _Fault(ReasonCode.TIME_OUT_OF_RANGE, detail, contract.event_time_field)


def _check_value(value: object, field: Field) -> None:
    """Check one value that is there.

    Raises:
        _Fault: its type or a bound is broken.
    """
    if type(value) not in _PYTHON_TYPES[field.type]:
        detail = f"expected {field.type}, got {type(value).__name__} {shortened(value)}"
        raise _Fault(ReasonCode.WRONG_TYPE, detail, field.name)
    if isinstance(value, str):
        _check_text(value, field)
    elif not isinstance(value, bool):
        assert isinstance(value, int | float)
        _check_number(value, field)


def _check_text(value: str, field: Field) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        detail = "escapes half of a surrogate pair"
        raise _Fault(ReasonCode.LONE_SURROGATE, detail, field.name) from None
    if size > field.max_bytes:
        detail = f"{size} bytes, over {field.max_bytes}"
        raise _Fault(ReasonCode.TOO_LONG, detail, field.name)
    if field.one_of and value not in field.one_of:
        detail = f"{shortened(value)} is none of {', '.join(field.one_of)}"
        raise _Fault(ReasonCode.NOT_ALLOWED, detail, field.name)


def _check_number(value: float, field: Field) -> None:
    low, high = bounds(field)
    if field.type == "float64" and not _is_finite(value):
        raise _Fault(ReasonCode.NOT_FINITE, f"{shortened(value)} is no finite number", field.name)
    if not low <= value <= high:
        detail = f"{shortened(value)} is not within {low} to {high}"
        raise _Fault(ReasonCode.OUT_OF_RANGE, detail, field.name)


def bounds(field: Field) -> tuple[float, float]:
    """Return the inclusive bounds of a number: the contract's within the type's."""
    low, high = {
        "int64": (INT64_MIN, INT64_MAX),
        "timestamp_ms": (TIME_MS_MIN, TIME_MS_MAX),
        "float64": (-math.inf, math.inf),
    }[field.type]
    return (
        low if field.minimum is None else max(low, field.minimum),
        high if field.maximum is None else min(high, field.maximum),
    )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False

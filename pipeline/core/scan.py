"""The fast path: events in canonical form, read without a JSON parser, all lines at once.

Canonical is what `json.dumps` writes of an event: the contract's fields in its order, optional ones
left out or null, no white space or one blank after each comma and colon, no escapes, integers of at
most 16 digits. Such a line is valid JSON, proven byte by byte while it is read; every other line is
left to Arrow's reader (`pipeline.core.decode`). A property test holds the two together.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa

from pipeline.core import words
from pipeline.core.contract import TYPE_FIELD, Contract, Field
from pipeline.core.cursor import WORDS_AHEAD, Cursor, Values
from pipeline.core.lines import PAD_BYTES, Ints, Lines, Mask

_STYLES: Final = ((b",", b":"), (b", ", b": "))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """The chosen lines that were canonical, rising, and a row for each.

    A string column is a dictionary where its values are short and repeat themselves.
    """

    line: Ints
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class _Step:
    """Text that must stand there, then the value of `field`, if any."""

    text: bytes
    field: Field | None


def scan(lines: Lines, contract: Contract, chosen: Ints) -> Scanned | None:
    """Read the canonical ones among the chosen lines, all of them UTF-8; None if there are none."""
    first = lines.line(int(chosen[0]))
    for style in range(len(_STYLES)):
        steps = _plan(contract, style)
        if not steps or not first.startswith(steps[0].text):
            continue
        cursor = Cursor(lines.buffer, lines.start[chosen], np.ones(len(chosen), np.bool_))
        values = []
        for step in steps:
            if step.field is None:
                cursor.expect(step.text)
            else:
                values.append(cursor.read(step.text, step.field))
        good = cursor.good & (cursor.at == lines.end[chosen])
        columns = {TYPE_FIELD: _constant(contract.table, int(good.sum()))}
        columns |= {
            each.field.name: _column(
                each, lines.buffer, good, repeats=each.field.name != contract.id_field
            )
            for each in values
        }
        rows = pa.table({each.name: columns[each.name] for each in contract.fields})
        return Scanned(line=chosen[good], rows=rows) if rows.num_rows else None
    return None


@cache
def _plan(contract: Contract, style: int) -> tuple[_Step, ...]:
    """Return the steps through an event in one style; none if the contract has no canonical form.

    It has one if the table's name comes first, no field is a fraction, and no name is huge.
    """
    comma, colon = _STYLES[style]
    fields = contract.fields
    if fields[0].name != TYPE_FIELD or any(each.type not in WORDS_AHEAD for each in fields):
        return ()
    text = b'{"%s"%s"%s"' % (TYPE_FIELD.encode(), colon, contract.table.encode())
    steps = []
    for each in fields[1:]:
        name = b'%s"%s"%s' % (comma, each.name.encode(), colon)
        if each.required:
            name, text = text + name, b""
        elif text:
            steps.append(_Step(text, None))
            text = b""
        steps.append(_Step(name, each))
    steps.append(_Step(text + b"}", None))
    widest = max(len(step.text) for step in steps) + 8 * max(WORDS_AHEAD.values()) + 1
    return tuple(steps) if widest <= PAD_BYTES else ()


def _constant(value: str, rows: int) -> pa.DictionaryArray:
    indices = pa.array(np.zeros(rows, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([value], pa.string()))


def _column(values: Values, buffer: bytes, good: Mask, *, repeats: bool) -> pa.Array:
    """Return the good lines' values as a column; `repeats` says whether strings may."""
    chosen = slice(None) if good.all() else np.flatnonzero(good)
    present = values.present[chosen]
    absent = None if values.field.required or present.all() else ~present
    if values.numbers is not None:
        return pa.array(values.numbers[chosen], mask=absent)
    assert values.start is not None
    assert values.word is not None
    start, length = values.start[chosen], values.length[chosen] - 2
    if absent is not None:
        length[absent] = 0
    if repeats and int(length.max(initial=0)) <= 8:
        short = pa.array(words.leading(values.word[chosen], length), mask=absent)
        short = short.dictionary_encode()
        if 2 * len(short.dictionary) <= len(start) or len(start) < 2:
            texts = pa.array(short.dictionary.to_numpy().astype("<u8").view("S8"))
            return pa.DictionaryArray.from_arrays(short.indices, texts.cast(pa.string()))
    return _slices(buffer, start, length, absent)


def _slices(buffer: bytes, start: Ints, length: Ints, absent: Mask | None) -> pa.Array:
    """Return the spans of `buffer`, rising, as strings.

    Spans and the gaps between them make one array of strings without a copy; every second is taken.
    """
    if not len(start):
        return pa.array([], pa.string())
    bounds = np.empty(2 * len(start), dtype=np.int32)
    bounds[0::2] = start
    np.add(start, length, out=bounds[1::2], casting="unsafe")
    texts = pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(buffer))
    return texts.take(pa.array(np.arange(0, len(bounds), 2), mask=absent))

"""Writes the history of one producer: what it meant to send, when, and what became of it."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import parquet

from loadtests.scripts import Rendered
from pipeline.audit.history import HISTORY_SCHEMA, Answer

FOLDER: Final = "history"
ROWS_PER_FILE: Final = 65_536
_NO_TIME: Final = -1
_ANSWERS: Final = tuple(Answer)


class _Rows:
    """The rows of one file, by sequence from `first`; an unanswered one is unknown."""

    def __init__(self, first: int, rows_max: int) -> None:
        self.first = first
        self.unanswered = rows_max
        self.ids: list[str] = []
        self.keys: list[str] = []
        self.intended_us = np.zeros(rows_max, np.int64)
        self.sent_us = np.full(rows_max, _NO_TIME, np.int64)
        self.answered_us = np.full(rows_max, _NO_TIME, np.int64)
        self.checksum = np.zeros(rows_max, np.uint64)
        self.poison = np.zeros(rows_max, np.bool_)
        self.answer = np.full(rows_max, _ANSWERS.index(Answer.UNKNOWN), np.int8)

    def table(self, table: str, producer: str) -> pa.Table:
        """Return the rows in `HISTORY_SCHEMA`."""
        rows = len(self.ids)
        answers = pa.array([str(answer) for answer in _ANSWERS])
        return pa.table(
            {
                "table": pa.repeat(table, rows),
                "id": self.ids,
                "producer": pa.repeat(producer, rows),
                "key": self.keys,
                "sequence": pa.array(np.arange(self.first, self.first + rows)),
                "intended_us": pa.array(self.intended_us[:rows]),
                "sent_us": _times(self.sent_us[:rows]),
                "answered_us": _times(self.answered_us[:rows]),
                "answer": answers.take(self.answer[:rows]),
                "checksum": pa.array(self.checksum[:rows]),
                "poison": pa.array(self.poison[:rows]),
            },
            schema=HISTORY_SCHEMA,
        )


class History:
    """The history of a producer with dense sequences from 0, rolled into files of whole rows.

    A file appears, complete and under its name, once all its rows are answered. Rows that wait for
    their answers are in memory: a killed process takes them along, and the verifier then finds ids
    that were never sent and says so. Thread-safe.
    """

    def __init__(
        self, load: Path, *, table: str, producer: str, rows_per_file: int = ROWS_PER_FILE
    ) -> None:
        self._folder = load / FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        self._table, self._producer = table, producer
        self._rows_per_file = rows_per_file
        self._open: dict[int, _Rows] = {}
        self._lock = threading.Lock()
        self.sent = 0
        self.answers = dict.fromkeys(Answer, 0)

    def add(
        self,
        rendered: Rendered,
        intended_us: npt.NDArray[np.int64],
        poison: Sequence[int] = (),
    ) -> None:
        """Note the next events before the producer gets them; `poison` are places in them."""
        with self._lock:
            taken, total = 0, len(rendered.ids)
            while taken < total:
                number, row = divmod(self.sent, self._rows_per_file)
                if number not in self._open:
                    self._open[number] = _Rows(self.sent, self._rows_per_file)
                rows = self._open[number]
                count = min(total - taken, self._rows_per_file - row)
                here, there = slice(row, row + count), slice(taken, taken + count)
                rows.ids += rendered.ids[there]
                rows.keys += rendered.keys[there]
                rows.intended_us[here] = intended_us[there]
                rows.checksum[here] = rendered.checksums[there]
                rows.poison[[row + p - taken for p in poison if taken <= p < taken + count]] = True
                taken += count
                self.sent += count

    def answered(
        self,
        sequences: npt.NDArray[np.int64],
        answer: Answer,
        *,
        sent_us: int | None,
        answered_us: int,
    ) -> float:
        """Note the answer of events; return the seconds since the first of them was due."""
        waited_us = 0
        with self._lock:
            numbers, rows_of = np.divmod(sequences, self._rows_per_file)
            for number in np.unique(numbers).tolist():
                rows, here = self._open[number], rows_of[numbers == number]
                rows.answer[here] = _ANSWERS.index(answer)
                rows.answered_us[here] = answered_us
                rows.sent_us[here] = _NO_TIME if sent_us is None else sent_us
                waited_us = max(waited_us, answered_us - int(rows.intended_us[here].min()))
                rows.unanswered -= len(here)
                if rows.unanswered == 0:
                    self._write(number)
            self.answers[answer] += len(sequences)
        return waited_us / 1_000_000

    def close(self) -> None:
        """Write the rest; what has no answer stays unknown."""
        with self._lock:
            for number in sorted(self._open):
                self._write(number)

    def _write(self, number: int) -> None:
        """Write one file; its name appears last, so a reader never meets half of it."""
        table = self._open.pop(number).table(self._table, self._producer)
        path = self._folder / f"{self._producer}-{number}.parquet"
        partial = path.with_suffix(".partial")
        parquet.write_table(table, partial, compression="zstd")
        partial.replace(path)


def _times(values: npt.NDArray[np.int64]) -> pa.Int64Array:
    return pa.array(values, pa.int64(), mask=values == _NO_TIME)

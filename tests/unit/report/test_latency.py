"""Latency runs from the intended send to the publication of the file that holds the row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.latency import SLICES_MAX, Latency, distribution, measure, slice_of
from pipeline.audit.history import HISTORY_SCHEMA
from pipeline.audit.relations import Inputs
from pipeline.core.schema import table_schema
from pipeline.domain.contracts import CONTRACTS, PLANE_CHANGES
from pipeline.errors import OperatingError
from pipeline.sinks.lake_reader import Publication

T0 = 1_790_000_000_000
FIRST = str(10**55)


def history_row(number: int, **changes: Any) -> dict[str, Any]:
    """Events are meant to go every 10 ms, leave at once and are answered 5 ms later."""
    intended_us = (T0 + 10 * number) * 1_000
    row = {
        "table": "plane_changes",
        "id": f"r1-p0-{number}",
        "producer": "p0",
        "key": "N1",
        "sequence": number,
        "intended_us": intended_us,
        "sent_us": intended_us,
        "answered_us": intended_us + 5_000,
        "answer": "acknowledged",
        "checksum": 0,
        "poison": False,
    }
    return row | changes


def lake_row(number: int) -> dict[str, Any]:
    schema = table_schema(PLANE_CHANGES)
    blanks: dict[Any, Any] = {pa.string(): "", pa.int64(): 0}
    row = {field.name: blanks.get(field.type, T0) for field in schema}
    return row | {"id": f"r1-p0-{number}", "_position": FIRST}


def write(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


Measure = Callable[..., Latency]


@pytest.fixture
def measured(tmp_path: Path) -> Measure:
    """A hundred events in two files of fifty, of which the second is published 2 s later."""
    schema = table_schema(PLANE_CHANGES)
    files = tuple(
        write(
            tmp_path / f"lake/plane_changes/s0-{place}.parquet",
            [lake_row(number) for number in range(50 * place, 50 * place + 50)],
            schema,
        )
        for place in range(2)
    )

    def run(
        published: dict[str, int] | None = None, history: list[dict[str, Any]] | None = None
    ) -> Latency:
        rows = [history_row(number) for number in range(100)] if history is None else history
        path = write(tmp_path / "history/p0-0.parquet", rows, HISTORY_SCHEMA)
        inputs = Inputs(run="r1", history=(path,), lake={"plane_changes": files}, quarantine=())
        marks = {"0": T0 + 1_000, "1": T0 + 3_000} if published is None else published
        publications = [
            Publication(shard="s0", first=first, published_ms=at) for first, at in marks.items()
        ]
        return measure(inputs, CONTRACTS, publications, spill=tmp_path)

    return run


def test_every_row_waits_until_its_file_is_published(measured: Measure) -> None:
    latency = measured()
    assert latency.overall is not None
    assert latency.overall.count == 100
    # The first event of the second file was due at 500 ms and seen at 3,000 ms.
    assert latency.overall.max_ms == 2_500
    assert latency.overall.mean_ms == pytest.approx((1_000 - 245 + 3_000 - 745) / 2)
    assert latency.unmeasured == 0
    assert latency.by_table["plane_changes"].count == 100


def test_a_stalled_sender_does_not_hide_its_stall(measured: Measure) -> None:
    late = [
        history_row(number, sent_us=(T0 + 990) * 1_000, answered_us=(T0 + 995) * 1_000)
        for number in range(100)
    ]
    stalled, prompt = measured(history=late), measured()
    assert stalled.overall == prompt.overall


def test_a_file_that_the_journal_does_not_know_is_unmeasured(measured: Measure) -> None:
    latency = measured({"0": T0 + 1_000})
    assert latency.unmeasured == 50
    assert latency.overall is not None
    assert latency.overall.count == 50


def test_publications_of_other_runs_stretch_nothing(measured: Measure) -> None:
    latency = measured({"0": T0 + 1_000, "1": T0 + 3_000, "77": T0 + 10**9})
    assert latency.slice_ms == 1_000


def test_slices_count_what_was_due_answered_and_published_in_them(measured: Measure) -> None:
    latency = measured()
    assert latency.slice_ms == 1_000
    assert [part.intended for part in latency.slices] == [100, 0, 0, 0]
    assert sum(part.acknowledged for part in latency.slices) == 100
    stored = {(part.start_ms - T0): part.stored for part in latency.slices if part.stored}
    assert stored == {1_000: 50, 3_000: 50}
    first = latency.slices[0].latency
    assert first is not None
    assert first.max_ms == 2_500
    assert latency.slices[-1].latency is None


def test_the_send_rate_is_what_was_acknowledged_over_the_time_it_took(measured: Measure) -> None:
    assert measured().send_rate == pytest.approx(100 / 0.99, abs=0.001)
    refused = [history_row(number, answer="refused") for number in range(100)]
    assert measured(history=refused).send_rate == 0


def test_without_a_history_there_is_no_latency(measured: Measure, tmp_path: Path) -> None:
    with pytest.raises(OperatingError, match="it is empty"):
        measured(history=[])
    nothing = Inputs(run="r1", history=(), lake={}, quarantine=())
    with pytest.raises(OperatingError, match="there is none"):
        measure(nothing, CONTRACTS, [], spill=tmp_path)


@given(st.integers(0, 10**9))
def test_slices_are_few_and_as_short_as_that_allows(duration_ms: int) -> None:
    slice_ms = slice_of(duration_ms)
    assert duration_ms <= slice_ms * SLICES_MAX or slice_ms == 3_600_000


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=200))
def test_percentiles_are_within_a_thousandth_of_the_truth(values: list[int]) -> None:
    found = distribution([(value, 1) for value in values], plotted=True)
    ordered = sorted(values)
    assert found.max_ms == ordered[-1]
    exact = ordered[(len(ordered) * 50 + 99) // 100 - 1]
    assert exact <= found.p50_ms <= exact * 1.001 + 1
    curve = [milliseconds for _, milliseconds in found.percentiles]
    assert curve == sorted(curve)

"""A part of a load under way: nothing is left out when the stream stalls, and lateness shows."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from loadtests.plan import Plan
from loadtests.progress import Progress, ProgressFile, State
from loadtests.sending import EVENTS_PER_STEP_MAX, Sending
from pipeline.audit.history import Answer
from pipeline.producer.answers import BufferFull
from pipeline.producer.kinesis import KinesisTransport
from pipeline.producer.settings import ProducerSettings
from pipeline.sources.connections import KinesisConnection
from tests.waiting import until

START_US = 1_795_000_000_000_000
SETTINGS = ProducerSettings(linger_ms=1, put_seconds_max=0.05, buffer_bytes_max=200_000)


class GatedStream:
    """A Kinesis client in memory that answers while its gate is open."""

    meta = SimpleNamespace(config=SimpleNamespace(retries={"total_max_attempts": 1}))

    def __init__(self) -> None:
        self.gate = threading.Event()

    def put_records(self, *, StreamName: str, Records: list[Any]) -> dict[str, Any]:  # noqa: N803
        assert self.gate.wait(120)
        return {"Records": [{} for _ in Records]}


@pytest.fixture
def stream() -> Iterator[GatedStream]:
    gated = GatedStream()
    gated.gate.set()
    yield gated
    gated.gate.set()


@pytest.fixture
def sending(stream: GatedStream, tmp_path: Path) -> Iterator[Callable[..., Sending]]:
    started: list[Sending] = []

    def start(**given: Any) -> Sending:
        connection = KinesisConnection(stream="s")
        plan = Plan.of(run="r", connection=connection, settings=SETTINGS, **given)
        client: Any = stream
        started.append(
            Sending(plan, plan.parts[0], tmp_path, KinesisTransport(client, "s"), lambda *_: None)
        )
        started[0].start_us = START_US
        return started[0]

    yield start
    stream.gate.set()
    started[0].close(10)


def history(folder: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(p) for p in (folder / "history").glob("*.parquet"))


def test_a_step_sends_what_is_due_and_no_more(sending: Callable[..., Sending]) -> None:
    one = sending(rate=1_000, events=5_000)
    one.step(START_US - 1)
    assert one.progress(START_US, State.RUNNING).sent == 0
    one.step(START_US + 1_000_000)
    after_a_second = one.progress(START_US + 1_000_000, State.RUNNING)
    assert after_a_second.sent == after_a_second.due
    assert 1_000 <= after_a_second.sent <= 1_000 + len(one.sources)
    assert not one.finished


def test_events_that_could_not_leave_in_time_leave_later_with_their_own_due_times(
    sending: Callable[..., Sending], tmp_path: Path
) -> None:
    one = sending(rate=10_000, events=10_000)
    steps = 0
    while not one.finished:
        assert one.step(START_US + 60_000_000) <= 2 * EVENTS_PER_STEP_MAX
        steps += 1
    one.close(60)
    assert steps > 1
    rows = history(tmp_path)
    assert rows.num_rows == 10_000
    departures = rows.filter(pc.equal(rows["table"], "departures")).sort_by("sequence")
    late_us = pc.subtract(departures["intended_us"], START_US).to_numpy()
    assert late_us[0] == 0
    assert late_us[-1] == pytest.approx(1_000_000, rel=0.01)
    assert pc.unique(rows["answer"]).to_pylist() == ["acknowledged"]


def test_a_stream_that_stalls_holds_the_load_up_and_loses_nothing_of_it(
    sending: Callable[..., Sending], stream: GatedStream, tmp_path: Path
) -> None:
    stream.gate.clear()
    one = sending(rate=10_000, events=5_000)
    done = threading.Event()

    def load() -> None:
        while not one.finished:
            one.step(START_US + 60_000_000)
        done.set()

    threading.Thread(target=load, daemon=True).start()
    assert not done.wait(0.2), "the bounded buffer did not slow the load"
    stream.gate.set()
    assert done.wait(60)
    one.close(60)
    rows = history(tmp_path)
    assert rows.num_rows == 5_000
    assert pc.unique(rows["answer"]).to_pylist() == ["acknowledged"]


def test_a_load_is_not_finished_while_its_last_events_wait_for_room(
    sending: Callable[..., Sending], stream: GatedStream
) -> None:
    stream.gate.clear()
    one = sending(rate=1_000, events=2_000)

    def load() -> None:
        while not one.finished:
            one.step(START_US + 60_000_000)

    loading = threading.Thread(target=load, daemon=True)
    loading.start()
    until(lambda: one.progress(START_US, State.RUNNING).sent == 2_000)
    assert not one.finished
    stream.gate.set()
    loading.join(60)
    assert one.finished


def test_what_a_stopped_load_could_not_hand_over_is_refused_in_its_history(
    sending: Callable[..., Sending], stream: GatedStream, tmp_path: Path
) -> None:
    stream.gate.clear()
    one = sending(rate=10_000, events=5_000)
    one.stopping = True

    def load() -> None:
        while not one.finished:
            one.step(START_US + 60_000_000)

    with pytest.raises(BufferFull):
        load()
    stream.gate.set()
    one.close(60)
    rows = history(tmp_path)
    counts = {a["values"]: a["counts"] for a in pc.value_counts(rows["answer"]).to_pylist()}
    assert counts.keys() == {Answer.ACKNOWLEDGED, Answer.REFUSED}
    refused = rows.filter(pc.equal(rows["answer"], "refused"))
    assert refused["sent_us"].null_count == refused.num_rows


def test_poison_is_marked_in_the_history(sending: Callable[..., Sending], tmp_path: Path) -> None:
    one = sending(rate=1_000, events=1_000, poison=3)
    while not one.finished:
        one.step(START_US + 60_000_000)
    one.close(60)
    rows = history(tmp_path)
    assert pc.sum(rows["poison"]).as_py() == 3


def test_progress_is_read_as_the_last_whole_line_and_added_up(tmp_path: Path) -> None:
    files = [ProgressFile(tmp_path, name) for name in ("a", "b")]
    assert files[0].last() is None
    for number, file in enumerate(files):
        for sent in range(100):
            state = State.RUNNING if number else State.FINISHED
            file.append(Progress(part=file.part, state=state, at_us=sent, sent=sent))
    with (tmp_path / "progress" / "a.jsonl").open("ab") as half:
        half.write(b'{"part":"a","sta')
    parts = [progress for file in files if (progress := file.last())]
    assert [progress.sent for progress in parts] == [99, 99]
    total = Progress.total(parts)
    assert (total.sent, total.at_us, total.state) == (198, 99, State.RUNNING)

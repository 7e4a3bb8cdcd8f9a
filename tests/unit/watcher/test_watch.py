"""A watcher's life: each part by itself, told once, and an end in good order."""

import io
import json
import logging
import threading
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import metrics
from pipeline.consumer.pool import ThreadPool
from pipeline.consumer.wiring import monotonic_ms
from pipeline.errors import BrokenInvariant, OperatingError, UserError
from pipeline.metric_log import MetricLog
from pipeline.probe import Found, Part
from pipeline.testing.pool import ScriptedPool
from pipeline.watcher.watch import Watch

PERIOD_MS = 60_000
SILENCE_MS_MAX = 300_000
NAMES = {
    "brokers": metrics.BROKERS_MISSING,
    "copies": metrics.UNDER_REPLICATED,
    "oldest": metrics.OLDEST_MS,
    "lag": metrics.STREAM_LAG,
    "seen": metrics.CANARY_MS,
}


class Hangs(BaseException):
    """Comes out of the pool, so that the job never ends."""


def fate(name: str, kind: str) -> Part:
    """Return a part that ends in one of the ways in which parts end."""
    values: dict[metrics.Metric, metrics.Value] = {NAMES[name]: 7}

    def part() -> Found:
        match kind:
            case "finds":
                return Found(values=values)
            case "finds half":
                return Found(values=values, trouble=OperatingError(f"{name}: half"))
            case "trouble":
                raise OperatingError(f"{name} is away")
            case "defect":
                raise KeyError(name)
            case "hangs":
                raise Hangs
        raise AssertionError(kind)

    return part


KINDS = ("finds", "finds half", "trouble", "defect", "hangs")


class Life:
    """A watch on scripted parts, with a clock that the test moves."""

    def __init__(self, parts: Mapping[str, Part], *, period_ms: int = PERIOD_MS) -> None:
        self.now_ms = 0
        self.out = io.StringIO()
        self.pool = ScriptedPool()
        self.watch = Watch(
            parts,
            metric_log=MetricLog(
                namespace="Sluice", stream="s", clock_ms=lambda: self.now_ms, log=self.out
            ),
            pool=self.pool,
            period_ms=period_ms,
            silence_ms_max=SILENCE_MS_MAX,
            grace_ms=1_000,
            clock_ms=lambda: self.now_ms,
        )

    def run_jobs(self) -> None:
        while len(self.pool):
            try:
                self.pool.run()
            except Hangs:
                continue

    def look(self, *, later_ms: int = 0) -> None:
        """Start what is due, run it as far as it goes, and write what was found."""
        self.now_ms += later_ms
        self.watch.step()
        self.run_jobs()
        self.watch.step()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]

    def written(self, name: str) -> int:
        return sum(NAMES[name].name in line for line in self.lines)


@given(st.fixed_dictionaries({name: st.sampled_from(KINDS) for name in NAMES}))
def test_whatever_becomes_of_a_part_what_the_others_find_is_written(kinds: dict[str, str]) -> None:
    life = Life({name: fate(name, kind) for name, kind in kinds.items()})
    life.look()
    for name, kind in kinds.items():
        assert life.written(name) == (1 if kind.startswith("finds") else 0)


@given(st.lists(st.fixed_dictionaries({name: st.sampled_from(KINDS[:3]) for name in NAMES})))
def test_a_part_is_tried_in_every_period_whatever_it_met_before(
    periods: list[dict[str, str]],
) -> None:
    now: dict[str, str] = {}
    life = Life({name: (lambda name=name: fate(name, now[name])()) for name in NAMES})
    for kinds in periods:
        now.update(kinds)
        life.look(later_ms=PERIOD_MS)
    for name in NAMES:
        found = sum(kinds[name].startswith("finds") for kinds in periods)
        assert life.written(name) == found


def test_a_part_that_is_under_way_is_not_started_beside_itself() -> None:
    started = []

    def hangs() -> Found:
        started.append(1)
        raise Hangs

    life = Life({"lag": hangs, "oldest": fate("oldest", "finds")})
    for _ in range(4):
        life.look(later_ms=PERIOD_MS)
    assert len(started) == 1
    assert life.written("oldest") == 4


def test_periods_that_were_slept_through_are_not_made_up_for() -> None:
    life = Life({"oldest": fate("oldest", "finds")})
    life.look()
    life.look(later_ms=10 * PERIOD_MS + 1)
    life.look(later_ms=PERIOD_MS - 2)
    assert life.written("oldest") == 2
    life.look(later_ms=1)
    assert life.written("oldest") == 3


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.levelname} {record.message}" for record in caplog.records]


def test_a_trouble_is_told_once_and_again_when_it_is_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="sluice.watcher")
    troubles = ["a", "a", "b", "b", None, None, "b"]

    def part() -> Found:
        trouble = troubles.pop(0)
        return Found(trouble=None if trouble is None else OperatingError(trouble))

    life = Life({"brokers": part})
    for _ in range(7):
        life.look(later_ms=PERIOD_MS)
    assert said(caplog) == [
        "WARNING brokers: a",
        "WARNING brokers: b",
        "INFO brokers: well again",
        "WARNING brokers: b",
    ]


def test_one_cause_that_several_parts_meet_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    def refused() -> Found:
        raise OperatingError("it refuses the token")

    life = Life({"oldest": refused, "lag": refused})
    life.look()
    life.look(later_ms=PERIOD_MS)
    assert caplog.messages == ["oldest: it refuses the token"]


@pytest.mark.parametrize("error", [BrokenInvariant("x"), KeyError("x"), UserError("x")])
def test_what_no_retry_cures_ends_the_watch_once_the_others_have_ended(error: Exception) -> None:
    def defect() -> Found:
        raise error

    life = Life({"brokers": defect, "oldest": fate("oldest", "finds")})
    life.watch.step()
    life.pool._jobs.popleft()()
    with pytest.raises(type(error), match="x"):
        life.watch.run(threading.Event())
    assert life.written("oldest") == 1


def test_what_is_under_way_at_the_end_has_its_grace() -> None:
    life = Life({"oldest": fate("oldest", "finds")})
    life.watch.step()
    stop = threading.Event()
    stop.set()
    life.watch.run(stop)
    assert life.written("oldest") == 1


def test_what_outlives_its_grace_is_left_alone() -> None:
    life = Life({"oldest": fate("oldest", "finds")})
    life.watch.step()
    life.pool.stuck = True
    stop = threading.Event()
    stop.set()
    life.watch.run(stop)
    assert life.lines == []


def test_a_part_that_never_ends_is_ill_health_and_is_named() -> None:
    life = Life({"lag": fate("lag", "hangs"), "oldest": fate("oldest", "finds")})
    while life.now_ms < SILENCE_MS_MAX:
        life.look(later_ms=PERIOD_MS)
        assert life.watch.health().healthy
    life.look(later_ms=PERIOD_MS)
    health = life.watch.health()
    assert not health.healthy
    assert health.document["reasons"] == ["lag has not ended for 360 s, over 300 s"]


def test_a_watcher_that_seldom_looks_is_not_ill_between_two_looks() -> None:
    life = Life({"oldest": fate("oldest", "finds")}, period_ms=2 * SILENCE_MS_MAX)
    life.look()
    life.now_ms += 2 * SILENCE_MS_MAX - 1
    assert life.watch.health().healthy


def test_a_broker_that_is_away_is_no_ill_health() -> None:
    life = Life({"brokers": fate("brokers", "trouble")})
    for _ in range(10):
        life.look(later_ms=PERIOD_MS)
    health = life.watch.health()
    assert health.healthy
    assert health.document["parts"]["brokers"]["trouble"] == "brokers is away"


def test_on_real_threads_a_part_that_hangs_keeps_neither_the_others_nor_the_end() -> None:
    never, stop, found = threading.Event(), threading.Event(), threading.Semaphore(0)

    def hangs() -> Found:
        never.wait()
        return Found()

    def finds() -> Found:
        found.release()
        return Found(values={metrics.OLDEST_MS: 7})

    out = io.StringIO()
    with closing(ThreadPool(2)) as pool:
        watch = Watch(
            {"lag": hangs, "oldest": finds},
            metric_log=MetricLog(namespace="Sluice", stream="s", clock_ms=lambda: 0, log=out),
            pool=pool,
            period_ms=1,
            silence_ms_max=SILENCE_MS_MAX,
            grace_ms=1,
            clock_ms=monotonic_ms,
        )
        life = threading.Thread(target=watch.run, args=(stop,))
        life.start()
        assert all(found.acquire(timeout=30) for _ in range(3))
        stop.set()
        life.join(timeout=30)
        assert not life.is_alive()
        never.set()
    assert len(out.getvalue().splitlines()) >= 2

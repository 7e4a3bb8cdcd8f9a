"""A worker's life around its loop: sweeps, figures, health, and its end."""

import gc
import io
import json
import threading
import urllib.error
import urllib.request
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline import metrics
from pipeline.consumer.endpoint import Endpoint
from pipeline.consumer.gauges import Gauges
from pipeline.consumer.health import HealthRules
from pipeline.consumer.service import Periods, Service
from pipeline.errors import OperatingError, UserError
from pipeline.metric_log import MetricLog

RULES = HealthRules(age_ms_max=60_000, silence_ms_max=30_000)


class Life:
    """A service on a process of the world, and what it wrote."""

    def __init__(self, world: Any) -> None:
        self.process = world.process()
        self.log = io.StringIO()
        self.gauges: Gauges = self.process.gauges
        self.service = Service(
            loop=self.process.loop,
            takes=self.process.takes,
            pool=self.process.pool,
            gauges=self.gauges,
            metric_log=MetricLog(
                namespace="Sluice", stream="s", clock_ms=world.simulation.clock, log=self.log
            ),
            lag=lambda shard, after: self.process.subscription.lag(shard, after=after),
            periods=Periods(sweep_ms=200_000, report_ms=10_000),
            health=RULES,
            clock_ms=world.simulation.clock,
            chance=lambda: 0.5,
        )
        self.clock = world.simulation.clock

    def live(self, *, seconds: float) -> None:
        """Let the service run for so long by the world's clock, all jobs at once."""
        end_ms = self.clock() + seconds * 1000
        life = self

        class Stop(threading.Event):
            def is_set(self) -> bool:
                life.process.pool.run()
                life.clock.advance(100)
                return bool(life.clock() >= end_ms)

        self.service.run(Stop())

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def life(world: Any) -> Life:
    return Life(world)


def test_the_figures_are_those_of_the_catalogue(life: Life, world: Any) -> None:
    life.process.subscription.assign(world.shard)
    world.put("a", "b")
    life.live(seconds=15)

    declared = {
        (metric["Name"], metric["Unit"])
        for line in life.lines()
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }
    of_worker = {(m.name, m.unit) for m in metrics.CATALOGUE if m.origin == "worker"}
    assert of_worker <= declared
    assert sum(line.get("EventsStored", 0) for line in life.lines()) == 2
    assert b'sluice_events_total{fate="stored"} 2.0' in life.gauges.text()


def test_a_sweep_finishes_what_no_batch_will(life: Life, world: Any) -> None:
    shard = world.simulation.stream.open("s9")
    world.put("a", shard=shard)

    life.live(seconds=500)

    assert world.committed(shard) is not None
    world.simulation.settle()


def test_a_backlog_is_no_ill_health_but_a_record_that_is_not_taken_is(
    life: Life, world: Any
) -> None:
    world.put("old")
    life.clock.advance(3_600_000)
    life.process.subscription.assign(world.shard)
    life.process.go(rounds=5)
    assert life.service.health().healthy
    world.put("b")
    life.process.go(rounds=3, jobs=False)
    for _ in range(7):
        life.clock.advance(10_000)
        life.process.go(jobs=False)

    health = life.service.health()

    assert not health.healthy
    assert "a record waits for" in health.document["reasons"][0]


def test_how_old_the_oldest_event_is_is_told_and_not_judged(life: Life, world: Any) -> None:
    world.put("old")
    life.clock.advance(3_600_000)
    life.process.subscription.assign(world.shard)
    life.process.go(rounds=3, jobs=False)

    health, snapshot = life.service.health(), life.process.loop.snapshot
    assert health.healthy
    assert 3_600 <= health.document["oldest_event_age_seconds"] < 3_700
    life.gauges.see(snapshot, lags={}, held_ms=0, buffered=0)
    assert b"sluice_oldest_event_age_seconds 3600" in life.gauges.text()

    life.process.until(world.is_in)
    life.process.go(rounds=2)
    assert life.service.health().document["oldest_event_age_seconds"] == 0


def test_a_stream_that_does_not_answer_is_ill_health(life: Life, world: Any) -> None:
    life.process.go()
    assert life.service.health().healthy
    life.process.subscription.trouble = OperatingError("no broker answers")
    for _ in range(5):
        life.clock.advance(10_000)
        life.process.go()

    assert "no answer of the stream" in life.service.health().document["reasons"][0]


class FailedCall:
    """What an error of a client holds: itself, and what was to be sent."""

    def __init__(self) -> None:
        self.itself = self


def test_what_failed_calls_leave_behind_is_gone_with_the_next_report(life: Life) -> None:
    gc.disable()
    try:
        left = weakref.ref(FailedCall())
        life.live(seconds=5)
        assert left() is not None
        life.live(seconds=15)
        assert left() is None
    finally:
        gc.enable()


@pytest.fixture
def endpoint(life: Life) -> Iterator[Endpoint]:
    made = Endpoint("127.0.0.1", 0, health=life.service.health, metrics=life.gauges.text)
    yield made
    made.close()


def get(endpoint: Endpoint, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoint.port}{path}", timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_health_and_metrics_are_served(life: Life, endpoint: Endpoint) -> None:
    status, body = get(endpoint, "/health")
    assert (status, json.loads(body)["healthy"]) == (200, True)
    assert b"sluice_partitions" in get(endpoint, "/metrics")[1]
    assert get(endpoint, "/else")[0] == 404

    life.clock.advance(40_000)
    assert get(endpoint, "/health")[0] == 503


def test_a_port_that_is_taken_is_said_in_one_line(endpoint: Endpoint, life: Life) -> None:
    with pytest.raises(UserError, match="choose another worker port"):
        Endpoint("127.0.0.1", endpoint.port, health=life.service.health, metrics=life.gauges.text)

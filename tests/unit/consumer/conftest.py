"""A worker's loop on a scripted stream, with the simulation's ledger, lake and account."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.consumer.batches import BatchRules
from pipeline.consumer.gauges import Gauges
from pipeline.consumer.loop import Loop, LoopSettings
from pipeline.consumer.takes import Takes
from pipeline.core.records import ShardId
from pipeline.ledger.isolation import CLOCK_SKEW_MS
from pipeline.long_running import Stop
from pipeline.testing.core import ScriptedCore
from pipeline.testing.pool import ScriptedPool
from pipeline.testing.simulation import RUN_MS_MAX, Simulation, WatchedCore
from pipeline.testing.subscription import ScriptedSubscription
from pipeline.worker import Worker

AGE_MS = 100


class Stopped(Stop):
    """A stop that the test tells, by the world's clock; nobody waits for it."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


@dataclass(kw_only=True)
class Process:
    """One worker process; what it does happens when the test says so."""

    simulation: Simulation
    subscription: ScriptedSubscription
    pool: ScriptedPool
    worker: Worker
    takes: Takes
    gauges: Gauges
    loop: Loop
    stop: "Stopped"

    def go(self, *, rounds: int = 1, jobs: bool = True) -> None:
        """Go round, let time pass for a batch to fall due, and run the jobs that were started."""
        for _ in range(rounds):
            self.loop.step()
            self.simulation.clock.advance(AGE_MS)
            if jobs:
                self.pool.run()

    def until(self, condition: Callable[[], bool], *, rounds_max: int = 200) -> None:
        """Go round until something holds."""
        for _ in range(rounds_max):
            if condition():
                return
            self.go()
        raise AssertionError(f"not so after {rounds_max} rounds: {self.loop.snapshot}")


@dataclass(kw_only=True)
class World:
    """A scripted stream, a ledger, a lake, and any number of processes on them."""

    simulation: Simulation = field(default_factory=Simulation)

    @property
    def shard(self) -> ShardId:
        return self.simulation.shard

    def put(self, *texts: str, shard: ShardId | None = None) -> None:
        self.simulation.stream.put(shard or self.shard, *texts)

    def process(
        self,
        *,
        core: ScriptedCore | None = None,
        buffer_bytes: int = 1_000_000,
        records_max: int = 100,
        polled_max: int = 100,
        threads: int = 4,
    ) -> Process:
        simulation = self.simulation
        worker = Worker(
            ledger=simulation.ledger,
            store=simulation.store,
            source=simulation.stream,
            core=WatchedCore(core=core or ScriptedCore(), simulation=simulation),
            settings=simulation.settings,
            clock_ms=simulation.clock,
        )
        subscription = ScriptedSubscription(simulation.stream, records_max=polled_max)
        pool = ScriptedPool()
        gauges, stop = Gauges(), Stopped()
        takes = Takes(worker, run_ms_max=RUN_MS_MAX, clock_ms=simulation.clock, gauges=gauges)
        loop = Loop(
            subscription=subscription,
            takes=takes,
            pool=pool,
            settings=LoopSettings(
                rules=BatchRules(
                    bytes_max=100_000, records_max=records_max, age_ms=AGE_MS, age_ms_max=2_000
                ),
                buffer_bytes=buffer_bytes,
                threads=threads,
                grace_ms=25_000,
            ),
            clock_ms=simulation.clock,
            wall_ms=simulation.clock,
            chance=lambda: 0.5,
            stop=stop,
        )
        return Process(
            stop=stop,
            simulation=simulation,
            subscription=subscription,
            pool=pool,
            worker=worker,
            takes=takes,
            gauges=gauges,
            loop=loop,
        )

    def at_work(self, *texts: str, **settings: Any) -> Process:
        """Return a process that has the shard, in which this was put then."""
        process = self.process(**settings)
        process.subscription.assign(self.shard)
        self.put(*texts)
        return process

    def committed(self, shard: ShardId | None = None) -> int | None:
        head = self.simulation.ledger.read_head(shard or self.shard)
        return head.committed if head is not None else None

    def is_in(self) -> bool:
        """Whether everything that the stream ever had is committed."""
        return all(
            not shard.produced or (self.committed(name) or 0) >= shard.produced[-1].position
            for name, shard in self.simulation.stream.shards_by_id.items()
        )

    def outlive(self) -> None:
        """Let time pass until every process holds a run that was under way for over."""
        self.simulation.clock.advance(RUN_MS_MAX + CLOCK_SKEW_MS + 1)


@pytest.fixture(autouse=True, scope="module")
def young_heap() -> Iterator[None]:
    """Keep what other tests left out of the collections that a worker makes with its reports."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def world() -> World:
    return World()

"""What people do by hand: deploys, splits, outages, restores; and a stranger in the lake."""

from typing import TYPE_CHECKING

from pipeline.core.records import ShardId
from pipeline.testing.core import ScriptedCore
from pipeline.testing.simulation import RUN_MS_MAX
from tests.simulation.invocation import Invocation, shard_job
from tests.simulation.script import Happening

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

OUTAGES_MS = (60_000, 400_000, 1_200_000, 2_400_000)


class Operators:
    """Everybody who acts by hand.

    `busy` counts what takes a while, `restoring` says that a restore does, and `rewound` that the
    ledger is not yet put together again.
    """

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._simulation = universe.simulation
        self._timers = universe.timers
        self._meddles = False
        self._turns = 0
        self.busy = 0
        self.restoring = False
        self.rewound = False

    def act(self, happening: Happening) -> None:
        """Do what an operator does by hand."""
        number = happening.number
        match happening.kind:
            case "split":
                self._split(number)
            case "merge":
                self._merge(number)
            case "deploy":
                self._deploy(self._universe.version(number), f"version {number % 5}")
            case "bad deploy":
                bad = ScriptedCore(kills_together=frozenset())
                self._deploy(bad, "a version that dies of everything")
                good = self._universe.version(0)
                back_ms = self._universe.clock.ms + 100_000 + 1_000 * number % 200
                self._universe.at(back_ms, lambda: self._deploy(good, "the version before it"))
            case "stranger":
                self._universe.say("somebody is about to write into the lake")
                self._meddles = True
            case "restart" | "resize" | "outage" | "restore" if self.busy:
                return
            case "restart":
                self._universe.say("the mapping starts again")
                self._universe.mapping.resume(back=number % 2)
            case "resize":
                self._universe.say("batches get {} records", 1 + number % 6)
                self._universe.mapping.resume(batch_size=1 + number % 6)
            case "outage":
                self._outage(OUTAGES_MS[number % 4])
            case "restore":
                self._restore(number)

    def meddle(self) -> None:
        """Let somebody else write under the next final key, before it is published (I2)."""
        if not self._meddles:
            return
        for commit in self._simulation.ledger.commits.values():
            head = self._simulation.ledger.heads[commit.shard]
            if head.unpublished == commit.ref and commit.files:
                key = commit.files[0].final_key
                if key not in self._simulation.readable:
                    self._universe.say("somebody else writes {}", key)
                    self._meddles = False
                    self._simulation.account.foreign.add(key)
                    self._simulation.store.visible[key] = b"[]"
                    return

    def _deploy(self, core: ScriptedCore, what: str) -> None:
        self._universe.say("{} is deployed", what)
        self._universe.functions.deploy(core)

    def _open(self) -> list[ShardId]:
        shards = self._simulation.stream.shards_by_id
        ranges = self._universe.producer.ranges
        return sorted((n for n, s in shards.items() if not s.closed), key=lambda n: ranges[n])

    def _split(self, number: int) -> None:
        ranges = self._universe.producer.ranges
        wide = [name for name in self._open() if ranges[name][1] - ranges[name][0] > 1]
        if wide:
            parent = wide[number % len(wide)]
            low, high = ranges[parent]
            middle = (low + high) // 2
            self._universe.say("{} is split", parent)
            self._reshard([parent], [(low, middle), (middle, high)])

    def _merge(self, number: int) -> None:
        ranges = self._universe.producer.ranges
        shards = self._open()
        if len(shards) > 1:
            at = number % (len(shards) - 1)
            one, other = shards[at : at + 2]
            self._universe.say("{} and {} are merged", one, other)
            self._reshard([one, other], [(ranges[one][0], ranges[other][1])])

    def _reshard(self, parents: list[ShardId], lanes: list[tuple[int, int]]) -> None:
        for each in lanes:
            self._universe.open_shard(each, parents=tuple(parents))
        for parent in parents:
            self._timers.closed_ms[parent] = self._universe.clock.ms
            self._universe.mapping.wake(parent)
        self._universe.mapping.start()

    def _outage(self, ms: int) -> None:
        """Let neither mapping nor sweeper run for a while."""
        self._universe.say("mapping and sweeper are down for {} ms", ms)
        self.busy += 1
        self._universe.mapping.stop()
        self._timers.sweeper_off = True

        def end() -> None:
            self.busy -= 1
            self._timers.sweeper_off = False
            self._universe.mapping.resume()

        self._universe.at(self._universe.clock.ms + ms, end)

    def _restore(self, number: int) -> None:
        """Stop all, wait for one longest run, rewind the ledger, reconcile, start (T21)."""
        if not self._timers.backups:
            return
        self.busy += 1
        self.restoring = True
        backup = self._timers.backups[-1 - number % min(len(self._timers.backups), 12)]
        self._universe.say("mapping and workers are stopped for a restore")
        self._universe.mapping.stop()
        self._timers.sweeper_off = True

        def rewind() -> None:
            self.rewound = True
            self._universe.say("the ledger is rewound")
            self._universe.functions.stop()
            self._simulation.rewind(backup)
            self._reconcile()

        self._universe.at(self._universe.clock.ms + RUN_MS_MAX + 1, rewind)

    def _reconcile(self) -> None:
        process = self._universe.functions.acquire(cold=True)
        shards = list(self._simulation.stream.shards_by_id)
        jobs = [shard_job(shard, self._simulation.start_restore) for shard in shards]

        def end(invocation: Invocation) -> None:
            if invocation.died or invocation.errors:
                retry_ms = self._universe.clock.ms + RUN_MS_MAX + 1
                self._universe.at(retry_ms, self._reconcile)
                return
            self.busy -= 1
            self.restoring = False
            self.rewound = False
            self._timers.sweeper_off = False
            self._timers.backups = [self._simulation.backup()]
            self._universe.say("the ledger is reconciled with the journal")
            self._simulation.check()
            self._universe.mapping.resume(back=1)

        self._turns += 1
        Invocation(self._universe, process, jobs, lane="restore", number=self._turns, on_end=end)

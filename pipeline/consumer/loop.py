"""The polling thread of a worker: fetch, buffer, start takes, acknowledge, hand over.

Everything that it knows is changed on this one thread. Takes run in a pool; what they answer is
picked up between two polls.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final

from pipeline.consumer.batches import BatchRules
from pipeline.consumer.health import Snapshot
from pipeline.consumer.partition import Partition
from pipeline.consumer.pool import Pool
from pipeline.consumer.schedule import AtWork, Candidate, choose
from pipeline.consumer.takes import Located, Taken, Takes
from pipeline.consumer.trouble import backoff_ms, trouble_after
from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import BrokenInvariant, OperatingError
from pipeline.long_running import Stop
from pipeline.sources.subscription import Subscription

log = logging.getLogger("sluice.worker")

POLL_MS_BUSY: Final = 20
"""How long a poll may wait while takes are under way: their answers are picked up after it."""
POLL_MS_IDLE: Final = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """Bounds of the loop. `buffer_bytes` is what all partitions together may hold, and `grace_ms`
    how long takes may go on when their partitions are to go, or since the process is to end."""

    rules: BatchRules
    buffer_bytes: int
    threads: int
    grace_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A take under way."""

    generation: int
    alone: bool
    future: "Future[Taken | OperatingError]"


class Loop:
    """The partitions of one worker. It is the subscription's listener.

    `clock_ms` is monotonic, `wall_ms` the time since the epoch that arrivals are told in, and
    `chance` draws from 0 to 1.
    """

    def __init__(
        self,
        *,
        subscription: Subscription,
        takes: Takes,
        pool: Pool,
        settings: LoopSettings,
        clock_ms: Callable[[], int],
        wall_ms: Callable[[], int],
        chance: Callable[[], float],
        stop: Stop,
    ) -> None:
        self._subscription = subscription
        self._takes = takes
        self._pool = pool
        self._settings = settings
        self._clock_ms = clock_ms
        self._wall_ms = wall_ms
        self._chance = chance
        self._stop = stop
        self._partitions: dict[ShardId, Partition] = {}
        self._running: dict[ShardId, Running] = {}
        self._locating: dict[ShardId, Future[Located | OperatingError]] = {}
        self._generation = 0
        self._failed_polls = 0
        self._poll_at_ms = 0
        self._answered_ms = clock_ms()
        self.sweeping = False
        self.snapshot = Snapshot(taken_ms=clock_ms(), answered_ms=clock_ms())

    def step(self) -> None:
        """Go round once, as long as a poll may wait. Raises what a take raised as a defect."""
        self._harvest()
        self._recover()
        self._start()
        self._balance()
        self.snapshot = self._look()
        self._poll()

    @property
    def alone(self) -> bool:
        """Whether a take is under way that wants to be alone in its process."""
        return any(running.alone for running in self._running.values())

    def leave(self) -> None:
        """Start nothing more; let takes under way end within the grace, then leave the stream."""
        try:
            self._await(tuple(self._running))
        finally:
            self._subscription.close()

    def wait_ms(self) -> int:
        """Return how long a poll may wait: what is due by now was started, or waits for a take."""
        if self._running or self._locating or self.sweeping:
            return POLL_MS_BUSY
        now_ms = self._clock_ms()
        times = [candidate.turn_ms for candidate in self._candidates()]
        times += [p.trouble.retry_ms for p in self._partitions.values() if p.trouble]
        return min((at - now_ms for at in times if at > now_ms), default=POLL_MS_IDLE)

    # ------------------------------------------------------------------ the listener's part

    def assigned(self, shards: tuple[ShardId, ...], /) -> Mapping[ShardId, Position | None]:
        """Take partitions on, each after what the ledger has committed.

        One whose head cannot be read is sought later; until then nothing of it counts.
        """
        found = self._takes.locate_all(shards)
        self._generation += 1
        for shard, located in found.items():
            partition = Partition(shard=shard, generation=self._generation)
            self._partitions[shard] = partition
            if isinstance(located, OperatingError):
                self._lose(partition, located)
            else:
                partition.locate(located.committed, suspect=located.suspect)
                partition.follow()
        if shards:
            log.info("assigned: %s", ", ".join(sorted(shards)))
        return {shard: self._partitions[shard].committed for shard in shards}

    def revoked(self, shards: tuple[ShardId, ...], /) -> None:
        """Let partitions go once their takes have ended, or the grace is over: then the fence
        protects whoever comes next from them."""
        self._await(shards)
        for shard in shards:
            self._partitions.pop(shard, None)
            if shard not in self._running:
                self._takes.forget(shard)
        if shards:
            log.info("revoked: %s", ", ".join(sorted(shards)))

    def _await(self, shards: Sequence[ShardId]) -> None:
        futures = [self._running[shard].future for shard in shards if shard in self._running]
        self._pool.wait(futures, seconds_max=self._grace_ms() / 1000)
        self._harvest()

    def _grace_ms(self) -> int:
        """Return what is left of the grace: ECS counts from SIGTERM, whatever was waited for."""
        now_ms, told_ms = self._clock_ms(), self._stop.told_ms
        spent_ms = 0 if told_ms is None else now_ms - told_ms
        return max(0, self._settings.grace_ms - spent_ms)

    # ------------------------------------------------------------------ one round

    def _harvest(self) -> None:
        """Pick up what takes and looks at the ledger answered."""
        for shard in [s for s, running in self._running.items() if running.future.done()]:
            running = self._running.pop(shard)
            taken = running.future.result()
            partition = self._partitions.get(shard)
            if partition is None:
                self._takes.forget(shard)
            elif partition.generation == running.generation:
                self._ended(partition, taken)
        for shard in [s for s, looking in self._locating.items() if looking.done()]:
            located = self._locating.pop(shard).result()
            partition = self._partitions.get(shard)
            if partition is None or partition.phase != "locating":
                continue
            if isinstance(located, OperatingError):
                self._lose(partition, located)
            else:
                partition.locate(located.committed, suspect=located.suspect)

    def _ended(self, partition: Partition, taken: Taken | OperatingError) -> None:
        if isinstance(taken, OperatingError):
            self._lose(partition, taken)
            return
        partition.succeeded(taken.outcome.committed)
        partition.suspect = taken.suspect
        if taken.outcome.committed is None:
            return
        try:
            self._subscription.settle(partition.shard, committed=taken.outcome.committed)
        except OperatingError as error:
            log.warning("cannot acknowledge: %s", error)  # the ledger has it: nothing depends on it

    def _lose(self, partition: Partition, error: OperatingError) -> None:
        """Forget what was fetched, and say when the ledger is asked where to go on."""
        trouble = trouble_after(
            partition.trouble, error, now_ms=self._clock_ms(), chance=self._chance()
        )
        partition.lose(trouble)
        log.warning("%s: to be tried again (%d): %s", partition.shard, trouble.attempts, error)

    def _recover(self) -> None:
        """Ask the ledger about lost partitions whose time has come, and go on where it said."""
        now_ms = self._clock_ms()
        for shard, partition in self._partitions.items():
            trouble = partition.trouble
            if partition.phase == "lost" and trouble is not None and trouble.retry_ms <= now_ms:
                if shard not in self._running and shard not in self._locating:
                    partition.phase = "locating"
                    self._locating[shard] = self._pool.submit(partial(self._takes.locate, shard))
            elif partition.phase == "located":
                try:
                    self._subscription.seek(shard, after=partition.committed)
                except OperatingError as error:
                    self._lose(partition, error)
                else:
                    partition.follow()

    def _rules(self) -> BatchRules:
        return self._settings.rules.within(self._share_bytes())

    def _share_bytes(self) -> int:
        """What one partition may hold: its part of the buffer."""
        return max(1, self._settings.buffer_bytes // max(1, len(self._partitions)))

    def _candidates(self) -> Iterator[Candidate]:
        """Return the partitions that have a batch and no take under way."""
        rules = self._rules()
        for shard, partition in self._partitions.items():
            due_ms = partition.due_ms(rules)
            if due_ms is not None and shard not in self._running:
                yield Candidate(shard=shard, due_ms=due_ms, suspect=partition.suspect)

    def _start(self) -> None:
        """Start the takes that are due, as many as there are threads."""
        at_work = AtWork(
            takes=len(self._running),
            alone=self.alone,
            sweeping=self.sweeping,
        )
        threads, now_ms = self._settings.threads, self._clock_ms()
        for shard in choose(self._candidates(), at_work, threads=threads, now_ms=now_ms):
            partition = self._partitions[shard]
            suspect, records = partition.suspect, partition.next_batch(self._rules())
            job = partial(self._takes.take, shard, records, suspect=suspect)
            self._running[shard] = Running(
                generation=partition.generation, alone=suspect, future=self._pool.submit(job)
            )

    def _balance(self) -> None:
        """Stop fetching what is full or lost, and fetch again what has room: nothing is dropped."""
        share_bytes = self._share_bytes()
        for shard, partition in self._partitions.items():
            most = share_bytes // 2 if partition.paused else share_bytes - 1
            pause = partition.phase != "following" or partition.size_bytes > most
            if pause != partition.paused:
                (self._subscription.pause if pause else self._subscription.resume)(shard)
                partition.paused = pause

    def _poll(self) -> None:
        """Fetch; after a failed poll the next one waits, and the rest of the loop goes on."""
        wait_ms = min(self.wait_ms(), POLL_MS_IDLE)
        now_ms = self._clock_ms()
        if now_ms < self._poll_at_ms:
            seconds = max(POLL_MS_BUSY, min(wait_ms, self._poll_at_ms - now_ms)) / 1000
            self._stop.wait(seconds)
            return
        try:
            polled = self._subscription.poll(self, seconds_max=wait_ms / 1000)
        except OperatingError as error:
            self._failed_polls += 1
            self._poll_at_ms = self._clock_ms() + backoff_ms(self._failed_polls, self._chance())
            log.warning("no answer of the stream (%d): %s", self._failed_polls, error)
            return
        self._failed_polls = 0
        self._answered_ms = self._clock_ms()
        for shard, records in polled.items():
            self._take_in(shard, records)

    def _take_in(self, shard: ShardId, records: tuple[Record, ...]) -> None:
        partition = self._partitions.get(shard)
        if partition is None:
            raise BrokenInvariant(f"the subscription gave records of {shard}, which is not ours")
        now_ms, wall_ms = self._clock_ms(), self._wall_ms()
        if not partition.take_in(records, now_ms=now_ms, wall_ms=wall_ms):
            self._lose(partition, OperatingError("the subscription was moved back", shard=shard))

    def _look(self) -> Snapshot:
        return Snapshot(
            taken_ms=self._clock_ms(),
            answered_ms=self._answered_ms,
            partitions=tuple(partition.view for partition in self._partitions.values()),
        )

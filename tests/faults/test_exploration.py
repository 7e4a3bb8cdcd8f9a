"""Any interleaving of workers, zombies, crashes, lost replies and splits is accounted for."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.records import ShardId
from pipeline.testing.core import ScriptedCore, ScriptedSeen
from pipeline.testing.run import Run
from pipeline.testing.simulation import RUN_MS_MAX, Simulation

FOREVER_MS = 10**9
"""A window longer than any walk: what an old copy does is the schedules' matter."""

DEATHS_THAT_MASK = 3
WORDS = ("a", "b@1", "c", "bad:d", "e f@2", "a g", "b@1 d")
CORES = (ScriptedCore(), ScriptedCore(hour=1), ScriptedCore(rejects=frozenset("ace")))
EARLY_CORE = ScriptedCore(records_max=1)

Arguments = tuple[int, int, int]


class Walk:
    """A simulation, and what a walk may do to it."""

    def __init__(self) -> None:
        self.simulation = Simulation()
        self.simulation.settings = replace(
            self.simulation.settings,
            window_ms=FOREVER_MS,
            empty_seen=ScriptedSeen(window_ms=FOREVER_MS),
        )
        self.workers = [self.simulation.worker(), self.simulation.worker()]
        self.runs: list[tuple[int, Run]] = []
        self.deaths = 0
        self.poisoned = False

    def open_shards(self) -> list[ShardId]:
        shards = self.simulation.stream.shards_by_id
        return [name for name, shard in shards.items() if not shard.closed]

    def put(self, arguments: Arguments) -> None:
        """An id goes to one lineage only: the producer's precondition (T17)."""
        text = WORDS[arguments[0] % len(WORDS)]
        open_shards = self.open_shards()
        for word in text.split():
            name = word.removeprefix("bad:")[0]
            shard = open_shards[ord(name) % len(open_shards)]
            self.simulation.stream.put(shard, word)

    def deliver(self, arguments: Arguments) -> None:
        which, start, length = arguments
        shards = list(self.simulation.stream.shards_by_id)
        shard = shards[which % len(shards)]
        produced = self.simulation.stream.shards_by_id[shard].produced
        if produced:
            head = self.simulation.ledger.read_head(shard)
            committed = head.committed if head is not None else None
            start %= len(produced)
            if length % 2 and committed is not None:
                start = sum(record.position <= committed for record in produced)
            records = produced[start : start + 1 + length % 4] or produced[-1:]
            worker = self.workers[which % len(self.workers)]
            run = self.simulation.start(worker, records, shard=shard)
            self.runs.append((self.simulation.clock(), run))
            self.move(run, steps=100 if length % 3 else (which * 7 + start * 3 + length) % 40)

    def put_poison(self, _: Arguments) -> None:
        """One record a walk that kills every process that decodes it."""
        if not self.poisoned:
            self.poisoned = True
            (record,) = self.simulation.stream.put(self.open_shards()[0], "kill")
            self.simulation.account.may_be_masked.add(record.position)

    def sweep(self, arguments: Arguments) -> None:
        which, steps, _ = arguments
        shards = list(self.simulation.stream.shards_by_id)
        run = self.simulation.start_sweep(self.workers[0], shards[which % len(shards)])
        self.runs.append((self.simulation.clock(), run))
        self.move(run, steps=steps % 40)

    def resume(self, arguments: Arguments) -> None:
        which, steps, _ = arguments
        alive = [run for _, run in self.runs if not run.ended]
        if alive:
            self.move(alive[which % len(alive)], steps=1 + steps % 30)

    def lose_a_reply(self, arguments: Arguments) -> None:
        alive = [run for _, run in self.runs if not run.ended]
        if alive:
            chosen = alive[arguments[0] % len(alive)]
            chosen.step(lose_reply=True)
            if chosen.killed:
                self.count_death()

    def kill(self, arguments: Arguments) -> None:
        alive = [run for _, run in self.runs if not run.ended]
        if alive:
            alive[arguments[0] % len(alive)].kill()
            self.workers[arguments[1] % 2] = self.simulation.worker(CORES[arguments[2] % 3])
            self.count_death()

    def count_death(self) -> None:
        """From the third silent death on the protocol may take an innocent for poison (T13)."""
        self.deaths += 1
        if self.deaths >= DEATHS_THAT_MASK:
            shards = self.simulation.stream.shards_by_id.values()
            everything = {record.position for shard in shards for record in shard.produced}
            self.simulation.account.may_be_masked |= everything

    def deploy(self, arguments: Arguments) -> None:
        which, core, early = arguments
        chosen = EARLY_CORE if early % 4 == 0 else CORES[core % len(CORES)]
        self.workers[which % 2] = self.simulation.worker(chosen)

    def pass_time(self, arguments: Arguments) -> None:
        """A run that is older than the longest one is over: its process is gone."""
        self.simulation.clock.advance(1 + arguments[0] % 4 * (RUN_MS_MAX // 2))
        for started_ms, run in self.runs:
            if not run.ended and self.simulation.clock() > started_ms + RUN_MS_MAX:
                run.kill()
                self.count_death()

    def reshard(self, _: Arguments) -> None:
        stream = self.simulation.stream
        if len(stream.shards_by_id) == 1:
            stream.open("s1", parents=["s0"])
            stream.open("s2", parents=["s0"])
        elif len(stream.shards_by_id) == 3:
            stream.open("s3", parents=["s1", "s2"])

    def move(self, run: Run, *, steps: int) -> None:
        for _ in range(steps):
            was_alive = not run.ended
            run.step()
            if was_alive and run.killed:
                self.count_death()

    def settle(self) -> None:
        for _, run in self.runs:
            if not run.ended:
                run.kill()
                self.count_death()
        self.simulation.settle()


ACTIONS: tuple[Callable[[Walk, Arguments], None], ...] = (
    *[Walk.put] * 3,
    *[Walk.deliver] * 5,
    *[Walk.resume] * 2,
    Walk.put_poison,
    Walk.sweep,
    Walk.lose_a_reply,
    Walk.kill,
    Walk.deploy,
    Walk.pass_time,
    Walk.reshard,
)

number = st.integers(min_value=0, max_value=59)


def walk_through(actions: Iterable[tuple[Callable[[Walk, Arguments], None], Arguments]]) -> None:
    """Walk, then account for every id. Raises Violation."""
    walk = Walk()
    for word in range(3):
        walk.put((word, 0, 0))
    for action, arguments in actions:
        action(walk, arguments)
    walk.settle()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.tuples(number, number, number)), max_size=60)
)
def test_a_short_walk_shrinks_to_its_cause(
    actions: list[tuple[Callable[[Walk, Arguments], None], Arguments]],
) -> None:
    walk_through(actions)


@pytest.mark.parametrize("seed", range(0, 300, 50))
def test_long_walks_keep_the_invariants_and_account_for_every_id(seed: int) -> None:
    for number_of_walk in range(seed, seed + 50):
        chance = Random(number_of_walk)
        walk_through(
            (
                chance.choice(ACTIONS),
                (chance.randrange(60), chance.randrange(60), chance.randrange(60)),
            )
            for _ in range(chance.randint(20, 120))
        )

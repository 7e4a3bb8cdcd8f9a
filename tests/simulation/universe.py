"""One run: everything there is on one virtual clock, in one thread, told by one script."""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count, pairwise
from typing import Any

from pipeline.core.records import Position, Record, ShardId
from pipeline.testing.account import Violation
from pipeline.testing.core import ScriptedCore, ScriptedSeen
from pipeline.testing.settlement import settle
from pipeline.testing.simulation import Simulation
from pipeline.testing.stream import ScriptedShard
from tests.simulation.invocation import Invocation
from tests.simulation.mapping import Mapping
from tests.simulation.operators import Operators
from tests.simulation.processes import Functions
from tests.simulation.producer import LANES, Producer
from tests.simulation.script import Happening, Script
from tests.simulation.timers import Timers

PATIENCE_MS = 60 * 60_000
"""How long after the last happening all must be in the lake (P5)."""

RESTORE_MS_MAX = 300_000
"""How long a restore that is under way may still go wrong after the last happening."""

EVENTS_MAX = 60_000

PAIR = "pq"
REJECTED = frozenset(f"{lane}{number}" for lane in LANES for number in (1, 2, 4, 7))


class Universe:
    """A stream, a mapping, processes, a ledger, a lake and its reader."""

    def __init__(self, script: Script, *, tell: Callable[[str], None] | None = None) -> None:
        self.script = script
        conditions = script.conditions
        self.simulation = Simulation(step=conditions.step, shards=0)
        self.clock = self.simulation.clock
        self.start_ms = self.clock.ms
        good = Record(position=Position(0), partition_key="k", arrival_ms=0, data=b"good")
        self.simulation.settings = replace(
            self.simulation.settings,
            window_ms=conditions.window_ms,
            empty_seen=ScriptedSeen(window_ms=conditions.window_ms),
            retention_ms=conditions.retention_ms,
            known_good=good if conditions.knows_a_good_record else None,
        )
        self._tell = tell
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self.effects_seen: Counter[tuple[str, str]] = Counter()
        self.living: list[Invocation] = []
        self.under_way = 0
        self.stopped = False
        self.too_many_masks = False
        self.poisonings = 0
        self._last_sent = False
        self.pair: frozenset[str] = frozenset({"never"})
        self.functions = Functions(self)
        self.producer = Producer(self)
        self.mapping = Mapping(self)
        self.timers = Timers(self)
        self.operators = Operators(self)
        self._open_shards(conditions.shards)

    def run(self) -> None:
        """Let it all happen, wait until all is drained, account for every id. Raises Violation."""
        last_ms = self.start_ms
        for happening in self.script.happenings:
            last_ms = self.start_ms + happening.at_ms
            self.at(last_ms, partial(self._happen, happening))
        self.at(last_ms + 1, partial(self._be_calm, last_ms + RESTORE_MS_MAX))
        self.timers.start()
        self.mapping.start()
        for _ in range(EVENTS_MAX):
            self.clock.ms, _, action = heapq.heappop(self._queue)
            action()
            if self.stopped or (self.script.calm and self._is_over()):
                break
            if self.clock.ms > last_ms + PATIENCE_MS:
                raise Violation(f"P5: not drained {PATIENCE_MS} ms after the last happening")
        else:
            raise Violation("P5: it never ends")
        if not self.stopped:
            settle(self.simulation)
            self._count_deaths()

    def _count_deaths(self) -> None:
        """Check that poison alone kills few processes: about 2 log2 of a batch and 3 each (P6)."""
        kinds = {happening.kind for happening in self.script.happenings}
        if self.script.faults or self.script.conditions.pairs or "bad deploy" in kinds:
            return
        shards = self.simulation.stream.shards_by_id.values()
        records = [record for shard in shards for record in shard.produced]
        poison = sum(record.data == b"kill" for record in records)
        bound = poison * (2 * len(records).bit_length() + 3)
        if self.poisonings > bound:
            raise Violation(f"P6: {self.poisonings} deaths of {poison} records, over {bound}")

    def check(self) -> None:
        """Check the invariants, unless the ledger is being put together again."""
        if not self.operators.rewound:
            self.simulation.check()

    def at(self, ms: int, action: Callable[[], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self._queue, (ms, next(self._order), action))

    @property
    def tells(self) -> bool:
        """Whether anybody listens."""
        return self._tell is not None

    def say(self, words: str, *values: Any, detail: bool = False) -> None:
        """Tell what happens, with the time since the start."""
        if self._tell is not None:
            mark = "  . " if detail else "  "
            seconds = (self.clock.ms - self.start_ms) / 1000
            self._tell(f"{seconds:10.3f}s{mark}{words.format(*values)}")

    def shard(self, name: ShardId) -> ScriptedShard:
        """Return a shard of the stream."""
        return self.simulation.stream.shards_by_id[name]

    def put(self, shard: ShardId, record: Record, text: str, *, replay: bool) -> None:
        """Take note of a record that the stream took."""
        account = self.simulation.account
        for each in text.split():
            name = each.removeprefix("bad:").partition("@")[0]
            if self._is_new(name, record):
                account.copies_allowed.add(name)
        how = " as a replay" if replay else ""
        self.say("[{}] is put as {} of {}{}", text, record.position, shard, how)
        self.mapping.wake(shard)

    def _is_new(self, name: str, record: Record) -> bool:
        """Return whether an id comes again after the window of all earlier ones (T24)."""
        earlier = self._arrivals.setdefault(name, [])
        window_ms = self.simulation.settings.window_ms
        is_new = all(record.arrival_ms - ms > window_ms for ms in earlier)
        again = bool(earlier) and is_new
        if is_new:
            earlier.append(record.arrival_ms)
        return again

    def _open_shards(self, number: int) -> None:
        self._arrivals: dict[str, list[int]] = {}
        edges = {1: (0, 4), 2: (0, 2, 4), 3: (0, 1, 2, 4)}[number]
        for low, high in pairwise(edges):
            self.open_shard((low, high), parents=())

    def open_shard(self, lanes: tuple[int, int], *, parents: tuple[ShardId, ...]) -> None:
        """Open a shard for some lanes; its parents end."""
        stream = self.simulation.stream
        shard = stream.open(f"s{len(stream.shards_by_id)}", parents=parents)
        self.producer.ranges[shard] = lanes

    def _happen(self, happening: Happening) -> None:
        match happening.kind:
            case "put":
                self.producer.put(happening.text)
                if happening.text[1:] == "p":
                    self.pair = frozenset(f"{happening.text[0]}{each}" for each in PAIR)
                    self.functions.deploy(self.version(0))
            case "copy":
                self.producer.copy(happening.number)
            case "late copy":
                self.producer.late_copy(happening.number)
            case "replay":
                self.producer.replay(happening.number)
            case _:
                self.operators.act(happening)

    def version(self, number: int) -> ScriptedCore:
        """Return one version of the core."""
        versions = (
            ScriptedCore(),
            ScriptedCore(hour=1),
            ScriptedCore(rejects=REJECTED),
            ScriptedCore(records_max=1),
            ScriptedCore(hour=2, rejects=REJECTED),
        )
        return replace(versions[number % len(versions)], kills_together=self.pair)

    def _be_calm(self, latest_ms: int) -> None:
        if self.operators.restoring and self.clock.ms < latest_ms:
            self.at(self.clock.ms + 1_000, partial(self._be_calm, latest_ms))
            return
        self.say("from here on nothing goes wrong")
        self.script.calm = True
        self.mapping.wake_all()

    def _is_over(self) -> bool:
        """Return whether all is drained and nobody is at work, or a shard stopped by design."""
        if self.living or self.under_way or self.producer.waiting or self.operators.busy:
            return False
        if self.too_many_masks:
            self.stopped = True
            return True
        if not self.simulation.account.is_drained(self.simulation):
            return False
        if self.script.conditions.expires and not self._last_sent:
            self._send_the_last()
            return False
        return True

    def _send_the_last(self) -> None:
        """Put one more record in each lane: only a record shows that others expired before it."""
        self._last_sent = True
        for lane in LANES:
            self.producer.put(f"{lane}z")

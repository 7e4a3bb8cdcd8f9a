"""The producer: puts records, retries unknown outcomes with the same key, replays rejected ids."""

from typing import TYPE_CHECKING

from pipeline.core.records import Record, ShardId
from pipeline.names import REPLAY_KEY_PREFIX
from tests.simulation.plan import word

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

RETRY_MS = 500
LANES = "abcd"


class Producer:
    """A producer that fixes each record's lane once (T17).

    A lane is a hash key: whatever shard is open for it takes the record.
    """

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._sent: list[tuple[str, bool]] = []
        self._puts: list[tuple[Record, str]] = []
        self._replayed: set[str] = set()
        self.ranges: dict[ShardId, tuple[int, int]] = {}
        self.waiting = 0

    def put(self, text: str, *, replay: bool = False) -> None:
        """Put a record of words, or of `lane/poison`."""
        universe = self._universe
        self._sent.append((text, replay))
        moment = ("put", len(self._sent), 0)
        rate = universe.script.conditions.producer_rate
        fault = universe.script.fault(moment, ("unknown", "unwritten", "late"), rate=rate)
        if fault is None:
            self._write(text, replay)
            return
        universe.effects_seen["put", fault.kind] += 1
        universe.say("the producer gets no answer for [{}], {}", text, fault.kind)
        if fault.kind == "unknown":
            self._write(text, replay)
        elif fault.kind == "late":
            self._later(universe.clock.ms + fault.ms, text, replay)
        self._later(universe.clock.ms + RETRY_MS, text, replay)

    def copy(self, number: int) -> None:
        """Put one of the records again, as a producer does that lost its memory."""
        if self._sent:
            text, replay = self._sent[number % len(self._sent)]
            self._write(text, replay)

    def late_copy(self, number: int) -> None:
        """Put one of the records again as the window after it ends: just before, at, just after."""
        if self._puts:
            record, text = self._puts[number % len(self._puts)]
            edge_ms = record.arrival_ms + self._universe.simulation.settings.window_ms
            at_ms = max(self._universe.clock.ms, edge_ms + number % 3 - 1)
            self._later(at_ms, text, replay=False)

    def replay(self, number: int) -> None:
        """Put a quarantined event again, marked as a replay, if it was not replayed (T24)."""
        simulation = self._universe.simulation
        stored = {row[0] for row in simulation.stored()}
        rejected = {row[0] for row in simulation.quarantined()} - {"lost", "masked"}
        names = sorted(rejected - stored - self._replayed)
        if names:
            name = names[number % len(names)]
            self._replayed.add(name)
            self.put(word(name[0], int(name[1:])), replay=True)

    def _later(self, at_ms: int, text: str, replay: bool) -> None:
        self.waiting += 1

        def write() -> None:
            self.waiting -= 1
            self._write(text, replay)

        self._universe.at(at_ms, write)

    def _write(self, text: str, replay: bool) -> None:
        lane, slash, poison = text.partition("/")
        place = LANES.index(lane.removeprefix("bad:")[0])
        shard = next(
            name
            for name, (low, high) in self.ranges.items()
            if low <= place < high and not self._universe.shard(name).closed
        )
        key = f"{REPLAY_KEY_PREFIX}{text}" if replay else "k"
        data = poison if slash else text
        (record,) = self._universe.simulation.stream.put(shard, data, key=key)
        self._puts.append((record, text))
        self._universe.put(shard, record, data, replay=replay)

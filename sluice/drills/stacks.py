"""The stacks that drills run on: of their own, brought up as they are needed, gone at the end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from sluice.down import stop_local
from sluice.drills.drill import Drill, Stream
from sluice.drills.rig import Rig
from sluice.up import bring_up, remember

MINUTE_SECONDS: Final = 2.0
"""What a minute of alarms and schedules takes in a drill, in real seconds."""

AWS_MINUTE_SECONDS: Final = 60.0
CANARIES: Final = {"canary_seconds_max": "20", "canary_minutes_max": "10"}
"""Minutes are short and canaries take real seconds: much is allowed of the former."""
ON_A_TOPIC: Final = {**CANARIES, "partition_count": "2", "oldest_event_age_seconds_max": "30"}
SETTINGS: Final[Mapping[Stream, Mapping[str, str]]] = {
    "kinesis": {**CANARIES, "shard_count": "2", "duration_percent_max": "20"},
    "kafka": {**ON_A_TOPIC, "stream": "kafka"},
    "pulsar": {**ON_A_TOPIC, "stream": "pulsar"},
}
"""What every stack of the drills is set to, unless a drill says otherwise. Ages and durations are
real, minutes are short: what is allowed of the former is little, of the latter much."""


@dataclass(kw_only=True)
class Rigs:
    """Local stacks under `home`, one at a time: drills in a row with equal settings share it.

    With `only`, every drill runs on that stack, whatever it would have set; it is left running.
    """

    home: Path
    minute_seconds: float = MINUTE_SECONDS
    on_note: Callable[[str], None] = lambda _note: None
    only: Rig | None = None
    _current: Rig | None = None
    _count: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def of(self, drill: Drill, stream: Stream) -> Rig:
        """Return the running stack of a drill. Raises UserError where it cannot be brought up."""
        if self.only is not None:
            return self.only
        settings = {**SETTINGS[stream], **drill.settings}
        minute = max(self.minute_seconds, drill.minute_seconds)
        now = self._current
        if now is None or (now.settings, now.minute_seconds) != (settings, minute):
            self._stop()
            self._current = now = self._bring_up(settings, minute)
        return now

    def _bring_up(self, settings: dict[str, str], minute_seconds: float) -> Rig:
        name = f"drill-{self._count}"
        self._count += 1
        compression = AWS_MINUTE_SECONDS / minute_seconds
        stack = bring_up(self.home, name, settings, None, compression=compression)
        remember(stack.folder, settings)
        return Rig(home=self.home, stack=stack, settings=settings, on_note=self.on_note)

    def _stop(self) -> None:
        """Stop the stack that runs: its schedules would take from the next one's time."""
        if self._current is not None:
            stop_local(self._current.stack.folder)
            self._current = None

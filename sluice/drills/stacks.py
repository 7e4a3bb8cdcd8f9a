"""The stacks that drills run on: of their own, brought up as they are needed, gone at the end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from sluice.down import stop_local
from sluice.drills.drill import Drill
from sluice.drills.rig import Rig
from sluice.up import bring_up, remember

MINUTE_SECONDS: Final = 2.0
"""What a minute of alarms and schedules takes in a drill, in real seconds."""

AWS_MINUTE_SECONDS: Final = 60.0
SETTINGS: Final = {
    "shard_count": "2",
    "duration_percent_max": "20",
    "canary_seconds_max": "20",
    "canary_minutes_max": "10",
}
"""What every stack of the drills is set to, unless a drill says otherwise. Ages and durations are
real, minutes are short: what is allowed of the former is little, of the latter much."""


@dataclass(kw_only=True)
class Rigs:
    """Local stacks under `home`, one a set of settings, shared by the drills that ask for it.

    With `only`, every drill runs on that stack, whatever it would have set; it is left running.
    """

    home: Path
    minute_seconds: float = MINUTE_SECONDS
    on_note: Callable[[str], None] = lambda _note: None
    only: Rig | None = None
    _made: dict[str, Rig] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for rig in self._made.values():
            stop_local(rig.stack.folder)

    def of(self, drill: Drill) -> Rig:
        """Return the running stack of a drill. Raises UserError where it cannot be brought up."""
        if self.only is not None:
            return self.only
        settings = SETTINGS | dict(drill.settings)
        key = repr(sorted(settings.items()))
        if key not in self._made:
            name = f"drill-{len(self._made)}"
            compression = AWS_MINUTE_SECONDS / self.minute_seconds
            stack = bring_up(self.home, name, settings, None, compression=compression)
            remember(stack.folder, settings)
            self._made[key] = Rig(
                home=self.home,
                stack=stack,
                settings=settings,
                on_note=self.on_note,
            )
        return self._made[key]

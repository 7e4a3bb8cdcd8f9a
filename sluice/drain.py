"""Wait until all that has arrived so far is committed and published, and say what for."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import rich_click as click
from rich.progress import Progress

from pipeline.core.records import ShardId
from pipeline.environment import wall_clock_ms
from pipeline.errors import OperatingError
from pipeline.ledger.state import ShardStatus
from pipeline.worker import Worker
from sluice import stack as stacks
from sluice.console import progress, say
from sluice.options import stack_option
from sluice.stack import Stack
from sluice.streams import worker_of

LOOK_SECONDS: Final = 1.0
"""Each look reads every shard once, of the 5 reads a second that it shares with the mapping."""
SWEEP_SECONDS: Final = 15.0
DRAIN_SECONDS_MAX: Final = 300.0
FINISH_SECONDS_MAX: Final = 5.0
"""For a batch that is under way, such as the canary's: it takes a second."""
CLOCKS_APART_MS: Final = 10_000
"""So much the clock that dates records may be ahead of this machine's."""


def waits_for(status: ShardStatus, *, arrived_by_ms: int | None = None) -> str:
    """Return what is left to do on a shard, in words; empty when it is drained.

    With `arrived_by_ms` only for what had arrived by then: a stream that lives, if only by its
    canaries, may never be seen at rest.
    """
    if status.unpublished:
        return f"{status.shard}: a commit to be published"
    since_ms = status.waiting_since_ms
    if arrived_by_ms is not None and since_ms is not None and since_ms > arrived_by_ms:
        return ""
    if status.open:
        return f"{status.shard}: an attempt that has not ended"
    if status.waiting is not None:
        return f"{status.shard}: records not committed, the oldest {status.lag_ms / 1000:.1f} s old"
    return ""


@dataclass(kw_only=True)
class Looked:
    """What was seen, look by look, of the shards of a stream to which more may come all the time.

    All shards are seldom done at one look; what one had at its own moment, nothing takes away.
    """

    arrived_by_ms: int
    done: set[ShardId] = field(default_factory=set)

    def left(self, found: Iterable[ShardStatus]) -> tuple[str, ...]:
        """Return what is left to do on the shards that no look found done."""
        said = {
            status.shard: waits_for(status, arrived_by_ms=self.arrived_by_ms)
            for status in found
            if status.shard not in self.done
        }
        self.done |= {shard for shard, words in said.items() if not words}
        return tuple(words for words in said.values() if words)


def left_of(stack: Stack, *, arrived_by_ms: int) -> tuple[str, ...]:
    """Return what is left to do of what had arrived by a time, after a moment to finish it in."""
    deadline = time.monotonic() + FINISH_SECONDS_MAX
    with worker_of(stack) as worker:
        looked = Looked(arrived_by_ms=arrived_by_ms)
        while True:
            left = looked.left(worker.pending())
            if not left or time.monotonic() >= deadline:
                return left
            time.sleep(LOOK_SECONDS)


def unpublished_shards(stack: Stack) -> list[str]:
    """Return the shards that hold a commit whose files are not all visible."""
    with worker_of(stack) as worker:
        return [status.shard for status in worker.pending() if status.unpublished]


def _unheard(_what: str) -> None:
    pass


def drain_stack(
    stack: Stack, *, seconds_max: float, on_wait: Callable[[str], object] = _unheard
) -> None:
    """Block until all that had arrived is drained; sweeps now and then, as the timer would.

    What comes meanwhile is not waited for: a stream may never be at rest. Raises OperatingError
    with what is still waited for when `seconds_max` are over.
    """
    with worker_of(stack) as worker:
        _drain(worker, stack, seconds_max=seconds_max, on_wait=on_wait)


def _drain(
    worker: Worker, stack: Stack, *, seconds_max: float, on_wait: Callable[[str], object]
) -> None:
    deadline = time.monotonic() + seconds_max
    next_sweep = time.monotonic() + SWEEP_SECONDS
    looked = Looked(arrived_by_ms=wall_clock_ms() + CLOCKS_APART_MS)
    while waiting := looked.left(worker.pending()):
        on_wait("; ".join(waiting))
        if time.monotonic() >= deadline:
            raise OperatingError(
                f"stack {stack.name} is not drained after {seconds_max:.0f} s: "
                f"{'; '.join(waiting)}; see: ./dev sluice status --stack {stack.name}"
            )
        if time.monotonic() >= next_sweep:
            run_ms = stack.environment.settings.run_seconds_max * 1000
            worker.sweep(deadline_ms=wall_clock_ms() + run_ms)
            next_sweep = time.monotonic() + SWEEP_SECONDS
        time.sleep(LOOK_SECONDS)


def drain_with_bar(stack: Stack, bars: Progress, *, seconds_max: float = DRAIN_SECONDS_MAX) -> None:
    """Drain with a live line of what for. Raises as `drain_stack` does."""
    task = bars.add_task("drain", total=1, note="looking")
    drain_stack(stack, seconds_max=seconds_max, on_wait=lambda what: bars.update(task, note=what))
    bars.update(task, completed=1, note="nothing pending")


@click.command(help=__doc__)
@stack_option
@click.option("--seconds", type=float, default=DRAIN_SECONDS_MAX, show_default=True)
@click.pass_obj
def drain(home: Path, stack: str, seconds: float) -> None:
    """Wait with a live line of what for."""
    found = stacks.find(home, stack)
    with progress() as bars:
        drain_with_bar(found, bars, seconds_max=seconds)
    say("drained: all that had arrived is committed and published")

"""Processes of the functions that die in the middle of their work, at every step of it."""

from pathlib import Path
from typing import Final

from pipeline.ledger.dynamodb import DynamoLedger
from sluice.drills.drill import Drill
from sluice.drills.packages import Change
from sluice.drills.rig import Rig
from sluice.drills.waiting import until

STEPS: Final = (
    "ReadHead",
    "WriteHead",
    "RunCore",
    "PutStaged",
    "CommitTransaction",
    "Remember",
    "PutJournal",
    "PutFinalIfAbsent",
    "PutDone",
    "MarkPublished",
)
"""The effects of one take in their order (`pipeline.ledger.effects`); a death before each of them
is a death after the one before it."""
ALWAYS: Final = "always CommitTransaction"

STEPS_FILE: Final = "pipeline/ledger/steps.py"
PERFORM: Final = "                answer = effect.perform(world)\n"
TOP: Final = "\n\nclass Effect("
STEP_SECONDS_MAX: Final = 30.0


def dying_on_order(order: Path) -> tuple[Change, Change]:
    """Return changes of the function: it dies before the step that the file `order` names.

    It takes the order along, so that each is carried out once, unless it begins with `always`.
    """
    function = f"""

def _die_if_told(effect: object) -> None:
    import contextlib, os, pathlib, signal
    order = pathlib.Path({str(order)!r})
    first = next(iter(getattr(effect, "effects", ()) or (effect,)))
    with contextlib.suppress(FileNotFoundError):
        words = order.read_text().split()
        if words[-1:] == [type(first).__name__]:
            if words[0] != "always":
                order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
"""
    return (
        Change(
            file=STEPS_FILE, old=PERFORM, new=f"                _die_if_told(effect)\n{PERFORM}"
        ),
        Change(file=STEPS_FILE, old=TOP, new=f"{function}{TOP}"),
    )


def die_at_every_step(rig: Rig) -> None:
    """Let the function die once before each step, a whole take between, then at each commit."""
    order = rig.scratch / "order"
    rig.undo.append(rig.deploy)
    rig.undo.append(lambda: order.unlink(missing_ok=True))
    rig.deploy(*dying_on_order(order))
    for step in STEPS:
        _give(order, step)
        until(
            lambda: not order.exists(), seconds_max=STEP_SECONDS_MAX, what=f"a death before {step}"
        )
        rig.note(f"died before {step}")
        _wait_for_a_take(rig)
    _give(order, ALWAYS)


def _give(order: Path, words: str) -> None:
    """Write an order so that it is read whole or not at all."""
    partial = order.with_suffix(".partial")
    partial.write_text(words, encoding="utf-8")
    partial.replace(order)


def _wait_for_a_take(rig: Rig) -> None:
    """Wait until each shard has committed and published anew."""
    environment = rig.stack.environment
    ledger = DynamoLedger(environment.dynamodb, environment.settings.ledger_table)
    before = {shard: ledger.read_head(shard) for shard in ledger.shards()}

    def has_moved() -> bool:
        return all(
            (head := ledger.read_head(shard)) is not None
            and (old is None or head.last_commit != old.last_commit)
            and head.unpublished is None
            for shard, old in before.items()
        )

    until(has_moved, seconds_max=STEP_SECONDS_MAX, what="the function takes batches again")


def kill_workers(rig: Rig) -> None:
    """Kill all processes of the functions, once."""
    until(rig.kill_workers, seconds_max=STEP_SECONDS_MAX, what="a process of a function runs")


PROCESSES: Final = (
    Drill(
        id="crash-at-every-step",
        fault="the function's process is killed before each step of a take, then at every commit",
        alarm="function-errors",
        cause="A bad deploy",
        break_it=die_at_every_step,
    ),
    Drill(
        id="killed-once",
        fault="all processes of the functions are killed at once",
        by_design="the batch is delivered again within seconds, to a new process",
        break_it=kill_workers,
    ),
)

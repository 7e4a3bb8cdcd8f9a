"""Processes of the functions that die in the middle of their work, at every step of it."""

from pathlib import Path
from typing import Final

from pipeline.ledger.dynamodb import DynamoLedger
from sluice.drills.drill import Drill
from sluice.drills.packages import Change
from sluice.drills.rig import Rig
from sluice.drills.waiting import NotKept, until

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
STEP_SECONDS_MAX: Final = 90.0
ZOMBIE_SECONDS_MAX: Final = 80


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


def leave_a_zombie(rig: Rig) -> None:
    """Let a run be over for Lambda, delivered again, and go on all the same, up to its commit."""
    order = rig.scratch / "order"
    rig.undo.append(rig.deploy)
    rig.undo.append(lambda: order.unlink(missing_ok=True))
    rig.deploy(*splitting_on_order(order))
    _give(order, "CommitTransaction")
    until(lambda: not order.exists(), seconds_max=STEP_SECONDS_MAX, what="a run is given up")
    told = order.with_suffix(".zombie")
    until(told.exists, seconds_max=STEP_SECONDS_MAX, what="the zombie has tried to commit")
    ended = told.read_text(encoding="utf-8")
    told.unlink()
    rig.note(f"the zombie's commit: {ended}")
    if ended != "Refused":
        raise NotKept(f"the zombie's commit should have been refused, but: {ended}")


def splitting_on_order(order: Path) -> tuple[Change, ...]:
    """Return changes of the function: at the ordered step its process dies and a copy goes on.

    The copy lets go of its pipes and waits until another attempt has fenced the head. Then it does
    the step and tells how it ended in a file beside the order. An alarm clock ends it in any case.
    """
    function = f"""

def _split_if_told(effect: object) -> bool:
    import contextlib, os, pathlib, signal, stat
    order = pathlib.Path({str(order)!r})
    with contextlib.suppress(FileNotFoundError):
        if order.read_text() == type(effect).__name__:
            order.unlink()
            if os.fork() != 0:
                os.kill(os.getpid(), signal.SIGKILL)
            signal.alarm({ZOMBIE_SECONDS_MAX})
            for descriptor in range(256):
                with contextlib.suppress(OSError):
                    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                        os.close(descriptor)
            return True
    return False


def _as_zombie(effect: object, world: object) -> None:
    import os, pathlib, time
    told, commit = "stored", effect.commit
    while world.ledger.read_head(commit.shard).fence == commit.token:
        time.sleep(0.05)
    try:
        effect.perform(world)
    except Exception as error:
        told = type(error).__name__
    partial = pathlib.Path({str(order.with_suffix(".told"))!r})
    partial.write_text(told)
    partial.rename({str(order.with_suffix(".zombie"))!r})
    os._exit(0)
"""
    split = f"""\
                if _split_if_told(effect):
                    _as_zombie(effect, world)
{PERFORM}"""
    return (
        Change(file=STEPS_FILE, old=PERFORM, new=split),
        Change(file=STEPS_FILE, old=TOP, new=f"{function}{TOP}"),
    )


PROCESSES: Final = (
    Drill(
        id="crash-at-every-step",
        fault="the function's process is killed before each step of a take, then at every commit",
        alarm="function-errors",
        cause="A bad deploy",
        break_it=die_at_every_step,
    ),
    Drill(
        id="zombie",
        fault="a run is given up, taken again by another, and goes on to its commit all the same",
        by_design="the other one has fenced the head: the late commit is refused",
        break_it=leave_a_zombie,
    ),
    Drill(
        id="killed-once",
        fault="all processes of the functions are killed at once",
        by_design="the batch is delivered again within seconds, to a new process",
        break_it=kill_workers,
    ),
)

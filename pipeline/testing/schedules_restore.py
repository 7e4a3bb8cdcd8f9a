"""Schedules in which the ledger comes back from a backup while the lake went on (13)."""

from typing import Final

from pipeline.testing.schedules import Schedule, deliver
from pipeline.testing.simulation import RUN_MS_MAX, Simulation

STEPS_MAX: Final = 40


def rewound_to_every_moment() -> None:
    """13: a backup of moment n, a death at moment m; other boundaries afterwards (T21)."""
    for texts in (("a b@1", "c"), ("z", "z"), ("bad:a", "z")):
        for backed_up in range(STEPS_MAX):
            for died in range(backed_up, STEPS_MAX, 3):
                ended = [
                    rewound(texts, backed_up=backed_up, died=died, first_taken=first_taken)
                    for first_taken in (1, 2)
                ]
                if any(ended):
                    break


def rewound(texts: tuple[str, ...], *, backed_up: int, died: int, first_taken: int) -> bool:
    """Rewind one run, deliver so many of its records again, then more of them.

    Returns whether the run had ended before its death.
    """
    simulation = Simulation()
    deliver(simulation, simulation.worker(), simulation.stream.put(simulation.shard, "z"))
    records = simulation.stream.put(simulation.shard, *texts)
    run = simulation.start(simulation.worker(), records)
    backup = simulation.backup()
    for step in range(died):
        if step == backed_up:
            backup = simulation.backup()
        run.step()
    if backed_up >= died:
        backup = simulation.backup()
    ended = run.ended
    run.kill()
    simulation.rewind(backup)
    simulation.restore(simulation.worker())
    deliver(simulation, simulation.worker(), records[:first_taken])
    copies = simulation.stream.put(simulation.shard, "a b", "z d")
    deliver(simulation, simulation.worker(), [*records[1:], *copies[:1]])
    deliver(simulation, simulation.worker(), copies)
    simulation.settle()
    return ended


def rewound_by_several_commits_after_compaction() -> None:
    """13: the head says unpublished, the file was compacted since: the mark decides (T20)."""
    for kept in range(4):
        simulation = Simulation()
        backups = [simulation.backup()]
        batches = []
        for text in ("a", "b@1 a", "bad:c b"):
            batches.append(simulation.stream.put(simulation.shard, text))
            run = simulation.start(simulation.worker(), batches[-1])
            while not run.ended:
                run.step()
                head = simulation.ledger.heads.get(simulation.shard)
                if head is not None and head.unpublished is not None:
                    backup = simulation.backup()
            backups.append(backup)
        simulation.clock.advance(RUN_MS_MAX + 1)
        simulation.compact()
        simulation.rewind(backups[kept])
        simulation.restore(simulation.worker())
        deliver(simulation, simulation.worker(), [r for batch in batches for r in batch])
        deliver(simulation, simulation.worker(), simulation.stream.put(simulation.shard, "a c e"))
        simulation.settle()


RESTORE: Final[tuple[Schedule, ...]] = (
    rewound_to_every_moment,
    rewound_by_several_commits_after_compaction,
)

"""What happens in a run apart from faults: records, copies, splits, deploys, outages, restores."""

from dataclasses import replace
from random import Random

from tests.simulation.conditions import Conditions, draw
from tests.simulation.script import Happening, Script

KINDS = (
    *("copy", "late copy", "replay", "split", "merge", "deploy", "bad deploy"),
    *("restart", "resize", "outage", "idle", "restore", "stranger"),
)
IDS_MAX = 14
FRESH = 0.7
MANY = 3
"""More poison than that comes one after another: then a shard must stop (P6)."""


def script_of(seed: int, *, situation: str | None = None) -> Script:
    """Return the script of a seed; it draws its faults as the run goes."""
    chance = Random(f"{situation}/{seed}")
    conditions = draw(chance, situation)
    return Script(conditions=conditions, happenings=happenings(conditions, chance), chance=chance)


def happenings(conditions: Conditions, chance: Random) -> tuple[Happening, ...]:
    """Draw what happens, in the order of time."""
    drawn: list[Happening] = []
    fresh = dict.fromkeys(conditions.lanes, 0)
    at_ms = 0
    for _ in range(conditions.records):
        if chance.random() >= conditions.burst:
            at_ms += chance.randrange(1 + 2 * conditions.spread_ms // conditions.records)
        text = record(conditions, fresh, chance)
        drawn.append(Happening(at_ms=at_ms, kind="put", text=text))
    end_ms = max(at_ms, conditions.spread_ms)
    together_ms = chance.randrange(1 + at_ms)
    drawn.extend(
        Happening(
            at_ms=together_ms if conditions.poison > MANY else chance.randrange(1 + at_ms),
            kind="put",
            text=text,
        )
        for text in poisoned(conditions, chance)
    )
    for kind in KINDS:
        wanted = conditions.chances.get(kind, 0.0)
        times = int(wanted) + (chance.random() < wanted % 1)
        drawn.extend(
            Happening(
                at_ms=chance.randrange(end_ms + 20_000),
                kind=kind,
                number=chance.randrange(1_000),
            )
            for _ in range(times)
        )
    return stretched(sorted(drawn, key=lambda each: each.at_ms), chance)


def record(conditions: Conditions, fresh: dict[str, int], chance: Random) -> str:
    """Draw a record's words: all of one lane, so that each id keeps its lineage (T17)."""
    lane = chance.choice(conditions.lanes)
    words = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        if fresh[lane] == 0 or (fresh[lane] < IDS_MAX and chance.random() < FRESH):
            fresh[lane] += 1
            words.append(word(lane, fresh[lane]))
        else:
            words.append(word(lane, 1 + chance.randrange(fresh[lane])))
    return " ".join(dict.fromkeys(words))


def word(lane: str, number: int) -> str:
    """Return an id's word: its hour, and whether it breaks its contract, are fixed by the id."""
    if number % 6 == 5:
        return f"bad:{lane}{number}"
    return f"{lane}{number}@{number % 3}" if number % 3 else f"{lane}{number}"


def poisoned(conditions: Conditions, chance: Random) -> list[str]:
    """Draw records that kill the process or make the core raise, each under a lane's name."""
    lane = chance.choice(conditions.lanes)
    found = [f"{lane}/{chance.choice(('kill', 'kill', 'raise'))}" for _ in range(conditions.poison)]
    return found + ([f"{lane}p", f"{lane}q"] if conditions.pairs else [])


def stretched(drawn: list[Happening], chance: Random) -> tuple[Happening, ...]:
    """Return the happenings with the outages and idle times in between as long as they last."""
    later_ms = 0
    placed = []
    for each in drawn:
        placed.append(replace(each, at_ms=each.at_ms + later_ms))
        if each.kind in {"outage", "idle"}:
            later_ms += (60_000, 400_000, 1_200_000, 2_400_000)[each.number % 4]
    return tuple(placed)

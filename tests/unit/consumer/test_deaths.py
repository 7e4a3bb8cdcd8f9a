"""A worker that dies after any of its effects is followed by another, and nothing is amiss."""

from typing import Any

import pytest

from pipeline.meter import Meter
from pipeline.testing.core import Killed
from tests.unit.consumer.conftest import World

EFFECTS_MAX = 200


class Deaths:
    """Kills the process after its n-th effect, counted over all its takes."""

    def __init__(self, after: int) -> None:
        self.left = after

    def saw(self, effect: Any, answer: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def story(world: World, *, deaths: Deaths, patch: pytest.MonkeyPatch) -> bool:
    """Let a worker die on the way, another go on; return whether the first one died."""
    world.simulation.stream.open("s1")
    shards = tuple(world.simulation.stream.shards_by_id)
    died = False
    for name in ("a", "b@1", "a", "c", "bad:d"):
        for shard in shards:
            world.put(f"{shard}{name}", shard=shard)
    with patch.context() as mortal:
        mortal.setattr(Meter, "saw", deaths.saw)
        first = world.process(records_max=2)
        first.subscription.assign(*shards)
        try:
            first.until(world.is_in)
        except Killed:
            died = True
    for shard in shards:
        world.put(f"{shard}e", shard=shard)
    second = world.process(records_max=3)
    second.subscription.assign(*shards)
    second.until(world.is_in)
    world.simulation.settle()
    return died


def test_killed_after_any_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    after = next(
        after
        for after in range(1, EFFECTS_MAX)
        if not story(World(), deaths=Deaths(after), patch=monkeypatch)
    )

    assert after > 50, "the story has more effects than that"

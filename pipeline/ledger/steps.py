"""How a verb of the protocol runs: a generator of effects, driven step by step."""

from abc import abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, cast

from pipeline.ledger.seams import World

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Effect(Generic[T_co]):
    """Something to be done in the world, with an answer of one type."""

    __slots__ = ()

    @abstractmethod
    def perform(self, world: World) -> T_co:
        """Do it and return the answer. Raises what the seam raises."""


Steps: TypeAlias = Generator[Effect[object], object, T]
"""A verb of the protocol: it yields effects, is sent their answers, and returns its result."""


def ask(effect: Effect[T]) -> Steps[T]:
    """Yield one effect and return its answer."""
    answer = yield effect
    return cast("T", answer)


def run(
    steps: Steps[T],
    world: World,
    *,
    before: Callable[[Effect[object]], None] = lambda _: None,
    after: Callable[[Effect[object], object], None] = lambda _, __: None,
) -> T:
    """Drive a verb to its end: each effect is performed, its answer or error is handed back.

    `before` sees each effect first; what it raises is handed back in the effect's place. `after`
    sees each that succeeded with its answer, and must not raise.
    """
    try:
        effect = next(steps)
        while True:
            try:
                before(effect)
                answer = effect.perform(world)
            except Exception as error:
                effect = steps.throw(error)
            else:
                after(effect, answer)
                effect = steps.send(answer)
    except StopIteration as end:
        return cast("T", end.value)


@dataclass(frozen=True, slots=True)
class Together(Effect[tuple[T, ...]]):
    """Independent effects, performed at once; all have ended when it answers."""

    effects: tuple[Effect[T], ...]

    def perform(self, world: World) -> tuple[T, ...]:
        """Perform them all."""
        return world.together(self.effects)

"""How a new version comes to the functions' callers: at once, or by steps that alarms end. Pure."""

from typing import Final, Literal

Rollout = Literal["all_at_once", "canary", "linear"]

ALL: Final = 100

NOT_OF_A_RELEASE: Final = frozenset(
    {"write-throttles", "read-throttles", "small-files", "quiet-stream"}
)
"""Alarms that tell of the load, which another version neither causes nor mends."""


def steps(rollout: Rollout, percent: int) -> tuple[int, ...]:
    """Return the share of invocations that a new version gets, step by step, in percent.

    As CodeDeploy shifts an alias's weights: in two increments, or in equal ones (its user guide,
    "Working with deployment configurations in CodeDeploy").
    """
    match rollout:
        case "all_at_once":
            return (ALL,)
        case "canary":
            return (percent, ALL)
        case "linear":
            return (*range(percent, ALL, percent), ALL)

"""How a rollout's settings become steps."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.alarm_rule import Objectives
from infra.alarm_rules import rules
from infra.rollout import NOT_OF_A_RELEASE, Rollout, steps
from infra.settings import Settings


@pytest.mark.parametrize(
    ("rollout", "percent", "expected"),
    [
        ("all_at_once", 10, (100,)),
        ("canary", 10, (10, 100)),
        ("linear", 25, (25, 50, 75, 100)),
        ("linear", 40, (40, 80, 100)),
        ("linear", 99, (99, 100)),
    ],
)
def test_a_rollout_ends_with_all_of_the_invocations(
    rollout: Rollout, percent: int, expected: tuple[int, ...]
) -> None:
    assert steps(rollout, percent) == expected


def test_only_alarms_of_the_load_end_no_rollout() -> None:
    objectives: Objectives = Settings(quiet_minutes=30).objectives
    known = {rule.id for rule in rules(objectives)}
    assert known > NOT_OF_A_RELEASE
    assert known - NOT_OF_A_RELEASE >= {"function-errors", "quarantine-rate", "canary-not-seen"}


def test_a_client_reads_the_rollout_from_the_outputs(register: Callable[..., Any]) -> None:
    given = {"rollout": "linear", "rollout_percent": "20", "rollout_minutes": "7"}
    settings = register(given).outputs["settings"]
    assert {key: str(settings[key]) for key in given} == given

"""What state an alarm takes: a pure function of its rule, its data points and its present state.

The rules are AWS's: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data"
and, in it, "Avoiding premature transitions to alarm state". Where the guide's sentences and its two
tables differ, the tables are followed.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Missing = Literal["missing", "ignore", "breaching", "notBreaching"]

COMPARISONS: Final[Mapping[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
EXTRA_PERIODS: Final = 2
"""The guide says only that more is retrieved than is evaluated; its examples take 5 for 3."""
IGNORES_MISSING: Final = "AWS/DynamoDB"
"""Its alarms ignore missing data whatever they say (same page)."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What an alarm compares: `datapoints_to_alarm` (M) of `evaluation_periods` (N) must breach."""

    comparison: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: Missing = "missing"
    namespace: str = ""

    @property
    def evaluation_range(self) -> int:
        """How many periods are looked at: more than are evaluated, in case some are missing."""
        return self.evaluation_periods + EXTRA_PERIODS

    @property
    def treats_missing_as(self) -> Missing:
        """The policy that holds, which is not always the one that was asked for."""
        return "ignore" if self.namespace == IGNORES_MISSING else self.missing


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """An alarm's state, why, and the real points that decided it, newest last."""

    state: State
    reason: str
    evaluated: tuple[float, ...]


def evaluate(rule: Rule, points: Sequence[float | None], state: State) -> Verdict:
    """Return the state after looking at one value a period, newest last, None where none came.

    `points` has the length of the rule's evaluation range; `state` is the present one.
    """
    evaluated = tuple(p for p in points if p is not None)[-rule.evaluation_periods :]
    exceeds, _ = COMPARISONS[rule.comparison]
    breaching = sum(exceeds(value, rule.threshold) for value in evaluated)
    unfilled = rule.evaluation_periods - len(evaluated)
    policy = rule.treats_missing_as
    new: State
    if policy == "breaching":
        new = _by_count(breaching + unfilled, rule)
    elif policy == "notBreaching" or not unfilled or breaching < len(evaluated):
        new = _by_count(breaching, rule)
    else:
        new = _all_breaching(rule, points, state)
    return Verdict(state=new, reason=_reason(rule, new, evaluated, state), evaluated=evaluated)


def _by_count(breaching: int, rule: Rule) -> State:
    return "ALARM" if breaching >= rule.datapoints_to_alarm else "OK"


def _all_breaching(rule: Rule, points: Sequence[float | None], state: State) -> State:
    """Decide with too few points, all of them breaching, where nothing may stand in for the rest.

    One that is new may stay alone (`- - - - X`); one at least as old as M periods with nothing
    against it since then is trouble (`- - X - -`).
    """
    real = sum(point is not None for point in points)
    if real >= rule.datapoints_to_alarm:
        return "ALARM"
    if rule.treats_missing_as == "ignore":
        return state
    oldest = next((place for place, point in enumerate(points) if point is not None), None)
    if oldest is None:
        return "INSUFFICIENT_DATA"
    aged = len(points) - oldest >= rule.datapoints_to_alarm
    return "ALARM" if aged else "INSUFFICIENT_DATA"


def _reason(rule: Rule, new: State, evaluated: Sequence[float], state: State) -> str:
    """Return the reason in the form in which CloudWatch words it."""
    unfilled = rule.evaluation_periods - len(evaluated)
    if new == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_count(unfilled, 'datapoint')} unknown."
    filled = (
        f"{unfilled} missing datapoint{'s' * (unfilled > 1)} treated as [{rule.treats_missing_as}]"
    )
    if not evaluated:
        return f"Threshold Crossed: no datapoints were received and {filled}."
    exceeds, words = COMPARISONS[rule.comparison]
    breaching = [value for value in evaluated if exceeds(value, rule.threshold)]
    shown = breaching if new == "ALARM" else [v for v in evaluated if v not in breaching]
    verb = "was" if len(shown) == 1 else "were"
    also = f", and {filled}" if unfilled else ""
    return (
        f"Threshold Crossed: {len(shown)} of the last {_count(len(evaluated), 'datapoint')}"
        f" {[*shown]} {verb}{'' if new == 'ALARM' else ' not'} {words} the threshold"
        f" ({rule.threshold}){also} (minimum {rule.datapoints_to_alarm} to go from {state} to"
        " ALARM)."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

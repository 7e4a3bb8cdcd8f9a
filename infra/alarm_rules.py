"""Which alarms there are: every rule of a stack, put together of the families' own tables. Pure."""

from infra.alarm_rule import Objectives, Rule
from infra.alarm_rules_data import data_rules
from infra.alarm_rules_freshness import freshness_rules, quiet_rules
from infra.alarm_rules_operation import operation_rules


def rules(objectives: Objectives) -> tuple[Rule, ...]:
    """Return every rule of a stack, in the order in which an operator wants to hear of them."""
    return (
        *freshness_rules(objectives),
        *operation_rules(objectives),
        *data_rules(objectives),
        *quiet_rules(objectives),
    )

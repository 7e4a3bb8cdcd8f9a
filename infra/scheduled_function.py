"""A function that a schedule invokes, each of `Scheduled` by one of its own."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.alarm_rule import Scheduled
from infra.function import Function, FunctionArgs

TYPES: Final[dict[Scheduled, str]] = {
    "sweeper": "sluice:processing:Sweeper",
    "probe": "sluice:watch:Probe",
    "auditor": "sluice:watch:Auditor",
    "scaler": "sluice:stream:Scaler",
}
"""Part of the URNs of all that a component makes: a changed one makes everything anew."""


@dataclass(frozen=True, kw_only=True)
class ScheduledFunctionArgs:
    """What a scheduled function is made from."""

    kind: Scheduled
    function: FunctionArgs
    rule: str
    """Name of the schedule."""
    minutes: int


class ScheduledFunction(pulumi.ComponentResource):
    """A function, and the schedule that may invoke it."""

    function_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: ScheduledFunctionArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make function, schedule and the permission between them."""
        super().__init__(TYPES[args.kind], name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        function = Function(name, args.function, child)
        rule = aws.cloudwatch.EventRule(
            f"{name}-rule",
            name=args.rule,
            description=args.function.description,
            schedule_expression=rate(args.minutes),
            state="ENABLED",
            opts=child,
        )
        permission = aws.lambda_.Permission(
            f"{name}-permission",
            action="lambda:InvokeFunction",
            function=function.function_name,
            qualifier=function.alias_name,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            statement_id="schedule",
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=rule.name,
            target_id=args.kind,
            arn=function.alias_arn,
            # Otherwise the first runs are refused.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )
        self.function_name = function.function_name
        self.register_outputs({"function_name": self.function_name})


def rate(minutes: int) -> str:
    """Return the schedule of every `minutes`; EventBridge wants the singular of one."""
    return f"rate({minutes} minute{'' if minutes == 1 else 's'})"

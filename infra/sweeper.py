"""The sweeper: finishes, on a timer, what no further batch will (protocol.md, 2)."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.function import Function, FunctionArgs

HANDLER: Final = "lambdas.sweep_ledger.handler.handler"
SCHEDULE: Final = "rate(1 minute)"
CONCURRENCY_MAX: Final = 1
"""Two sweepers would fence each other (protocol.md, 2)."""


@dataclass(frozen=True, kw_only=True)
class SweeperArgs:
    """What the sweeper is made from."""

    function: FunctionArgs
    rule: str
    """Name of the schedule."""


class Sweeper(pulumi.ComponentResource):
    """A function, and the schedule that may invoke it."""

    function_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: SweeperArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make function, schedule and the permission between them."""
        super().__init__("sluice:processing:Sweeper", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        function = Function(name, args.function, child)
        rule = aws.cloudwatch.EventRule(
            f"{name}-rule",
            name=args.rule,
            description="Publishes what is committed, takes over what stands still",
            schedule_expression=SCHEDULE,
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
            target_id="sweeper",
            arn=function.alias_arn,
            # Otherwise the first runs are refused.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )
        self.function_name = function.function_name
        self.register_outputs({"function_name": self.function_name})

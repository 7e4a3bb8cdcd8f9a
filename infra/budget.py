"""The budget: somebody is told before a month costs more than it may."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

WARNINGS: Final = (("ACTUAL", 80.0), ("ACTUAL", 100.0), ("FORECASTED", 100.0))
"""Kinds and percentages: four fifths are spent, all is spent, or the month will end beyond it."""


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    """What a budget is made from: told is `email`, or else the topic."""

    budget: str
    account: str
    usd: float
    """A month's limit."""
    email: str | None
    topic_arn: pulumi.Input[str] | None

    def __post_init__(self) -> None:
        """Refuse a budget that tells nobody, or two."""
        if (self.email is None) == (self.topic_arn is None):
            raise ValueError("a budget tells an address or a topic, one of the two")


class Budget(pulumi.ComponentResource):
    """What the whole account costs a month, against a limit.

    The account's and not the stack's alone: a filter by tags counts nothing, and so warns nobody,
    until those tags are activated in the payer's billing console (AWS Billing user guide,
    "Activating user-defined cost allocation tags"). An account a stage is what keeps them apart.
    """

    budget_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the budget with its warnings."""
        super().__init__("sluice:costs:Budget", name, None, opts)
        budget = aws.budgets.Budget(
            name,
            name=args.budget,
            account_id=args.account,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{args.usd:.2f}",
            limit_unit="USD",
            notifications=[_warning(kind, percent, args) for kind, percent in WARNINGS],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.budget_name = budget.name
        self.register_outputs({"budget_name": self.budget_name})


def _warning(kind: str, percent: float, args: BudgetArgs) -> aws.budgets.BudgetNotificationArgsDict:
    """Return one warning; an address is encrypted in the state and hidden in what is printed."""
    warning: aws.budgets.BudgetNotificationArgsDict = {
        "notification_type": kind,
        "comparison_operator": "GREATER_THAN",
        "threshold": percent,
        "threshold_type": "PERCENTAGE",
    }
    if args.email is not None:
        warning["subscriber_email_addresses"] = [pulumi.Output.secret(args.email)]
    if args.topic_arn is not None:
        warning["subscriber_sns_topic_arns"] = [args.topic_arn]
    return warning

"""Budgets and whom they warn."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    changes,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Each, Given, Joined, Pairs

_BUDGET: Final = {
    "BudgetName": "$name",
    "BudgetType": "$budgetType",
    "TimeUnit": "$timeUnit",
    "BudgetLimit": {"Amount": "$limitAmount", "Unit": "$limitUnit"},
}

# The program names one address or one topic a warning.
_EMAIL: Final = Given(
    of="$item.subscriberEmailAddresses.0",
    then={"SubscriptionType": "EMAIL", "Address": "$item.subscriberEmailAddresses.0"},
)
_TOPIC: Final = Given(
    of="$item.subscriberSnsTopicArns.0",
    then={"SubscriptionType": "SNS", "Address": "$item.subscriberSnsTopicArns.0"},
)

BUDGET: Final = ResourceType(
    token="aws:budgets/budget:Budget",
    service="budgets",
    create=Call(
        operation="create_budget",
        parameters={
            "AccountId": "$accountId",
            "Budget": _BUDGET,
            "NotificationsWithSubscribers": Each(
                of="$notifications",
                to={
                    "Notification": {
                        "NotificationType": "$item.notificationType",
                        "ComparisonOperator": "$item.comparisonOperator",
                        "Threshold": "$item.threshold",
                        "ThresholdType": "$item.thresholdType",
                    },
                    "Subscribers": [_EMAIL, _TOPIC],
                },
            ),
            "ResourceTags": Pairs(of="$tags"),
        },
    ),
    id=Joined(parts=("$accountId", ":", "$name")),
    identity=("name", "accountId"),
    # AWS's plugin changes warnings in place; here the budget is made anew, which keeps no data.
    replaces=("notifications",),
    updates=(
        changes(
            ("budgetType", "timeUnit", "limitAmount", "limitUnit"),
            "update_budget",
            AccountId="$accountId",
            NewBudget=_BUDGET,
        ),
        tag_updates({"ResourceARN": "$out.arn"}, members=("ResourceTags", "ResourceTagKeys")),
    ),
    read=reads("describe_budget", AccountId="$accountId", BudgetName="$name"),
    outputs={
        "arn": Joined(parts=("arn:aws:budgets::", "$accountId", ":budget/", "$name")),
        "name": "$name",
    },
    told={"limitAmount": "$read.Budget.BudgetLimit.Amount"},
    delete=deletes("delete_budget", AccountId="$accountId", BudgetName="$name"),
    exists=("DuplicateRecordException",),
    gone=("NotFoundException",),
)

TYPES: Final = (BUDGET,)

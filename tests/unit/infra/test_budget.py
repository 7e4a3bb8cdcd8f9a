"""A budget is made only where a limit is set, and tells an address or the alarms' topic."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from infra.budget import BudgetArgs
from infra.settings import parse


def moved(register: Callable[..., Any], before: dict[str, str], after: dict[str, str]) -> set[str]:
    one, other = register(before).leaves(), register(after).leaves()
    changed = {key for key in {*one, *other} if one.get(key) != other.get(key)}
    return {key if not key.startswith("budget.") else "budget" for key in changed}


def principals(policy: str) -> set[str]:
    statements = json.loads(policy)["Statement"]
    return {s["Principal"].get("Service", "") for s in statements}


def test_without_a_limit_there_is_no_budget(register: Callable[..., Any]) -> None:
    registered = register()
    assert registered.of_type("Budget") == []
    assert "budgets.amazonaws.com" not in principals(registered.inputs("alarms-policy")["policy"])


def test_a_limit_makes_a_budget_that_tells_the_alarms_topic(register: Callable[..., Any]) -> None:
    registered = register({"budget_usd": "250"})
    budget = registered.inputs("budget")
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == (
        *("250.00", "USD", "MONTHLY"),
    )
    told = [(n["notificationType"], n["threshold"]) for n in budget["notifications"]]
    assert told == [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    (topic,) = {arn for n in budget["notifications"] for arn in n["subscriberSnsTopicArns"]}
    assert topic == registered.outputs["topic_arn"]


def test_the_budget_may_publish_to_the_encrypted_topic_and_to_no_other(
    register: Callable[..., Any],
) -> None:
    registered = register({"budget_usd": "250"})
    for resource, allowed in (("alarms-policy", True), ("alarms-pages-policy", False)):
        found = principals(registered.inputs(resource)["policy"])
        assert ("budgets.amazonaws.com" in found) is allowed
    assert "budgets.amazonaws.com" in principals(registered.inputs("encryption")["policy"])


def test_a_limit_and_an_address_move_the_budget_and_what_lets_it_speak_alone(
    register: Callable[..., Any],
) -> None:
    limit = {"budget_usd": "250"}
    spoken = {"alarms-policy.policy", "encryption.policy"}
    assert moved(register, {}, limit) == {"budget", *spoken}
    assert moved(register, limit, {"budget_usd": "300"}) == {"budget"}
    assert moved(register, {}, {**limit, "budget_email": "costs@example.com"}) == {"budget"}


def test_an_address_is_told_in_place_of_the_topic(register: Callable[..., Any]) -> None:
    budget = register({"budget_usd": "9.5", "budget_email": "costs@example.com"}).inputs("budget")
    assert budget["limitAmount"] == "9.50"
    for warning in budget["notifications"]:
        assert warning["subscriberEmailAddresses"] == ["costs@example.com"]
        assert not warning.get("subscriberSnsTopicArns")


def test_an_address_without_a_limit_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match="budget_email: there is no budget to tell of"):
        parse({"budget_email": "costs@example.com"})


@pytest.mark.parametrize(("email", "topic"), [(None, None), ("a@b.c", "arn:aws:sns:::t")])
def test_a_budget_tells_exactly_one(email: str | None, topic: str | None) -> None:
    with pytest.raises(ValueError, match="one of the two"):
        BudgetArgs(budget="b", account="1" * 12, usd=1, email=email, topic_arn=topic)

"""A budget under the real engine: its address stays secret; it comes and goes by one setting."""

import json
from collections.abc import Callable
from typing import Any

ADDRESS = "hunter2-is-secret@example.com"


def test_a_budget_comes_changes_and_goes_and_its_address_is_never_in_the_state(
    engine: Any, aws: Any, package_file: Any, client: Callable[[str], Any]
) -> None:
    engine("stack", "init", "dev")
    engine.set("aws:region", aws.region)
    engine.set("sluice:package_file", str(package_file))
    engine.set("sluice:budget_usd", "100")
    engine("config", "set", "--secret", "sluice:budget_email", ADDRESS)
    account = client("sts").get_caller_identity()["Account"]

    def limits() -> list[str]:
        told = client("budgets").describe_budgets(AccountId=account).get("Budgets", [])
        return [budget["BudgetLimit"]["Amount"] for budget in told]

    engine("up", "--yes", "--skip-preview")
    assert limits() == ["100.00"]
    state = json.dumps(engine.state())
    assert "budgets/budget:Budget" in state
    assert ADDRESS not in state
    engine.set("sluice:budget_usd", "250")
    assert engine("up", "--yes", "--skip-preview").steps["updated"] == 1
    assert limits() == ["250.00"]
    assert engine("up", "--yes", "--skip-preview").steps.keys() == {"unchanged"}
    engine("destroy", "--yes", "--skip-preview")
    assert limits() == []

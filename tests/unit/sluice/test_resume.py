"""A limit on the processor's runs that was set by hand is the stack's own again after a resume."""

from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from sluice import functions, resume
from sluice.stack import Stack
from tests.stubbed import stubbed

NAME = "sluice-prod-processor"
FUNCTION = {"FunctionName": NAME}


@pytest.fixture
def stubber(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    client, stubber = stubbed("lambda")
    monkeypatch.setattr(functions, "client", lambda *_: client)
    monkeypatch.setattr(functions, "schedules", lambda *_: [])
    monkeypatch.setattr(functions, "switch_mapping", lambda *_, **__: None)
    return stubber


def limited(to: int | None) -> dict[str, int]:
    return {} if to is None else {"ReservedConcurrentExecutions": to}


@pytest.mark.parametrize(
    ("of_the_stack", "by_hand", "told"),
    [
        (None, None, []),
        (4, 4, []),
        (None, 0, [f"{NAME}: was limited to 0 runs at once"]),
        (4, 0, [f"{NAME}: was limited to 0 runs at once"]),
        (4, None, [f"{NAME}: was not limited"]),
    ],
)
def test_the_limit_is_again_what_the_stack_says(
    stubber: Stubber, of_the_stack: int | None, by_hand: int | None, told: list[str]
) -> None:
    stubber.add_response("get_function_concurrency", limited(by_hand), FUNCTION)
    if told and of_the_stack is None:
        stubber.add_response("delete_function_concurrency", {}, FUNCTION)
    elif told:
        wanted = limited(of_the_stack)
        stubber.add_response("put_function_concurrency", wanted, {**FUNCTION, **wanted})
    outputs: dict[str, Any] = {
        "function_name": NAME,
        "settings": {"concurrency_max": of_the_stack},
    }
    stack = Stack(name="prod", folder=Path("prod"), outputs=outputs, endpoint=None)
    assert resume.resume_stack(stack) == told
    stubber.assert_no_pending_responses()

"""Every rule holds for everything that every committed stack registers, and none can but fail."""

from collections.abc import Callable
from typing import Any, Final

import pulumi
import pytest

from pipeline.errors import UserError
from tests.unit.infra.policy import (
    rules_access,
    rules_data,
    rules_machines,
    rules_network,
    rules_watch,
    rules_worker,
)
from tests.unit.infra.policy.stack import Break, Rule, Stack

RULES: Final = (
    *rules_data.RULES,
    *rules_access.RULES,
    *rules_watch.RULES,
    *rules_network.RULES,
    *rules_worker.RULES,
    *rules_machines.RULES,
)
STACKS: Final[dict[str, dict[str, str]]] = {
    "dev": {},
    "staging": {},
    "prod": {},
    "prod with every setting": {
        "alarm_email": "oncall@example.com",
        "budget_usd": "500",
        "page_email": "pager@example.com",
        "quiet_minutes": "30",
    },
    rules_network.PRIVATE: {"network": "private"},
    rules_network.PRIVATE_AND_SCALED: {"network": "private"},
    rules_network.ON_KAFKA: {"stream": "kafka"},
    "dev on Kafka without servers": {"stream": "kafka", "kafka_cluster": "serverless"},
    "staging on Kafka": {"stream": "kafka"},
    rules_machines.ON_PULSAR: {"stream": "pulsar"},
    "staging on Pulsar": {"stream": "pulsar", "pulsar_offload_gb": "50"},
    rules_network.GIVEN_PULSAR: {
        "stream": "pulsar",
        "pulsar_cluster": "given",
        "service_url": "pulsar+ssl://pulsar.example.com:6651",
        "broker_cidr": "10.7.0.0/16",
        "pulsar_credentials_arn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:p-Ab12",
    },
}
"""The committed stack files; the last adds the settings that make resources and are given there
as comments."""


@pytest.fixture
def stack_of(
    register: Callable[..., Any], settings_of_stack: Callable[[str], dict[str, str]]
) -> Callable[[str], Stack]:
    def made(name: str) -> Stack:
        file = name.split(" ", 1)[0]
        settings = {**settings_of_stack(file), "package": "local", **STACKS[name]}
        registered = register(settings, stack=file)
        return Stack(resources=registered.resources, keeps_data=file != "dev")

    return made


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@pytest.mark.parametrize("name", STACKS)
def test_every_stack_keeps_the_rule(
    name: str, rule: Rule, stack_of: Callable[[str], Stack]
) -> None:
    stack = stack_of(name)
    if stack.keeps_data or not rule.keeping_only:
        assert list(rule.check(stack)) == [], rule.why


@pytest.mark.parametrize(
    ("rule", "broken"),
    [(rule, broken) for rule in RULES for broken in rule.breaks],
    ids=lambda each: each.id if isinstance(each, Rule) else f"{each.resource}-{each.path}",
)
def test_a_stack_that_breaks_the_rule_is_found(
    rule: Rule, broken: Break, stack_of: Callable[[str], Stack]
) -> None:
    stack = stack_of("staging" if rule.keeping_only else rule.broken_in)
    assert list(rule.check(stack.broken(broken))) != []


def test_every_rule_has_an_id_a_reason_and_a_break_that_it_finds() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert [rule.id for rule in RULES if not rule.why or not rule.breaks] == []


def test_a_stack_that_keeps_nothing_can_be_destroyed(stack_of: Callable[[str], Stack]) -> None:
    assert [r.name for r in stack_of("dev").of(*rules_data.DATA) if r.protect] == []


@pytest.mark.parametrize("name", STACKS)
def test_no_value_was_missing_when_it_was_written_into_a_text(
    name: str, stack_of: Callable[[str], Stack]
) -> None:
    assert _unresolved(stack_of(name)) == []


def test_an_output_that_never_became_a_value_stops_the_program(
    register: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    monkeypatch.setattr(
        "infra.policies.tls_only", lambda _: pulumi.Output.from_input(pulumi.output.UNKNOWN)
    )
    with pytest.raises(UserError, match=r"lake-policy\.policy never became a value"):
        register({"log_days": "3"})


def test_an_output_written_as_text_is_found(
    register: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    monkeypatch.setattr("infra.policies.VERSION", "Calling __str__ on an Output[T]")
    registered = register({"log_days": "5"})
    stack = Stack(resources=registered.resources, keeps_data=False)
    assert "lake-policy.policy" in _unresolved(stack)


def _unresolved(stack: Stack) -> list[str]:
    """The inputs in which there stands what a value looks like that is none."""
    signs = ("None", "Output[", "Calling __str__", "<pulumi.")
    return [
        f"{resource.name}.{path}"
        for resource in stack.resources.values()
        for path, text in resource.inputs.items()
        if any(sign in str(text) for sign in signs)
    ]

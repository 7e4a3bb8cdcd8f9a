"""The stack's own README names outputs that there are, and commands that run."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).resolve().parents[3] / "Pulumi.README.md"
NAMED = re.compile(r"\$\{outputs\.([^}]*)\}")


def filled(outputs: Mapping[str, Any], path: str) -> Any:
    """Return the output at a dotted path. Raises KeyError where there is none."""
    value: Any = outputs
    for part in path.split("."):
        value = value[part]
    return value


STACKS: Mapping[str, Mapping[str, str]] = {
    "Kinesis": {},
    "Kinesis, without an auditor": {"audit_minutes": "0"},
    "Kafka": {"stream": "kafka", "package": "local"},
    "Pulsar": {"stream": "pulsar", "package": "local"},
}


@pytest.mark.parametrize("stack", STACKS)
def test_every_output_that_it_names_is_one_with_a_value(
    register: Callable[..., Any], stack: str
) -> None:
    outputs = register(STACKS[stack]).outputs
    names = NAMED.findall(outputs["readme"])
    assert len(set(names)) > 10
    for name in names:
        assert isinstance(filled(outputs, name), str | int | float), name


def test_every_line_is_one_of_some_stack_in_its_order(register: Callable[..., Any]) -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    shown = [register(STACKS[stack]).outputs["readme"].splitlines() for stack in STACKS]
    assert {line for each in shown for line in each} == set(lines)
    for each in shown:
        assert each == [line for line in lines if line in each]


def test_nothing_else_in_it_looks_like_something_to_fill_in() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(re.findall(r"\$\{", text)) == len(NAMED.findall(text))

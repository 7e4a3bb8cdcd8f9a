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


@pytest.mark.parametrize("auditor", ["0", "5"])
def test_every_output_that_it_names_is_one_with_a_value(
    register: Callable[..., Any], auditor: str
) -> None:
    outputs = register({"audit_minutes": auditor}).outputs
    names = NAMED.findall(README.read_text(encoding="utf-8"))
    assert len(set(names)) > 10
    for name in names:
        assert isinstance(filled(outputs, name), str | int | float), name


def test_the_stack_exports_it_as_it_is(register: Callable[..., Any]) -> None:
    assert register().outputs["readme"] == README.read_text(encoding="utf-8")


def test_nothing_else_in_it_looks_like_something_to_fill_in() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(re.findall(r"\$\{", text)) == len(NAMED.findall(text))

"""Physical names: legal for AWS, distinct, and of one stack alone."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.naming import BUCKET_CHARACTERS_MAX, Names
from pipeline.errors import UserError
from sluice.stack import Stack


def _names(stack: str) -> Names:
    return Names(project="sluice", stack=stack, account="123456789012", region="eu-central-1")


def _all(names: Names) -> list[str]:
    properties = [n for n, v in vars(Names).items() if isinstance(v, property) and n != "prefix"]
    return [getattr(names, name) for name in properties]


@given(stack=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?", fullmatch=True))
def test_every_name_carries_the_stack_and_no_two_are_the_same(stack: str) -> None:
    names = _names(stack)
    made = _all(names)
    assert len(set(made)) == len(made) == 19
    assert all(names.prefix in name.replace("_", "-") for name in made)
    assert len(names.lake_bucket) <= BUCKET_CHARACTERS_MAX


@pytest.mark.parametrize("stack", ["Dev", "my_stack", "dev-", "ends.here", "ümlaut"])
def test_a_stack_that_no_bucket_could_carry_is_refused(stack: str) -> None:
    with pytest.raises(UserError, match="pulumi stack rename"):
        _names(stack)


def test_stacks_share_nothing() -> None:
    assert not set(_all(_names("dev"))) & set(_all(_names("prod")))


def test_one_account_or_region_more_is_another_bucket() -> None:
    names = _names("dev")
    elsewhere = dataclasses.replace(names, region="us-east-1")
    assert names.lake_bucket != elsewhere.lake_bucket


def test_the_command_line_knows_what_names_begin_with() -> None:
    names = _names("dev")
    outputs = {"stream_name": names.stream}
    stack = Stack(name="dev", folder=Path("dev"), outputs=outputs, endpoint=None)
    assert stack.prefix == names.prefix

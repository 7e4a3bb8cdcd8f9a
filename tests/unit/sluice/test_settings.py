"""What `sluice up --set` keeps, changes and takes back."""

import pytest

from pipeline.errors import UserError
from sluice.up import merged


def test_a_setting_is_kept_until_it_is_set_again() -> None:
    assert merged({"shard_count": "2"}, ("memory_mb=1024",)) == {
        "shard_count": "2",
        "memory_mb": "1024",
    }
    assert merged({"shard_count": "2"}, ("shard_count=4",)) == {"shard_count": "4"}


def test_an_empty_value_goes_back_to_the_default() -> None:
    assert merged({"shard_count": "2"}, ("shard_count=",)) == {}


def test_a_value_may_hold_an_equals_sign() -> None:
    assert merged({}, ("runbooks_url=https://x/?a=b",)) == {"runbooks_url": "https://x/?a=b"}


def test_a_pair_without_one_is_a_mistake() -> None:
    with pytest.raises(UserError, match="KEY=VALUE"):
        merged({}, ("shard_count",))

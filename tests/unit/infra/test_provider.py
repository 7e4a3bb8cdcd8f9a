"""The interpreter: what it refuses, what it tells apart, and how templates become parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.provider.calls import wanted
from infra.local.provider.errors import (
    InvalidParameter,
    ProviderError,
    UnknownProperty,
    UnknownResource,
)
from infra.local.provider.interpreter import Provider
from infra.local.provider.resource_type import Call
from infra.local.provider.template import ABSENT, Choice, Content, Each, Joined, Keys, Pairs, render
from pipeline.errors import UserError

STREAM = "aws:kinesis/stream:Stream"
TABLE = "aws:dynamodb/table:Table"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"

EVENTS: Mapping[str, Any] = {"name": "events", "shardCount": 1, "retentionPeriod": 24}
LEDGER: Mapping[str, Any] = {
    "name": "ledger",
    "billingMode": "PAY_PER_REQUEST",
    "hashKey": "pk",
    "attributes": [{"name": "pk", "type": "S"}],
}
BATCHES: Mapping[str, Any] = {
    "functionName": "f",
    "eventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/events",
    "startingPosition": "TRIM_HORIZON",
    "batchSize": 100,
}


def test_what_is_right_is_let_through(provider: Provider) -> None:
    provider.check(STREAM, "stream", EVENTS)
    provider.check(TABLE, "ledger", LEDGER)
    provider.check(MAPPING, "mapping", BATCHES)


def test_an_unknown_property_is_refused_by_its_name(provider: Provider) -> None:
    with pytest.raises(
        UnknownProperty, match=r"stream .*does not know the property warmThroughput;"
    ):
        provider.check(STREAM, "stream", {**EVENTS, "warmThroughput": 1})


def test_an_unknown_resource_is_refused_by_its_type(provider: Provider) -> None:
    with pytest.raises(UnknownResource, match="no data for the resource type aws:sqs/queue:Queue"):
        provider.check("aws:sqs/queue:Queue", "queue", {})


def test_an_unknown_function_is_refused_by_its_name() -> None:
    nothing = Provider({}, {}, endpoint="http://127.0.0.1:9", region="us-east-1")
    with pytest.raises(UnknownResource, match="function aws:index/getAmi:getAmi"):
        nothing.invoke("aws:index/getAmi:getAmi", {})


@pytest.mark.parametrize(
    ("token", "inputs", "change", "message"),
    [
        (STREAM, EVENTS, {"shardCount": 0}, "ShardCount is 0, least is 1"),
        (STREAM, EVENTS, {"shardCount": "one"}, "ShardCount: a whole number is wanted"),
        (STREAM, EVENTS, {"shardCount": 1.5}, "ShardCount: a whole number is wanted"),
        (STREAM, EVENTS, {"shardCount": True}, "ShardCount: a whole number is wanted"),
        (STREAM, EVENTS, {"name": "x" * 129}, "StreamName: length is 129, most is 128"),
        (
            STREAM,
            EVENTS,
            {"streamModeDetails": {"streamMode": "ELASTIC"}},
            "'ELASTIC' is none of PROVISIONED, ON_DEMAND",
        ),
        (TABLE, LEDGER, {"attributes": [{"name": "pk"}]}, "AttributeType is required"),
        (TABLE, LEDGER, {"attributes": [{"name": "pk", "type": "X"}]}, "'X' is none of S, N, B"),
        (TABLE, LEDGER, {"deletionProtectionEnabled": "yes"}, "true or false is wanted"),
        (MAPPING, BATCHES, {"batchSize": 10_001}, "BatchSize is 10001, most is 10000"),
        (MAPPING, BATCHES, {"functionResponseTypes": "all"}, "a list is wanted, not 'all'"),
    ],
)
def test_what_the_services_model_bars_is_refused_before_any_call(
    token: str,
    inputs: Mapping[str, Any],
    change: Mapping[str, Any],
    message: str,
    provider: Provider,
) -> None:
    with pytest.raises(InvalidParameter, match=message):
        provider.check(token, "it", {**inputs, **change})


def test_every_fault_of_a_resource_is_told_at_once(provider: Provider) -> None:
    with pytest.raises(InvalidParameter, match=r"BatchSize is 0.*; .*Factor is 11"):
        provider.check(MAPPING, "it", {**BATCHES, "batchSize": 0, "parallelizationFactor": 11})


def test_what_is_refused_is_a_mistake_that_the_user_can_mend() -> None:
    assert issubclass(ProviderError, UserError)


@pytest.mark.parametrize(
    "endpoint", ["https://kinesis.us-east-1.amazonaws.com", "http://10.0.0.1:4566", "nonsense"]
)
def test_no_endpoint_but_this_machine_is_talked_to(endpoint: str) -> None:
    with pytest.raises(ProviderError, match="only talks to this machine"):
        Provider({}, {}, endpoint=endpoint, region="us-east-1")


@pytest.mark.parametrize(
    ("token", "inputs", "change", "replaced"),
    [
        (STREAM, EVENTS, {"shardCount": 2}, "no"),
        (STREAM, EVENTS, {"streamModeDetails": {"streamMode": "ON_DEMAND"}}, "no"),
        (STREAM, EVENTS, {"name": "other"}, "new one first"),
        (TABLE, LEDGER, {"hashKey": "id"}, "old one first"),
        (TABLE, LEDGER, {"rangeKey": "sk"}, "old one first"),
        (TABLE, LEDGER, {"billingMode": "PROVISIONED"}, "no"),
        (MAPPING, BATCHES, {"startingPosition": "LATEST"}, "old one first"),
        (MAPPING, BATCHES, {"batchSize": 7}, "no"),
    ],
)
def test_what_aws_changes_in_place_is_not_replaced(
    token: str,
    inputs: Mapping[str, Any],
    change: Mapping[str, Any],
    replaced: str,
    provider: Provider,
) -> None:
    found = provider.diff(token, inputs, {**inputs, **change})
    assert found.properties == tuple(change)
    order = "old one first" if found.delete_first else "new one first"
    assert (order if found.replaces else "no") == replaced


def test_a_file_that_only_moved_is_no_change(provider: Provider) -> None:
    token = "aws:s3/bucketObjectv2:BucketObjectv2"
    old = {"bucket": "b", "key": "k", "source": {"path": "/old/place", "sha256": "1"}}
    moved = {**old, "source": {"path": "/new/place", "sha256": "1"}}
    other = {**old, "source": {"path": "/old/place", "sha256": "2"}}
    assert provider.diff(token, old, moved).properties == ()
    assert provider.diff(token, old, other).properties == ("source",)


def test_a_reference_that_finds_nothing_leaves_its_member_out() -> None:
    template = {"Name": "$name", "Mode": {"StreamMode": "$details.mode"}, "Fixed": "text"}
    assert render(template, {"name": "n"}) == {"Name": "n", "Fixed": "text"}
    assert render({"Mode": {"StreamMode": "$details.mode"}}, {}) is ABSENT


def test_operators_make_what_apis_want(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"bytes")
    scope = {
        "tags": {"b": "2", "a": "1"},
        "attributes": [{"name": "pk"}, {"name": "sk"}],
        "on": True,
        "source": {"path": str(file)},
    }
    assert render(Pairs(of="$tags"), scope) == [
        {"Key": "a", "Value": "1"},
        {"Key": "b", "Value": "2"},
    ]
    assert render(Keys(of="$tags"), scope) == ["a", "b"]
    assert render(Each(of="$attributes", to={"N": "$item.name"}), scope) == [
        {"N": "pk"},
        {"N": "sk"},
    ]
    assert render(Choice(of="$on", true="KMS", false="AES256"), scope) == "KMS"
    assert render(Joined(parts=("$attributes.0.name", ":", "$attributes.-1.name")), scope) == (
        "pk:sk"
    )
    assert render(Content(of="$source"), scope) == b"bytes"
    for operator in (Pairs(of="$no"), Keys(of="$no"), Joined(parts=("a", "$no"))):
        assert render(operator, scope) is ABSENT


@given(value=st.recursive(st.integers() | st.booleans(), st.lists), key=st.text(min_size=1))
def test_a_reference_gives_the_value_as_it_stands(value: Any, key: str) -> None:
    path = "x" + key.replace(".", "")
    assert render(f"${path}", {path: value}) == value


@pytest.mark.parametrize(
    ("old", "new", "grew", "shrank"),
    [(24, 48, True, False), (48, 24, False, True), (24, 24, False, False), (None, 24, True, False)],
)
def test_a_number_that_grows_needs_another_call_than_one_that_shrinks(
    old: int | None, new: int, grew: bool, shrank: bool
) -> None:
    scope = {"hours": new, "old": {"hours": old}}
    assert wanted(Call(operation="increase", grows="hours"), scope) is grew
    assert wanted(Call(operation="decrease", shrinks="hours"), scope) is shrank


def test_a_call_is_made_only_when_what_it_needs_is_there() -> None:
    call = Call(operation="tag", needs=("$tags",), when=("$mode", "on"))
    assert wanted(call, {"tags": {"a": "1"}, "mode": "on"})
    assert not wanted(call, {"tags": {}, "mode": "on"})
    assert not wanted(call, {"tags": {"a": "1"}, "mode": "off"})

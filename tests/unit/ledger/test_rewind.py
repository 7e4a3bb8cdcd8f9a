"""A rewound ledger is its copy, item by item; an interrupted rewind is ended by the next."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from pipeline.core.records import ShardId
from pipeline.errors import OutcomeUnknown
from pipeline.ledger.rewind import TRIES_MAX, Rewind

LEDGER, COPY = "ledger", "copy"
SHARD = ShardId("s")
Items = dict[tuple[str, str], str]
ITEMS = st.dictionaries(
    st.tuples(st.just(f"shard#{SHARD}"), st.sampled_from([f"commit#{n:03}" for n in range(60)])),
    st.sampled_from("ab"),
    max_size=60,
)


class Tables:
    """Two tables of a ledger's shape, and what they hold as plain values."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def fill(self, table: str, items: Items) -> None:
        for key in self.held(table):
            self.client.delete_item(TableName=table, Key=as_key(*key))
        for (pk, sk), value in items.items():
            self.client.put_item(TableName=table, Item={**as_key(pk, sk), "value": {"S": value}})

    def held(self, table: str) -> Items:
        pages = self.client.get_paginator("scan").paginate(TableName=table)
        return {
            (item["pk"]["S"], item["sk"]["S"]): item["value"]["S"]
            for page in pages
            for item in page["Items"]
        }

    @property
    def rewind(self) -> Rewind:
        return Rewind(self.client, table=LEDGER, source=COPY, pause=lambda _seconds: None)


def as_key(pk: str, sk: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    with mock_aws():
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for table in (LEDGER, COPY):
            client.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
            )
        yield Tables(client)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ledger=ITEMS, copy=ITEMS)
def test_a_shard_of_the_ledger_becomes_that_of_the_copy_and_nothing_is_written_twice(
    tables: Tables, ledger: Items, copy: Items
) -> None:
    tables.fill(LEDGER, ledger)
    tables.fill(COPY, copy)
    changed = tables.rewind.shard(SHARD)
    assert tables.held(LEDGER) == copy
    assert tables.held(COPY) == copy
    assert changed == len(dict(ledger.items() ^ copy.items()))
    assert tables.rewind.shard(SHARD) == 0


def test_shards_that_the_copy_knows_come_back_and_claims_only_where_there_are_none(
    tables: Tables,
) -> None:
    claim, gone = ("replay", "file#reason"), ("replay", "other#reason")
    tables.fill(LEDGER, {("shards", "s1"): "-", claim: "done"})
    tables.fill(COPY, {("shards", "s2"): "-", claim: "claimed", gone: "sent"})
    assert tables.rewind.shared() == ("s2",)
    assert tables.held(LEDGER) == {
        ("shards", "s1"): "-",
        ("shards", "s2"): "-",
        claim: "done",
        gone: "sent",
    }


class Throttled:
    """A client whose batches leave all but one request unprocessed, or all of them."""

    def __init__(self, client: Any, *, takes: int) -> None:
        self._client = client
        self._takes = takes
        self.batches = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803
        self.batches += 1
        ((table, requests),) = RequestItems.items()
        if taken := requests[: self._takes]:
            self._client.batch_write_item(RequestItems={table: taken})
        left = requests[self._takes :]
        return {"UnprocessedItems": {table: left} if left else {}}


def test_what_a_batch_leaves_unprocessed_is_written_by_the_next(tables: Tables) -> None:
    copy = {(f"shard#{SHARD}", f"commit#{n}"): "a" for n in range(5)}
    tables.fill(LEDGER, {})
    tables.fill(COPY, copy)
    slow = Throttled(tables.client, takes=1)
    pauses: list[float] = []
    rewind = Rewind(slow, table=LEDGER, source=COPY, pause=pauses.append)  # type: ignore[arg-type]
    rewind.shard(SHARD)
    assert tables.held(LEDGER) == copy
    assert slow.batches == 5
    assert pauses == sorted(set(pauses))


def test_a_table_that_takes_nothing_is_given_up_as_an_open_outcome(tables: Tables) -> None:
    tables.fill(LEDGER, {})
    tables.fill(COPY, {(f"shard#{SHARD}", "head"): "a"})
    stuck = Throttled(tables.client, takes=0)
    rewind = Rewind(stuck, table=LEDGER, source=COPY, pause=lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(OutcomeUnknown, match="throttled"):
        rewind.shard(SHARD)
    assert stuck.batches == TRIES_MAX

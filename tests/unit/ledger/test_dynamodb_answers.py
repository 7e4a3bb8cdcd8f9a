"""What DynamoDB's answers mean: refused, or open until the head is read again (T28, T29)."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from pipeline.core.records import Position, ShardId
from pipeline.core.result import Counts
from pipeline.errors import OperatingError, OutcomeUnknown, Refused
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.ledger.items import head_to_item
from pipeline.ledger.state import Advance, Commit, Head

SHARD = ShardId("s")
COMMIT = Commit(
    shard=SHARD,
    first=Position(1),
    last=Position(2),
    token="t",
    files=(),
    ids_key=None,
    counts=Counts(),
    arrival_ms_max=1,
    committed_ms=1,
)
ADVANCE = Advance(
    shard=SHARD,
    fence="t",
    revision="r",
    changed_ms=1,
    limit=None,
    suspect_last=None,
    masks_in_a_row=0,
    settled_ms=1,
)


class Answers:
    """A service that answers every write with one error, and reads with one head."""

    def __init__(self, error: Exception, head: Head | None = None) -> None:
        self._error = error
        self._head = head
        self.requests: list[dict[str, Any]] = []

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {"Item": head_to_item(self._head)} if self._head is not None else {}

    def put_item(self, **request: Any) -> None:
        self.requests.append(request)
        raise self._error

    def transact_write_items(self, **request: Any) -> None:
        self.requests.append(request)
        raise self._error


def cancelled(*codes: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
            "CancellationReasons": [{"Code": code} for code in codes],
        },  # type: ignore[typeddict-unknown-key]
        "TransactWriteItems",
    )


def failed(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "operation")


def ledger(error: Exception, head: Head | None = None) -> DynamoLedger:
    return DynamoLedger(Answers(error, head), "table")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        cancelled("TransactionConflict", "None"),
        cancelled("ThrottlingError", "None"),
        cancelled("None", "ProvisionedThroughputExceeded"),
        failed("TransactionInProgressException"),
        failed("ProvisionedThroughputExceededException"),
        failed("InternalServerError"),
        ReadTimeoutError(endpoint_url="x"),
    ],
    ids=lambda error: f"{type(error).__name__}-{error}"[:60],
)
def test_a_conflict_a_throttle_and_silence_are_no_refusal(error: Exception) -> None:
    with pytest.raises(OutcomeUnknown):
        ledger(error).commit(COMMIT, ADVANCE)


def test_a_failed_condition_is_a_refusal() -> None:
    with pytest.raises(Refused):
        ledger(cancelled("ConditionalCheckFailed", "None")).commit(COMMIT, ADVANCE)


def test_ones_own_commit_behind_a_failed_condition_is_a_success() -> None:
    head = Head(
        shard=SHARD,
        revision="r",
        changed_ms=1,
        committed=Position(2),
        last_commit=COMMIT.ref,
    )
    ledger(cancelled("ConditionalCheckFailed", "None"), head).commit(COMMIT, ADVANCE)


def test_ones_own_revision_behind_a_failed_condition_is_a_success() -> None:
    head = Head(shard=SHARD, revision="mine", changed_ms=1)
    error = failed("ConditionalCheckFailedException")
    ledger(error, head).write_head(head, unchanged_since="before")
    with pytest.raises(Refused):
        ledger(error, Head(shard=SHARD, revision="theirs", changed_ms=1)).write_head(
            head, unchanged_since="before"
        )


def test_the_attempts_token_is_the_requests_token() -> None:
    answers = Answers(cancelled("TransactionConflict"))
    with pytest.raises(OutcomeUnknown):
        DynamoLedger(answers, "table").commit(COMMIT, ADVANCE)  # type: ignore[arg-type]
    assert answers.requests[0]["ClientRequestToken"] == ADVANCE.fence


@pytest.mark.parametrize(
    "damage",
    [{"committed": {"S": "nowhere"}}, {"parents": {"S": "not JSON"}}, {"revision": {"N": "1"}}],
    ids=["position", "parents", "revision"],
)
def test_a_head_that_somebody_else_wrote_names_the_runbook(damage: dict[str, Any]) -> None:
    class Damaged:
        def get_item(self, **_: Any) -> dict[str, Any]:
            head = head_to_item(Head(shard=SHARD, revision="r", changed_ms=1))
            return {"Item": {**head, **damage}}

    with pytest.raises(OperatingError, match="runbooks/restore-the-ledger") as trouble:
        DynamoLedger(Damaged(), "table").read_head(SHARD)
    assert trouble.value.retryable is False

"""What S3's answers to a conditional write mean."""

import hashlib
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from pipeline.errors import OperatingError, OutcomeUnknown
from pipeline.sinks.s3 import CONFLICTS_MAX, S3Store

BODY = b"rows"
DIGEST = hashlib.sha256(BODY).hexdigest()


def status(code: int) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": str(code), "Message": "m"},
            "ResponseMetadata": {
                "HTTPStatusCode": code,
                "RequestId": "",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "PutObject",
    )


class Scripted:
    """An S3 that raises one error after the other, then takes what it is given."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.put: list[dict[str, Any]] = []

    def put_object(self, **request: Any) -> None:
        self.put.append(request)
        if self.errors:
            raise self.errors.pop(0)

    def get_object(self, **_: Any) -> None:
        raise self.errors.pop(0)


def store(client: Scripted) -> S3Store:
    return S3Store(client, "bucket")  # type: ignore[arg-type]


def test_a_conflict_is_tried_again_under_the_same_condition() -> None:
    client = Scripted(status(409), status(409))
    store(client).put_final("lake/x", BODY, sha256=DIGEST)
    assert [request["IfNoneMatch"] for request in client.put] == ["*"] * 3


def test_conflicts_without_end_leave_the_outcome_open() -> None:
    client = Scripted(*[status(409)] * CONFLICTS_MAX)
    with pytest.raises(OutcomeUnknown):
        store(client).put_final("lake/x", BODY, sha256=DIGEST)
    assert len(client.put) == CONFLICTS_MAX


@pytest.mark.parametrize("error", [status(503), ConnectTimeoutError(endpoint_url="x")])
def test_silence_leaves_the_outcome_open(error: Exception) -> None:
    with pytest.raises(OutcomeUnknown):
        store(Scripted(error)).put_final("lake/x", BODY, sha256=DIGEST)


@pytest.mark.parametrize(("code", "retryable"), [(404, False), (503, True)])
def test_a_staged_object_that_is_gone_does_not_come_back(code: int, retryable: bool) -> None:
    with pytest.raises(OperatingError) as caught:
        store(Scripted(status(code))).get_staged("staging/x")
    assert caught.value.retryable is retryable

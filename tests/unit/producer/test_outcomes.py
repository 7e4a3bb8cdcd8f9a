"""What PutRecords' answers prove: a record is called unwritten only where that is certain."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)

from pipeline.producer.outcomes import Outcome, of_entry, of_error

URL = "http://127.0.0.1"


def client_error(status: int, code: str) -> ClientError:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutRecords")


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (None, Outcome.WRITTEN),
        ("ProvisionedThroughputExceededException", Outcome.THROTTLED),
        ("InternalFailure", Outcome.UNKNOWN),
        ("SomethingNew", Outcome.UNKNOWN),
    ],
)
def test_an_entry_is_unwritten_only_when_kinesis_says_so(
    code: str | None, outcome: Outcome
) -> None:
    assert of_entry(code) is outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (client_error(400, "ProvisionedThroughputExceededException"), Outcome.THROTTLED),
        (client_error(400, "LimitExceededException"), Outcome.THROTTLED),
        (client_error(400, "KMSThrottlingException"), Outcome.THROTTLED),
        (client_error(400, "ValidationException"), Outcome.REJECTED),
        (client_error(400, "ResourceNotFoundException"), Outcome.REJECTED),
        (client_error(403, "AccessDeniedException"), Outcome.REJECTED),
        (client_error(500, "InternalFailure"), Outcome.UNKNOWN),
        (client_error(503, "ServiceUnavailable"), Outcome.UNKNOWN),
        (EndpointConnectionError(endpoint_url=URL), Outcome.UNSENT),
        (ConnectTimeoutError(endpoint_url=URL), Outcome.UNSENT),
        (ReadTimeoutError(endpoint_url=URL), Outcome.UNKNOWN),
        (ConnectionClosedError(endpoint_url=URL), Outcome.UNKNOWN),
        (SSLError(endpoint_url=URL, error="reset"), Outcome.UNKNOWN),
        (ParamValidationError(report="wrong"), Outcome.REJECTED),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, ClientError) else None,
)
def test_a_failed_request_is_unknown_unless_it_is_sure_that_nothing_was_written(
    error: ClientError, outcome: Outcome
) -> None:
    assert of_error(error) is outcome

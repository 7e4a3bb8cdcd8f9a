"""What an answer of PutRecords proves about a record: written, not written, or nobody knows."""

from enum import StrEnum
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ProxyConnectionError,
)


class Outcome(StrEnum):
    """The proof that one attempt gave for one record."""

    WRITTEN = "written"
    THROTTLED = "throttled"
    """Not written; worth another attempt."""
    UNSENT = "unsent"
    """No connection, so not written; worth another attempt."""
    REJECTED = "rejected"
    """Not written, and no attempt will change that."""
    UNKNOWN = "unknown"
    """Perhaps written; another attempt must carry the same bytes to the same key."""


_THROTTLES: Final = frozenset(
    {
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def of_entry(error_code: str | None) -> Outcome:
    """Return what one entry of a PutRecords answer says.

    Kinesis names two codes: the throttle, and InternalFailure, which leaves the record's fate open
    (API reference, PutRecordsResultEntry). A code that we do not know is not taken for a proof.
    """
    if error_code is None:
        return Outcome.WRITTEN
    return Outcome.THROTTLED if error_code in _THROTTLES else Outcome.UNKNOWN


def of_error(error: BotoCoreError | ClientError) -> Outcome:
    """Return what the failure of a whole PutRecords request says about each of its records."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if error.response.get("Error", {}).get("Code") in _THROTTLES:
            return Outcome.THROTTLED
        return Outcome.UNKNOWN if status >= 500 else Outcome.REJECTED
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError | ProxyConnectionError):
        return Outcome.UNSENT
    return Outcome.REJECTED if isinstance(error, ParamValidationError) else Outcome.UNKNOWN

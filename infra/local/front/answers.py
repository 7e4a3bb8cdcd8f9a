"""What each service of AWS answers when it refuses a call, byte for byte as its clients read it."""

import json
import uuid
from dataclasses import dataclass
from typing import Final

from infra.local.front.calls import Call

_JSON = "application/x-amz-json-1.1"
_SLOW: Final = "Rate exceeded"
_BROKEN: Final = "The service is not able to answer now; it is a fault that was asked for"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An error of AWS: its status and code, and a sentence."""

    status: int
    code: str
    message: str


def throttle(call: Call) -> Refusal:
    """Return how the service of a call says that there are too many.

    Kinesis and DynamoDB API reference, "Errors" of each operation; S3 "Error responses"; Lambda
    "Invoke".
    """
    match call.service:
        case "kinesis":
            return Refusal(status=400, code="ProvisionedThroughputExceededException", message=_SLOW)
        case "dynamodb":
            by_items = call.operation and not call.operation.startswith("Transact")
            code = "ProvisionedThroughputExceededException" if by_items else "ThrottlingException"
            return Refusal(status=400, code=code, message=_SLOW)
        case "s3":
            return Refusal(status=503, code="SlowDown", message="Please reduce your request rate.")
        case "lambda":
            return Refusal(status=429, code="TooManyRequestsException", message=_SLOW)
    return Refusal(
        status=400, code="Throttling" if call.by_form else "ThrottlingException", message=_SLOW
    )


def error(call: Call) -> Refusal:
    """Return how the service of a call says that it failed itself."""
    code, status = {
        "kinesis": ("InternalFailure", 500),
        "dynamodb": ("InternalServerError", 500),
        "s3": ("InternalError", 500),
        "lambda": ("ServiceException", 500),
    }.get(call.service, ("ServiceUnavailable", 503))
    return Refusal(status=status, code=code, message=_BROKEN)


def encode(call: Call, refusal: Refusal) -> tuple[bytes, bytes]:
    """Return a refusal's head and body in the protocol of the call's service."""
    if call.service == "s3":
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refusal.code}</Code>'
            f"<Message>{refusal.message}</Message></Error>"
        ).encode()
        return head(refusal.status, len(body), {"content-type": "application/xml"}), body
    if call.by_form:
        sender = "Sender" if refusal.status < 500 else "Receiver"
        body = (
            f"<ErrorResponse><Error><Type>{sender}</Type><Code>{refusal.code}</Code>"
            f"<Message>{refusal.message}</Message></Error></ErrorResponse>"
        ).encode()
        return head(refusal.status, len(body), {"content-type": "text/xml"}), body
    message = {"message": refusal.message, "Message": refusal.message}
    body = json.dumps({"__type": refusal.code, **message}).encode()
    fields = {"content-type": _JSON, "x-amzn-errortype": refusal.code}
    if refusal.code == "TooManyRequestsException":
        body = json.dumps({"Reason": "CallerRateLimitExceeded", **message}).encode()
    return head(refusal.status, len(body), fields), body


def head(status: int, length: int, fields: dict[str, str]) -> bytes:
    """Return an answer's head."""
    reason = "OK" if status == 200 else "Refused"
    lines = [
        f"HTTP/1.1 {status} {reason}",
        *(f"{name}: {value}" for name, value in fields.items()),
        f"x-amzn-requestid: {uuid.uuid4()}",
        f"content-length: {length}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"

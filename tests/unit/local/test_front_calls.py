"""Which operation a request's head names, and how a service's refusal reads."""

import asyncio
from typing import Any

import pytest
from botocore.parsers import create_parser
from botocore.session import Session

from infra.local.front import answers, calls
from infra.local.front.calls import Call
from infra.local.front.wire import Head, NotHttp, read_head

SIGNED = "authorization: AWS4-HMAC-SHA256 Credential=AK/20261124/us-east-1/{}/aws4_request, S=1"


def head(start: str, *fields: str) -> Head:
    """Return what a reader makes of a head."""

    async def read() -> Head | None:
        reader = asyncio.StreamReader()
        reader.feed_data("\r\n".join([start, *fields, "", ""]).encode())
        return await read_head(reader)

    found = asyncio.run(read())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("start", "service", "expected"),
    [
        ("PUT /lake/a/b%20c.parquet HTTP/1.1", "s3", ("PutObject", "lake/a/b c.parquet")),
        ("GET /lake/a?versionId=1 HTTP/1.1", "s3", ("GetObject", "lake/a")),
        ("HEAD /lake/a HTTP/1.1", "s3", ("HeadObject", "lake/a")),
        ("DELETE /lake/a HTTP/1.1", "s3", ("DeleteObject", "lake/a")),
        ("GET /lake?list-type=2&prefix=x HTTP/1.1", "s3", ("ListObjectsV2", "lake")),
        ("POST /lake?delete HTTP/1.1", "s3", ("DeleteObjects", "lake")),
        ("PUT /lake?policy HTTP/1.1", "s3", ("", "lake")),
        ("PUT /lake/a?tagging HTTP/1.1", "s3", ("", "lake/a")),
        ("PUT /lake/a?partNumber=1&uploadId=x HTTP/1.1", "s3", ("UploadPart", "lake/a")),
        ("POST /2015-03-31/functions/f/invocations HTTP/1.1", "lambda", ("Invoke", "f")),
        ("GET /2015-03-31/functions/f HTTP/1.1", "lambda", ("", "")),
    ],
)
def test_a_rest_call_is_named_by_method_and_path(
    start: str, service: str, expected: tuple[str, str]
) -> None:
    call = calls.of(head(start, SIGNED.format(service)))
    assert (call.service, call.operation, call.resource) == (service, *expected)


def test_a_copy_is_not_a_put() -> None:
    call = calls.of(head("PUT /b/k HTTP/1.1", SIGNED.format("s3"), "x-amz-copy-source: b/j"))
    assert call.operation == "CopyObject"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("Kinesis_20131202.PutRecords", ("kinesis", "PutRecords")),
        ("DynamoDB_20120810.TransactWriteItems", ("dynamodb", "TransactWriteItems")),
        ("GraniteServiceVersion20100801.PutMetricData", ("cloudwatch", "PutMetricData")),
    ],
)
def test_a_json_call_is_named_by_its_target(target: str, expected: tuple[str, str]) -> None:
    call = calls.of(head("POST / HTTP/1.1", f"X-Amz-Target: {target}"))
    assert (call.service, call.operation) == expected


def test_a_call_by_form_is_named_in_its_body() -> None:
    form = "content-type: application/x-www-form-urlencoded; charset=utf-8"
    call = calls.of(head("POST / HTTP/1.1", SIGNED.format("sns"), form))
    assert (call.service, call.operation, call.by_form) == ("sns", "", True)
    assert calls.form_operation(b"Version=1&Action=Publish&Message=Action%3DNo") == "Publish"


def test_a_call_of_nobody_is_of_no_service() -> None:
    assert calls.of(head("GET /_ministack/health HTTP/1.1")) == Call()


@pytest.mark.parametrize("garbage", ["PRI * HTTP/2.0", "hello", "\x16\x03\x01"])
def test_what_is_not_http_1_is_told_apart(garbage: str) -> None:
    with pytest.raises(NotHttp):
        head(garbage)


@pytest.mark.parametrize(
    ("service", "operation", "throttled", "failed"),
    [
        (
            "kinesis",
            "PutRecords",
            (400, "ProvisionedThroughputExceededException"),
            (500, "InternalFailure"),
        ),
        (
            "dynamodb",
            "PutItem",
            (400, "ProvisionedThroughputExceededException"),
            (500, "InternalServerError"),
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            (400, "ThrottlingException"),
            (500, "InternalServerError"),
        ),
        ("s3", "PutObject", (503, "SlowDown"), (500, "InternalError")),
        ("lambda", "Invoke", (429, "TooManyRequestsException"), (500, "ServiceException")),
        ("sns", "Publish", (400, "Throttling"), (503, "ServiceUnavailable")),
        ("glue", "GetTable", (400, "ThrottlingException"), (503, "ServiceUnavailable")),
    ],
)
def test_awss_own_client_reads_a_refusal_as_its_services_error(
    service: str, operation: str, throttled: tuple[int, str], failed: tuple[int, str]
) -> None:
    model = Session().get_service_model(service)
    call = Call(service=service, operation=operation, by_form=service == "sns")
    for refusal, expected in (
        (answers.throttle(call), throttled),
        (answers.error(call), failed),
    ):
        raw, body = answers.encode(call, refusal)
        fields = dict(line.split(": ", 1) for line in raw.decode().strip().split("\r\n")[1:])
        parser: Any = create_parser(model.metadata["protocol"])
        parsed = parser.parse(
            {"status_code": int(raw.split()[1]), "headers": fields, "body": body},
            model.operation_model(operation).output_shape,
        )
        status = parsed["ResponseMetadata"]["HTTPStatusCode"]
        assert (status, parsed["Error"]["Code"]) == expected
        assert int(fields["content-length"]) == len(body)

"""Metrics that AWS's services publish and the emulator's do not, or publish wrong.

Kinesis: names, units and dimension of "Monitor the Kinesis Data Streams service with CloudWatch";
ministack publishes none. Lambda ("Types of metrics for Lambda functions"): ministack counts what
comes by Invoke, but not what a schedule or another service invokes, counts a throttle twice and as
an invocation, and an asynchronous error not at all.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import time
from collections.abc import Callable, Sequence
from typing import Any

from ministack.services import cloudwatch, kinesis, lambda_svc

from infra.local import resharding
from infra.local.cloudwatch.counters import Counters

Request = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_execute = lambda_svc._execute_function_dispatch


def count_kinesis(counted: Counters) -> None:
    """Count what is put to and read from every stream."""
    kinesis._put_record = _counting(
        kinesis._put_record, counted, "PutRecord", lambda request: [request]
    )
    kinesis._put_records = _counting(
        kinesis._put_records, counted, "PutRecords", lambda request: request["Records"]
    )

    def read(stream: str, records: Sequence[Request], behind_ms: int) -> None:
        counted.observe(
            "AWS/Kinesis",
            ("StreamName", stream),
            {
                "GetRecords.Bytes": (sum(_size(record["Data"]) for record in records), "Bytes"),
                "GetRecords.Records": (len(records), "Count"),
                "GetRecords.Success": (1, "Count"),
                "GetRecords.IteratorAgeMilliseconds": (behind_ms, "Milliseconds"),
                "ReadProvisionedThroughputExceeded": (0, "Count"),
            },
        )

    resharding.observers.append(read)


def execute(func: Request, config: Request, event: Any, *identity: Any) -> Any:
    """Run a function once, by whatever it was invoked, and count the run."""
    started = time.monotonic()
    result = _execute(func, config, event, *identity)
    if isinstance(result, dict) and result.get("throttle"):
        record_throttle(config["FunctionName"])
        return result
    failed = isinstance(result, dict) and bool(result.get("error"))
    duration_ms = (time.monotonic() - started) * 1000
    for name, value, unit in (
        ("Invocations", 1, "Count"),
        ("Errors", int(failed), "Count"),
        ("Throttles", 0, "Count"),
        ("Duration", duration_ms, "Milliseconds"),
    ):
        _record(config["FunctionName"], name, value, unit)
    return result


def emit_lambda_metrics(
    function_name: str, duration_ms: float, error: bool, throttle: bool
) -> None:
    """Count what ministack says of a run that was refused; of others, `execute` counts."""
    if throttle and not duration_ms and not error:
        record_throttle(function_name)


def record_throttle(function_name: str) -> None:
    """Count a refused run, which is no invocation."""
    _record(function_name, "Throttles", 1, "Count")


def install(counted: Counters) -> None:
    """Put the counting where ministack looks its own functions up."""
    count_kinesis(counted)
    lambda_svc._execute_function_dispatch = execute
    lambda_svc._emit_lambda_metrics = emit_lambda_metrics


def _record(function_name: str, name: str, value: float, unit: str) -> None:
    """Store one point, not a sum: percentiles of a duration are asked for."""
    cloudwatch.record_metric("AWS/Lambda", name, value, unit, {"FunctionName": function_name})


def _counting(
    put: Callable[[Request], Answer],
    counted: Counters,
    operation: str,
    records_of: Callable[[Request], Sequence[Request]],
) -> Callable[[Request], Answer]:
    """Return `put`, counting what it took in."""

    def counting(request: Request) -> Answer:
        answer = put(request)
        if answer[0] == 200:
            records = records_of(request)
            size, number = sum(_size(record["Data"]) for record in records), len(records)
            values = {
                "IncomingBytes": (size, "Bytes"),
                "IncomingRecords": (number, "Count"),
                f"{operation}.Bytes": (size, "Bytes"),
                f"{operation}.Success": (1, "Count"),
                "WriteProvisionedThroughputExceeded": (0, "Count"),
            }
            if operation == "PutRecords":
                values["PutRecords.TotalRecords"] = number, "Count"
                values["PutRecords.SuccessfulRecords"] = number, "Count"
            name = request.get("StreamName") or request["StreamARN"].rpartition("/")[2]
            counted.observe("AWS/Kinesis", ("StreamName", name), values)
        return answer

    return counting


def _size(data: str) -> int:
    """Return how many bytes base64 stands for, without decoding it."""
    return len(data) * 3 // 4 - data.endswith("=") - data.endswith("==")

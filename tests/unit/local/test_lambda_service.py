"""What of the emulator's Lambda is replaced: mappings of Kinesis, and how a worker fails."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.core import lambda_runtime
from ministack.core.responses import request_scope
from ministack.services import lambda_svc

from infra.local import lambda_service
from tests.local_aws import aws_rule

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"


@pytest.fixture(autouse=True)
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lambda_svc, "_ensure_poller", lambda: None)
    with request_scope("000000000000", "us-east-1"):
        lambda_svc._functions["f"] = {
            "config": {"FunctionName": "f"},
            "versions": {},
            "aliases": {},
        }
        yield
        lambda_svc._functions.clear()
        lambda_svc._esms.clear()


def create(**data: Any) -> tuple[int, dict[str, Any]]:
    request = {"FunctionName": "f", "EventSourceArn": STREAM, "StartingPosition": "TRIM_HORIZON"}
    status, _, body = lambda_service.create_mapping({**request, **data})
    return status, json.loads(body)


@aws_rule(
    page="Lambda developer guide, Lambda parameters for Amazon Kinesis Data Streams",
    says="a mapping has a batch size of 100 and no limit of retries or age",
    alone="a batch size of 10",
)
def test_a_mapping_of_a_stream_has_awss_defaults() -> None:
    status, created = create()
    assert status == 202
    assert {name: created[name] for name in lambda_service.KINESIS_DEFAULTS} == {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "BisectBatchOnFunctionError": False,
        "ParallelizationFactor": 1,
    }


@aws_rule(
    page="Lambda developer guide, Lambda parameters for Amazon Kinesis Data Streams",
    says="`AT_TIMESTAMP` starts at the given time",
    alone="the time stamp is lost",
)
def test_a_mapping_keeps_the_time_stamp_at_which_it_starts() -> None:
    _, created = create(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=1_800_000_000.5)
    assert created["StartingPositionTimestamp"] == 1_800_000_000.5
    assert lambda_svc._esms[created["UUID"]]["StartingPositionTimestamp"] == 1_800_000_000.5


@pytest.mark.parametrize(
    "asked",
    [
        {"StartingPosition": None},
        {"StartingPosition": "AT_TIMESTAMP"},
        {"TumblingWindowInSeconds": 30},
        {"ParallelizationFactor": 2},
        {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_what_the_mapping_cannot_do_is_refused_when_it_is_created(asked: dict[str, Any]) -> None:
    status, refusal = create(**asked)
    assert (status, refusal["__type"]) == (400, "InvalidParameterValueException")
    assert not list(lambda_svc._esms.values())


def test_what_the_mapping_cannot_do_is_refused_when_it_is_changed() -> None:
    _, created = create()
    status, _, _ = lambda_service.update_mapping(created["UUID"], {"ParallelizationFactor": 10})
    assert status == 400
    status, _, body = lambda_service.update_mapping(created["UUID"], {"BatchSize": 7})
    assert (status, json.loads(body)["BatchSize"]) == (200, 7)


def test_the_emulators_own_poller_leaves_kinesis_alone() -> None:
    lambda_service.install()
    assert lambda_svc._poll_kinesis() is False
    assert lambda_svc._create_esm is lambda_service.create_mapping
    assert lambda_svc._update_esm is lambda_service.update_mapping


def test_a_changed_worker_script_is_noticed() -> None:
    with pytest.raises(LookupError, match="pinned version"):
        lambda_service.worker_script("print()")


def worker(code: str, folder: Path, *events: Any) -> list[dict[str, Any]]:
    """Run ministack's worker script, replaced as we do, and return its answers."""
    (folder / "f.py").write_text(code)
    (folder / "w.py").write_text(lambda_runtime._PYTHON_WORKER_SCRIPT)
    setting = {"code_dir": str(folder), "module": "f", "handler": "handler"}
    lines = [setting, *({"event": event} for event in events)]
    done = subprocess.run(
        [sys.executable, str(folder / "w.py")],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()[1:]]


@aws_rule(
    page="Lambda developer guide, Understanding the Lambda execution environment lifecycle",
    says="an exception of the handler leaves the environment warm for the next invocation",
    alone="ends the worker",
)
def test_a_worker_outlives_an_exception_of_its_handler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "n = 0\ndef handler(event, context):\n global n; n += 1\n return n if event else 1 / 0"
    lambda_service.install()
    first, second = worker(code, tmp_path, None, True)
    assert (first["status"], second["result"]) == ("ok", 2)

    monkeypatch.setattr(lambda_service, "_worker_invoke", lambda _: first)
    response = lambda_service.invoke(None)
    assert (response["status"], response["error"]) == ("error", "division by zero")
    assert "ZeroDivisionError" in response["trace"]


@aws_rule(
    page="Lambda developer guide, Configuring reserved concurrency for a function",
    says="reserved concurrency is of all versions together; 0 refuses every run of any of them",
    alone="a version or an alias is not bound",
)
@pytest.mark.parametrize("reserved", [0, 1, None])
def test_reserved_concurrency_binds_every_version(reserved: int | None) -> None:
    lambda_svc._functions["f"]["concurrency"] = reserved
    version = {"config": {"FunctionName": "f", "Version": "1"}}
    assert lambda_service.reserved_concurrency(version, version["config"]) == reserved

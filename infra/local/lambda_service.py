"""Lambda operations of the pinned ministack, replaced where they are not AWS's.

What ministack 1.5.33 does instead (its `services/lambda_svc.py`, `core/lambda_runtime.py`): its
own poller reads Kinesis mappings by rules that are not AWS's (facts.md, 1), a mapping loses the
starting time stamp and defaults to 10 records, reserved concurrency binds only those who name no
version or alias, and a handler's exception ends the worker, so that no retry ever meets a warm one.
`install` puts each replacement where ministack looks its own up.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import json
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

Request = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

KINESIS_DEFAULTS: dict[str, Any] = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "BisectBatchOnFunctionError": False,
    "ParallelizationFactor": 1,
}
"""Lambda developer guide, "Lambda parameters for Amazon Kinesis Data Streams"."""

UNSUPPORTED: dict[str, Any] = {"TumblingWindowInSeconds": 0, "ParallelizationFactor": 1}
"""What our mapping does not do, with the one value that it takes; filters have none."""

_create_esm = lambda_svc._create_esm
_update_esm = lambda_svc._update_esm
_reserved_concurrency = lambda_svc._reserved_concurrency
_worker_invoke = lambda_runtime.Worker.invoke
_worker_script = lambda_runtime._PYTHON_WORKER_SCRIPT

_HANDLER_ERROR = "__handler_error__"
_ERROR_LINE = '"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_ERROR_RESULT = (
    f'"status": "ok", "result": {{"{_HANDLER_ERROR}": '
    '{"status": "error", "error": str(e), "trace": traceback.format_exc()}}}'
)
_FOLLOW_PARENT = """
import os, threading, time

def _follow(parent=os.getppid()):
    while os.getppid() == parent:
        time.sleep(0.25)
    os._exit(1)

threading.Thread(target=_follow, daemon=True).start()
"""


def create_mapping(data: Request) -> Answer:
    """Create a mapping; one of Kinesis gets AWS's defaults and keeps its starting time stamp."""
    if ":kinesis:" not in data.get("EventSourceArn", ""):
        answer: Answer = _create_esm(data)
        return answer
    if problem := _unsupported(data) or _without_start(data):
        return problem
    answer = _create_esm({**KINESIS_DEFAULTS, **data})
    if answer[0] == 202 and "StartingPositionTimestamp" in data:
        created = lambda_svc._esms[json.loads(answer[2])["UUID"]]
        created["StartingPositionTimestamp"] = data["StartingPositionTimestamp"]
        answer = lambda_svc.json_response(lambda_svc._esm_response(created), 202)
    return answer


def update_mapping(mapping_id: str, data: Request) -> Answer:
    """Change a mapping, unless to something that ours does not do."""
    answer: Answer = _unsupported(data) or _update_esm(mapping_id, data)
    return answer


def poll_kinesis() -> bool:
    """Leave Kinesis mappings to `infra.local.event_source_mapping`."""
    return False


def invoke(worker: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
    """Run one invocation; the worker outlives an exception of the handler, as on AWS."""
    response: dict[str, Any] = _worker_invoke(worker, *arguments, **options)
    result = response.get("result")
    if isinstance(result, dict) and _HANDLER_ERROR in result:
        return {**response, "result": None, **result[_HANDLER_ERROR]}
    return response


def reserved_concurrency(function: Request, config: Request) -> int | None:
    """Return how many runs at once a function may have, whichever version or alias is invoked.

    ministack looks at the version's own record, which has none.
    """
    own = lambda_svc._functions.get(config.get("FunctionName"), function)
    reserved: int | None = _reserved_concurrency(own, config)
    return reserved


def install() -> None:
    """Put every replacement where ministack looks its own up."""
    lambda_svc._create_esm = create_mapping
    lambda_svc._update_esm = update_mapping
    lambda_svc._poll_kinesis = poll_kinesis
    lambda_svc._reserved_concurrency = reserved_concurrency
    lambda_runtime.Worker.invoke = invoke
    lambda_runtime._PYTHON_WORKER_SCRIPT = worker_script(_worker_script)


def worker_script(script: str) -> str:
    """Return ministack's worker script, made to follow its parent and outlive an exception."""
    if script.count(_ERROR_LINE) != 1:
        raise LookupError("ministack's worker script is not the one of the pinned version")
    return _FOLLOW_PARENT + script.replace(_ERROR_LINE, _ERROR_RESULT)


def _unsupported(data: Request) -> Answer | None:
    wanted = [name for name, value in UNSUPPORTED.items() if data.get(name, value) != value]
    if data.get("FilterCriteria", {}).get("Filters"):
        wanted.append("FilterCriteria")
    return _refusal(f"{', '.join(wanted)}: not done by the local AWS") if wanted else None


def _without_start(data: Request) -> Answer | None:
    """Refuse a mapping of a stream without a place to start at (API reference)."""
    start = data.get("StartingPosition")
    if start is None:
        return _refusal("StartingPosition is required for a Kinesis stream")
    if start == "AT_TIMESTAMP" and "StartingPositionTimestamp" not in data:
        return _refusal("StartingPositionTimestamp is required for AT_TIMESTAMP")
    return None


def _refusal(message: str) -> Answer:
    answer: Answer = lambda_svc.error_response_json("InvalidParameterValueException", message, 400)
    return answer

"""A function's process as Lambda keeps it: killed beyond its memory, and its end said in words.

ministack 1.5.33 gives a function all the memory there is, says of every process that ended "Worker
process died", and leaves the request out of both that and a time-out.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import logging
import re
import subprocess
import threading
import time
from typing import Any
from weakref import WeakKeyDictionary

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from infra.local import lambda_service, processes

LOOK_SECONDS = 0.05
"""How often the memory is looked at, which takes 20 us a process."""
LOOK_SECONDS_BY_PS = 0.5
_END_SECONDS_MAX = 5.0
_DIED = "Worker process died"
_ENDED = re.compile(r"Runtime exited with error|Task timed out after")
_log = logging.getLogger(__name__)

_spawn = lambda_runtime.Worker._spawn
_execute = lambda_svc._execute_function_warm
_started: "WeakKeyDictionary[Any, subprocess.Popen[str]]" = WeakKeyDictionary()
_limits: dict[int, int] = {}
"""Bytes that each live process of a function or task may have, by its id."""


def spawn(worker: Any) -> None:
    """Start a worker's process and watch its memory from then on."""
    _spawn(worker)
    process = worker._proc
    if process is not None:
        _started[worker] = process
        limit(process.pid, int(worker.config.get("MemorySize", 128)) * 1024 * 1024)


def limit(pid: int, memory_bytes: int) -> None:
    """Kill a process, for as long as it lives, as soon as it has more memory than that."""
    _limits[pid] = memory_bytes


def invoke(worker: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
    """Run one invocation; of a process that ended in it, say how."""
    response: dict[str, Any] = lambda_service.invoke(worker, *arguments, **options)
    process = _started.get(worker)
    if response.get("error") != _DIED or process is None:
        return response
    return {**response, "error": said_of(process.wait(_END_SECONDS_MAX))}


def execute(function: Any, event: Any, request_id: str) -> dict[str, Any]:
    """Execute a function; an end of its process bears the request's id and Lambda's own type.

    Lambda developer guide, "Understanding Lambda function invocation errors" and "Troubleshoot
    execution issues in Lambda".
    """
    result: dict[str, Any] = _execute(function, event, request_id)
    body = result.get("body")
    message = str(body.get("errorMessage", "")) if isinstance(body, dict) else ""
    if result.get("error") and _ENDED.match(message):
        timed_out = message.startswith("Task timed out")
        result["body"] = {
            "errorType": "Sandbox.Timedout" if timed_out else "Runtime.ExitError",
            "errorMessage": f"RequestId: {request_id} Error: {message}",
        }
    return result


def said_of(return_code: int) -> str:
    """Return what Lambda says of a runtime that ended with this code, negative for a signal."""
    if return_code >= 0:
        return f"Runtime exited with error: exit status {return_code}"
    name = {-9: "killed", -11: "segmentation fault", -6: "aborted"}.get(return_code)
    return f"Runtime exited with error: signal: {name or -return_code}"


def install() -> None:
    """Put every replacement where ministack looks its own up, and watch."""
    lambda_runtime.Worker._spawn = spawn
    lambda_runtime.Worker.invoke = invoke
    lambda_svc._execute_function_warm = execute
    threading.Thread(target=_watch, daemon=True, name="function-memory").start()


def _watch() -> None:
    pause = LOOK_SECONDS if processes.has_proc() else LOOK_SECONDS_BY_PS
    while True:
        time.sleep(pause)
        used = processes.memory_bytes(list(_limits))
        for pid, bytes_max in list(_limits.items()):
            if pid not in used:
                del _limits[pid]
            elif used[pid] > bytes_max:
                _log.warning("%d has %d MB of %d", pid, used[pid] >> 20, bytes_max >> 20)
                processes.kill(pid)

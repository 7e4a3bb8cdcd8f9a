"""EventBridge's `rate()` schedules in the same minutes as CloudWatch's periods."""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import json
import threading
from typing import Any, Final

from ministack.services import eventbridge, lambda_svc

SECONDS_A_MINUTE: Final = 60
LOOKS_A_MINUTE: Final = 6
"""ministack looks every ten seconds for what is due."""

_parse_rate_seconds = eventbridge._parse_rate_seconds
_lock = threading.Lock()
_under_way: set[str] = set()


def install(*, minute_seconds: float) -> None:
    """Let a minute of `rate()` take `minute_seconds` real seconds; `cron()` stays the clock's."""

    def rate_seconds(expression: str) -> float | None:
        interval: int | None = _parse_rate_seconds(expression)
        return None if interval is None else interval * minute_seconds / SECONDS_A_MINUTE

    eventbridge._parse_rate_seconds = rate_seconds
    eventbridge._SCHEDULER_TICK_INTERVAL = minute_seconds / LOOKS_A_MINUTE
    eventbridge._dispatch_to_lambda = dispatch


def dispatch(arn: str, payload: str) -> None:
    """Run a scheduled function unless its run before is still under way.

    In a compressed minute a cold start outlasts the schedule: runs would pile up that never meet
    in a real one. ministack neither knows of that nor applies reserved concurrency here.
    """
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        return
    record = lambda_svc._execution_record_for_config(function, config)
    with _lock:
        if arn in _under_way:
            return
        _under_way.add(arn)
    threading.Thread(target=_run, args=(arn, record, json.loads(payload)), daemon=True).start()


def _run(arn: str, record: Any, event: Any) -> None:
    try:
        lambda_svc._execute_function_with_config_scope(record, event)
    finally:
        with _lock:
            _under_way.discard(arn)

"""An alias with weights splits invocations between two versions, by chance, as Lambda does.

ministack 1.5.33 keeps an alias's `RoutingConfig` and invokes its main version alone. The event
source mapping names the alias, so what is replaced here holds for batches as well. One difference
is left: a function on the second version reads its version's ARN, not the alias's.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import random
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import lambda_svc

Request = dict[str, Any]

_invoke: Callable[..., Awaitable[Any]] = lambda_svc._invoke
_record_for_ref = lambda_svc._get_func_record_for_ref


def chosen(function: Request | None, qualifier: str | None, drawn: float) -> str | None:
    """Return the version beside the main one that an invocation goes to, None for the main one.

    `drawn` is from 0 to 1. Lambda developer guide, "Implement Lambda canary deployments using a
    weighted alias".
    """
    alias = (function or {}).get("aliases", {}).get(qualifier, {})
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    for version, weight in weights.items():
        if drawn < float(weight):
            return str(version)
    return None


async def invoke(
    name: str,
    event: Any,
    headers: Any,
    path_qualifier: str | None = None,
    query_params: Any = None,
) -> Any:
    """Invoke a function; through an alias with weights, the version that chance says."""
    qualifier = path_qualifier or lambda_svc._qp_first(query_params or {}, "Qualifier") or None
    other = chosen(lambda_svc._functions.get(name), qualifier, random.random())
    return await _invoke(name, event, headers, other or path_qualifier, query_params)


def record_for_ref(function_ref: str) -> tuple[Request | None, Request | None, str]:
    """Return what a schedule's target invokes; of an alias with weights, what chance says."""
    record, config, name = _record_for_ref(function_ref)
    function = lambda_svc._functions.get(name)
    qualifier = function_ref.rpartition(":")[2]
    other = chosen(function, qualifier, random.random())
    if record is None or function is None or other not in function["versions"]:
        return record, config, name
    return function["versions"][other], function["versions"][other]["config"], name


def install() -> None:
    """Put every replacement where ministack looks its own up."""
    lambda_svc._invoke = invoke
    lambda_svc._get_func_record_for_ref = record_for_ref

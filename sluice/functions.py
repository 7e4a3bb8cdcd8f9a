"""The functions of a stack, for an operator: versions, mapping and schedules."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.environment import CLIENT_CONFIG
from pipeline.errors import OperatingError
from sluice.stack import Stack

Reached = Callable[[], bool]
OUTPUT: Final = "function_name"
"""How the stack's outputs call its functions: the processor by this word, others ending in it."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A published version; versions of one code and other settings share `code_sha256`."""

    number: int
    code_sha256: str
    published: str


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where an alias leads: to its main version, and with some weight (0 to 1) to one beside it."""

    version: int
    beside: Mapping[int, float] = field(default_factory=dict)
    revision: str
    """Changes with each change of the alias, whoever makes it."""

    def percent(self, version: int) -> float:
        """Return the share of the invocations that a version gets."""
        if version == self.version:
            return 100 * (1 - sum(self.beside.values()))
        return 100 * self.beside.get(version, 0.0)


class MovedMeanwhile(OperatingError):
    """Somebody else has moved the alias since it was looked at: it is theirs now."""


def client(stack: Stack, service: str) -> Any:
    """Return a client of this stack's AWS, bounded in time and retries."""
    return boto3.client(service, config=CLIENT_CONFIG, **stack.where)  # type: ignore[call-overload]


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Turn a refusal of AWS into an OperatingError that says what was being done."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OperatingError(f"cannot {doing}: {error}") from error


def names(stack: Stack) -> list[str]:
    """Return the names of the stack's functions, the stream processor first if there is one."""
    found = {key: name for key, name in stack.outputs.items() if key.endswith(OUTPUT)}
    first = [found.pop(OUTPUT)] if OUTPUT in found else []
    return [*first, *(found[key] for key in sorted(found))]


def versions(stack: Stack, function: str) -> list[Version]:
    """Return a function's published versions, oldest first. Raises OperatingError."""
    with told(f"list the versions of {function}"):
        pages = client(stack, "lambda").get_paginator("list_versions_by_function")
        found = [
            Version(
                number=int(version["Version"]),
                code_sha256=version["CodeSha256"],
                published=str(version["LastModified"])[:19],
            )
            for page in pages.paginate(FunctionName=function)
            for version in page["Versions"]
            if version["Version"] != "$LATEST"
        ]
    return sorted(found, key=lambda version: version.number)


def route(stack: Stack, function: str) -> Route:
    """Return where callers are led. Raises OperatingError."""
    alias = stack.outputs["function_alias"]
    with told(f"read the alias {alias} of {function}"):
        return _route(client(stack, "lambda").get_alias(FunctionName=function, Name=alias))


def live(stack: Stack, function: str) -> int:
    """Return the version that callers get, or most of them. Raises OperatingError."""
    return route(stack, function).version


def point(
    stack: Stack,
    function: str,
    version: int,
    *,
    beside: Mapping[int, float] | None = None,
    seen: Route | None = None,
) -> Route:
    """Lead callers to a version, at once, or to another one beside it by its weight.

    With `seen` only if nothing has moved the alias since. Raises MovedMeanwhile, OperatingError.
    """
    alias = stack.outputs["function_alias"]
    weights = {str(other): weight for other, weight in (beside or {}).items()}
    lambda_client = client(stack, "lambda")
    with told(f"move the alias {alias} of {function}"):
        try:
            return _route(
                lambda_client.update_alias(
                    FunctionName=function,
                    Name=alias,
                    FunctionVersion=str(version),
                    # Left out, the weights of before would stay.
                    RoutingConfig={"AdditionalVersionWeights": weights},
                    **({"RevisionId": seen.revision} if seen else {}),
                )
            )
        except lambda_client.exceptions.PreconditionFailedException as error:
            raise MovedMeanwhile(
                f"somebody else has moved the alias {alias} of {function} meanwhile; "
                f"see: ./dev sluice rollback --show --stack {stack.name}"
            ) from error


def _route(answer: Mapping[str, Any]) -> Route:
    weights = answer.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return Route(
        version=int(answer["FunctionVersion"]),
        beside={int(version): float(weight) for version, weight in weights.items()},
        revision=answer["RevisionId"],
    )


def schedules(stack: Stack) -> list[str]:
    """Return the names of the schedules that invoke the stack's functions."""
    events, functions = client(stack, "events"), client(stack, "lambda")
    alias = stack.outputs.get("function_alias")
    with told("list the schedules"):
        return [
            rule
            for name in names(stack)
            for rule in events.list_rule_names_by_target(
                TargetArn=functions.get_alias(FunctionName=name, Name=alias)["AliasArn"]
            )["RuleNames"]
        ]


def switch_mapping(stack: Stack, *, on: bool, wait: Callable[[Reached], None]) -> None:
    """Start or stop the delivery of batches; `wait` blocks until what it is given is true."""
    functions, uuid = client(stack, "lambda"), stack.outputs["mapping_uuid"]
    wanted = "Enabled" if on else "Disabled"

    def reached() -> bool:
        with told("read the event source mapping"):
            return bool(functions.get_event_source_mapping(UUID=uuid)["State"] == wanted)

    if not reached():
        with told("change the event source mapping"):
            functions.update_event_source_mapping(UUID=uuid, Enabled=on)
        wait(reached)

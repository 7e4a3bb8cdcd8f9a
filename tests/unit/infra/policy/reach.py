"""Which client operations a function's code can reach, worked out from its source.

By rapid type analysis: a name is what its module defines or imports, and a method is reached when
an attribute of its name is mentioned and its class is. That is at least what any run calls.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from botocore.session import get_session

ROOT: Final = Path(__file__).resolve().parents[4]
PURE: Final = ("pipeline.core.", "pipeline.audit.")
"""No client ever gets there (tests/test_tidy.py)."""
ALWAYS: Final = {"__init__", "__post_init__", "__call__", "__iter__", "__enter__", "__exit__"}


FUNCTIONS: Final = "pipeline.functions"
ENTRIES: Final = {
    "processing": "process_stream",
    "sweeper": "sweep_ledger",
    "probe": "probe_freshness",
    "auditor": "audit_lake",
    "scaler": "scale_shards",
}
"""The function of FUNCTIONS that each handler runs."""

ACTIONS: Final = {
    ("s3", "ListObjectsV2"): {"s3:ListBucket"},
    ("dynamodb", "TransactWriteItems"): {"dynamodb:PutItem", "dynamodb:UpdateItem"},
}
"""Where an operation is no action of its name.

Amazon S3 API reference, "ListObjectsV2"; DynamoDB guide, "Using IAM with DynamoDB transactions":
each part is asked for by itself, and the ledger's one transaction is an update and a put.
"""


class Named(NamedTuple):
    """Something that a module defines."""

    module: str
    name: str


class Mentioned(NamedTuple):
    """What a piece of code mentions: things by name, and anything's attributes."""

    things: set[Named]
    attributes: set[str]


def called(kind: str) -> set[str]:
    """The actions of every operation that a function's code can reach."""
    return called_by(ENTRIES[kind], of=FUNCTIONS)


def called_by(entry: str, *, of: str) -> set[str]:
    """The actions of every operation that can be reached from a function of a module."""
    reached = attributes_reached(entry, of=of)
    found = set[str]()
    for service in ("s3", "dynamodb", "kinesis", "cloudwatch"):
        for operation in get_session().get_service_model(service).operation_names:
            if _as_python(operation) in reached:
                found |= ACTIONS.get((service, operation), {f"{service}:{operation}"})
    return found


def _as_python(operation: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()


def attributes_reached(entry: str, *, of: str = FUNCTIONS) -> frozenset[str]:
    """Every attribute that code mentions which a function of a module can reach."""
    things, attributes = {Named(of, entry)}, set[str]()
    done: set[int] = set()
    while True:
        waiting = [(m, b) for m, b in _bodies(things, attributes) if id(b) not in done]
        if not waiting:
            return frozenset(attributes)
        for module, body in waiting:
            done.add(id(body))
            mentioned = _mentioned(module, body)
            things |= mentioned.things
            attributes |= mentioned.attributes


def _bodies(things: set[Named], attributes: set[str]) -> Iterator[tuple[str, ast.AST]]:
    for thing in things:
        if thing.module.startswith(PURE):
            continue
        definition = _module(thing.module).get(thing.name)
        if not isinstance(definition, ast.ClassDef):
            yield from [(thing.module, definition)] if definition is not None else []
            continue
        for node in definition.body:
            if not isinstance(node, ast.FunctionDef) or node.name in attributes | ALWAYS:
                yield thing.module, node
        for base in definition.bases:
            yield thing.module, base


def _mentioned(module: str, body: ast.AST) -> Mentioned:
    found = Mentioned(things=set(), attributes=set())
    scope = _scope(module)
    nodes = list(_code(body))
    own = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in own and node.id in scope:
            found.things.add(scope[node.id])
        elif isinstance(node, ast.Attribute):
            found.attributes.add(node.attr)
            if isinstance(node.value, ast.Name) and node.value.id in scope:
                of = scope[node.value.id]
                found.things.add(Named(f"{of.module}.{of.name}".rstrip("."), node.attr))
        elif isinstance(node, ast.Call):
            found.attributes.update(_paged(node))
    return found


def _paged(call: ast.Call) -> Iterator[str]:
    """Yield the operation that a paginator is asked for."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "get_paginator":
        yield from (str(each.value) for each in call.args if isinstance(each, ast.Constant))


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it but annotations, which run nothing."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                yield from _code(each)


@cache
def _tree(module: str) -> ast.Module:
    path = ROOT / f"{module.replace('.', '/')}.py"
    return ast.parse(path.read_text(encoding="utf-8") if path.is_file() else "")


@cache
def _module(module: str) -> dict[str, ast.AST]:
    """What a module defines at its top: functions, classes, and the values of its constants."""
    defined: dict[str, ast.AST] = {}
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {t.id: node.value for t in targets if isinstance(t, ast.Name)}
    return defined


@cache
def _scope(module: str) -> dict[str, Named]:
    """What each name of a module stands for, its own and what it imports of the pipeline."""
    scope = {name: Named(module, name) for name in _module(module)}
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
            for alias in node.names:
                scope[alias.asname or alias.name] = Named(str(node.module), alias.name)
    return scope

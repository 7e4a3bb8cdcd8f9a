"""Rotation of a KMS key on demand, which the pinned ministack does not know.

On AWS the key gets new material for what is encrypted from then on, and keeps the old for the rest;
key, ARN and policies stay (KMS developer guide, "Rotate AWS KMS keys"). Here the rotation is noted
and the material stays, for ciphertexts of ministack 1.5.33 do not say which material they are of.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import json
import time
from collections.abc import Mapping
from typing import Any

from ministack.services import kms

Request = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_handle_request = kms.handle_request


def rotate_key_on_demand(data: Request) -> Answer:
    """Note a rotation; a key that is disabled or about to be deleted refuses it."""
    record, problem = _usable(data)
    if problem:
        return problem
    rotations = record.setdefault("Rotations", [])
    rotations.append(
        {"KeyId": record["KeyId"], "RotationDate": time.time(), "RotationType": "ON_DEMAND"}
    )
    return _ok({"KeyId": record["KeyId"]})


def list_key_rotations(data: Request) -> Answer:
    """List the rotations so far, oldest first."""
    record = kms._resolve_key(data.get("KeyId", ""))
    if not record:
        return _not_found(data)
    return _ok({"Rotations": record.get("Rotations", []), "Truncated": False})


OPERATIONS = {"RotateKeyOnDemand": rotate_key_on_demand, "ListKeyRotations": list_key_rotations}


async def handle_request(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Any
) -> Answer:
    """Answer what ministack cannot, and pass on the rest."""
    operation = OPERATIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if operation is not None:
        return operation(json.loads(body or b"{}"))
    answer: Answer = await _handle_request(method, path, headers, body, query_params)
    return answer


def install() -> None:
    """Put the replacement where ministack's dispatcher looks it up."""
    kms.handle_request = handle_request


def _usable(data: Request) -> tuple[Request, Answer | None]:
    record = kms._resolve_key(data.get("KeyId", ""))
    if not record:
        return {}, _not_found(data)
    return record, kms._check_key_state(record)


def _not_found(data: Request) -> Answer:
    answer: Answer = kms.error_response_json(
        "NotFoundException", f"Key {data.get('KeyId', '')} not found", 400
    )
    return answer


def _ok(body: Mapping[str, Any]) -> Answer:
    answer: Answer = kms.json_response(dict(body))
    return answer

"""Rotation of a key on demand, as KMS answers it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import kms

from infra.local import key_rotation
from tests.local_aws import aws_rule

Call = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def call() -> Iterator[Call]:
    """Call an operation of KMS through the emulator's own dispatcher."""
    key_rotation.install()

    def operation(name: str, **data: object) -> tuple[int, dict[str, Any]]:
        target = {"x-amz-target": f"TrentService.{name}"}
        status, _, body = asyncio.run(
            kms.handle_request("POST", "/", target, json.dumps(data).encode(), {})
        )
        return status, json.loads(body or b"{}")

    with request_scope("000000000000", "us-east-1"):
        yield operation
        kms.reset()


@aws_rule(
    page="KMS developer guide, Rotate AWS KMS keys",
    says="a rotation on demand keeps key and ARN, and what was encrypted before is still decrypted",
    alone="answers that there is no such operation",
)
def test_a_rotated_key_is_the_same_key_and_decrypts_what_it_encrypted_before(call: Call) -> None:
    key = call("CreateKey")[1]["KeyMetadata"]
    encrypted = call("Encrypt", KeyId=key["KeyId"], Plaintext="cGxhaW4=")[1]["CiphertextBlob"]
    assert call("ListKeyRotations", KeyId=key["Arn"])[1]["Rotations"] == []
    assert call("RotateKeyOnDemand", KeyId=key["Arn"]) == (200, {"KeyId": key["KeyId"]})
    (rotation,) = call("ListKeyRotations", KeyId=key["KeyId"])[1]["Rotations"]
    assert (rotation["KeyId"], rotation["RotationType"]) == (key["KeyId"], "ON_DEMAND")
    assert call("DescribeKey", KeyId=key["KeyId"])[1]["KeyMetadata"]["Arn"] == key["Arn"]
    assert call("Decrypt", CiphertextBlob=encrypted)[1]["Plaintext"] == "cGxhaW4="


@aws_rule(
    page="KMS API reference, RotateKeyOnDemand",
    says="a key that is disabled cannot be rotated",
    alone="answers that there is no such operation",
)
def test_a_key_that_cannot_be_used_is_not_rotated(call: Call) -> None:
    key = call("CreateKey")[1]["KeyMetadata"]["KeyId"]
    call("DisableKey", KeyId=key)
    status, answer = call("RotateKeyOnDemand", KeyId=key)
    assert (status, answer["__type"]) == (400, "DisabledException")
    assert call("RotateKeyOnDemand", KeyId="none")[1]["__type"] == "NotFoundException"
    assert call("ListKeyRotations", KeyId="none")[1]["__type"] == "NotFoundException"

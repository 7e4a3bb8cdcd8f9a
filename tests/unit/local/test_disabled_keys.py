"""A key that cannot be used: what S3 says to those who read and write under it."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from ministack.core.responses import request_scope
from ministack.services import kms, s3

from infra.local import disabled_keys
from tests.local_aws import aws_rule

Answer = tuple[int, dict[str, str], bytes]


class Vault:
    """The emulator's KMS and S3: one key, and one bucket that is encrypted under it."""

    def __init__(self) -> None:
        disabled_keys.install()
        self.key = str(self.kms("CreateKey")["KeyMetadata"]["KeyId"])
        self.headers = {
            "x-amz-server-side-encryption": "aws:kms",
            disabled_keys.KEY_HEADER: self.key,
        }
        self.s3("PUT", "/lake")

    def kms(self, operation: str, **data: object) -> dict[str, dict[str, object]]:
        target = {"x-amz-target": f"TrentService.{operation}"}
        status, _, body = asyncio.run(
            kms.handle_request("POST", "/", target, json.dumps(data).encode(), {})
        )
        assert status == 200, body
        answer: dict[str, dict[str, object]] = json.loads(body or b"{}")
        return answer

    def s3(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        answer: Answer = asyncio.run(s3.handle_request(method, path, headers, body, {}))
        return answer

    def put(self) -> Answer:
        return self.s3("PUT", "/lake/k", b"x", **self.headers)


@pytest.fixture
def vault() -> Iterator[Vault]:
    with request_scope("000000000000", "us-east-1"):
        yield Vault()
        kms.reset()
        s3.reset()


@aws_rule(
    page="AWS KMS developer guide, Key states of AWS KMS keys",
    says="an object under a disabled key can be neither read nor written until it is enabled again",
    alone="goes on reading and writing",
    here="the same for S3, at once; Kinesis and DynamoDB, which hold data keys, go on",
)
def test_what_is_under_a_disabled_key_can_be_neither_read_nor_written(vault: Vault) -> None:
    assert vault.put()[0] == 200
    vault.kms("DisableKey", KeyId=vault.key)
    for status, _, body in (vault.put(), vault.s3("GET", "/lake/k")):
        assert (status, b"KMS.DisabledException" in body) == (400, True)
    assert vault.s3("HEAD", "/lake/k")[0] == 400
    vault.kms("EnableKey", KeyId=vault.key)
    assert vault.put()[0] == 200
    assert vault.s3("GET", "/lake/k")[0] == 200


def test_a_key_that_waits_for_its_deletion_cannot_be_used_either(vault: Vault) -> None:
    assert vault.put()[0] == 200
    vault.kms("ScheduleKeyDeletion", KeyId=vault.key, PendingWindowInDays=7)
    status, _, body = vault.s3("GET", "/lake/k")
    assert (status, b"KMS.InvalidStateException" in body) == (400, True)


def test_what_is_under_no_key_or_another_one_is_none_of_its_business(vault: Vault) -> None:
    vault.kms("DisableKey", KeyId=vault.key)
    assert vault.s3("PUT", "/lake/plain", b"x")[0] == 200
    assert vault.s3("GET", "/lake/plain")[0] == 200

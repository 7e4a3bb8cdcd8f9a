"""S3 refuses what is encrypted under a key that is disabled or about to be deleted.

ministack 1.5.33 notes an object's key and never asks for it (its `services/s3.py`). AWS needs the
key for every object that it writes or reads under SSE-KMS; while the key cannot be used, each such
request fails (AWS KMS developer guide, "How unusable KMS keys affect data keys"). The emulator
refuses at once. Kinesis and DynamoDB hold data keys for minutes; here they go on for ever.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

from typing import Any, Final

from ministack.services import kms, s3

KEY_HEADER: Final = "x-amz-server-side-encryption-aws-kms-key-id"
CODES: Final = {"Disabled": "KMS.DisabledException", "PendingDeletion": "KMS.InvalidStateException"}
"""The error code by the state of the key (KMS API reference, "Key states of AWS KMS keys")."""

_resolve_sse_write_headers = s3._resolve_sse_write_headers
_check_sse_read_headers = s3._check_sse_read_headers


def refusal(key: str | None) -> Any:
    """Return the answer to a request that needs this key; None if the key can be used."""
    found = kms._resolve_key(key) if key else None
    if found is None or found["KeyState"] not in CODES:
        return None
    state = found["KeyState"]
    return s3._error(CODES[state], f"{found['Arn']} is {state}.", 400)


def resolve_write(headers: dict[str, str], bucket: str) -> tuple[Any, Any]:
    """Return the encryption to write under, or the refusal."""
    resolved, problem = _resolve_sse_write_headers(headers, bucket)
    return resolved, problem or refusal((resolved or {}).get(KEY_HEADER))


def check_read(headers: dict[str, str], stored: dict[str, Any]) -> Any:
    """Return the refusal to read an object; None if it may be read."""
    problem = _check_sse_read_headers(headers, stored)
    return problem or refusal(stored.get("preserved_headers", {}).get(KEY_HEADER))


def install() -> None:
    """Put every replacement where ministack looks its own up."""
    s3._resolve_sse_write_headers = resolve_write
    s3._check_sse_read_headers = check_read

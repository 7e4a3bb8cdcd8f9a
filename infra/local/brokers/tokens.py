"""Tokens as Pulsar's token authentication takes them: JWTs signed with a secret key (RFC 7519)."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32
"""What HS256 asks for at least (RFC 7518, 3.2)."""


def make_key(path: Path) -> None:
    """Write a new secret key that only this user can read."""
    path.touch(mode=0o600)
    path.write_bytes(secrets.token_bytes(KEY_BYTES))


def token(key: Path, subject: str, *, expires_seconds: float | None = None) -> str:
    """Return a token for a subject; one that expires in 0 seconds or less has expired."""
    claims: dict[str, object] = {"sub": subject}
    if expires_seconds is not None:
        claims["exp"] = int(time.time() + expires_seconds)
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    signature = hmac.digest(key.read_bytes(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_encoded(signature)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

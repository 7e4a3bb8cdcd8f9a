"""Payloads: JSON Lines, one event a line, plain or compressed whole with zstd or gzip."""

from typing import Final, Literal

import pyarrow as pa

from pipeline.core.reasons import Reason, ReasonCode

_CODECS: Final[tuple[tuple[bytes, Literal["zstd", "gzip"]], ...]] = (
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x1f\x8b", "gzip"),
)
"""By magic number: RFC 8878, 3.1.1, and RFC 1952, 2.3.1. No JSON text opens with either."""


class NotReadable(ValueError):
    """The payload cannot be decompressed within its bound; `reason` goes to quarantine with it."""

    def __init__(self, code: ReasonCode, detail: str) -> None:
        super().__init__(detail)
        self.reason = Reason(code=code, detail=detail)


def compress(lines: bytes) -> bytes:
    """Return the payload for `lines`, compressed with zstd."""
    return bytes(pa.compress(lines, codec="zstd", asbytes=True))


def decompress(payload: bytes, *, bytes_max: int) -> bytes:
    """Return the lines of `payload`, read as a stream so that a bomb costs `bytes_max` at most.

    Raises:
        NotReadable: the compressed stream is broken or cut short, or holds over `bytes_max` bytes.
    """
    codec = next((codec for magic, codec in _CODECS if payload.startswith(magic)), None)
    if codec is None:
        lines = payload
    else:
        try:
            lines = _read(payload, codec, bytes_max + 1)
        except OSError as error:
            detail = f"{codec} stream is broken: {error}"
            raise NotReadable(ReasonCode.BAD_COMPRESSION, detail) from None
    if len(lines) > bytes_max:
        raise NotReadable(ReasonCode.TOO_LARGE, f"decodes to more than {bytes_max} bytes")
    return lines


def _read(payload: bytes, codec: Literal["zstd", "gzip"], bytes_max: int) -> bytes:
    """Return at most `bytes_max` decompressed bytes; room is made as they come, not beforehand."""
    parts: list[bytes] = []
    left, room = bytes_max, 16 * len(payload) + 1024
    with pa.CompressedInputStream(pa.BufferReader(payload), codec) as stream:
        while left and (part := stream.read(min(left, room))):
            parts.append(part)
            left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)

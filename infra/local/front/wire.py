"""HTTP/1.1 as far as a proxy needs it: heads are read, bodies are passed on as they came."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property

HEAD_BYTES_MAX = 256 * 1024
"""More than any service of AWS takes, and less than a stranger could fill the memory with."""
PIECE_BYTES = 256 * 1024
"""What asyncio reads from a socket at once."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_END = b"\r\n\r\n"
_BODILESS = (b"204", b"304")


class NotHttp(ValueError):
    """What came is not HTTP/1.x; nothing can be said to who sent it."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The head of a request or an answer: its bytes, and its fields by lower-case name."""

    raw: bytes
    start: tuple[bytes, bytes, bytes]
    fields: dict[bytes, bytes]

    @cached_property
    def length(self) -> int | None:
        """Return the body's length if the head says it. Raises NotHttp for what is none."""
        stated = self.fields.get(b"content-length")
        return None if stated is None else _number(stated, 10)

    @property
    def chunked(self) -> bool:
        """Return whether the body comes in chunks of a length of their own."""
        return self.fields.get(b"transfer-encoding", b"").lower() == b"chunked"

    @property
    def closes(self) -> bool:
        """Return whether the connection ends after this message."""
        return self.fields.get(b"connection", b"").lower() == b"close"

    def with_length(self, length: int) -> bytes:
        """Return the head's bytes for a body of this length, which is then sent at once."""
        dropped = (b"content-length", b"transfer-encoding", b"expect")
        lines = [
            line
            for line in self.raw[: -len(_END)].split(b"\r\n")
            if line.partition(b":")[0].strip().lower() not in dropped
        ]
        return b"\r\n".join([*lines, b"content-length: %d" % length]) + _END

    def without_expectation(self) -> bytes:
        """Return the head's bytes without an `Expect`, which this proxy answers itself."""
        if b"expect" not in self.fields:
            return self.raw
        lines = self.raw[: -len(_END)].split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(b"expect:")]
        return b"\r\n".join(kept) + _END


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Return the next head; None if the other side closed instead.

    Raises NotHttp for what is no head, IncompleteReadError for one that breaks off.
    """
    try:
        raw = await reader.readuntil(_END)
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise
    except asyncio.LimitOverrunError as error:
        raise NotHttp(f"a head of more than {HEAD_BYTES_MAX} bytes") from error
    first, *lines = raw[: -len(_END)].split(b"\r\n")
    start = first.split(b" ", 2)
    if len(start) < 2 or b"HTTP/1." not in first:
        raise NotHttp(f"not HTTP/1: {first[:80]!r}")
    fields = {}
    for line in lines:
        name, _, value = line.partition(b":")
        fields[name.lower()] = value.strip()
    return Head(raw=raw, start=(start[0], start[1], b"".join(start[2:])), fields=fields)


def has_body(answer: Head, method: bytes) -> bool:
    """Return whether an answer to this method carries a body (RFC 9112, 6.3)."""
    return not (method == b"HEAD" or answer.start[1] in _BODILESS)


async def raw_body(
    reader: asyncio.StreamReader, head: Head, *, until_closed: bool = False
) -> AsyncIterator[bytes]:
    """Yield a body's bytes as they are on the wire, chunks' own lengths included.

    `until_closed`: what has neither length nor chunks ends with the connection, as answers may.
    """
    if head.chunked:
        async for _, raw in _chunks(reader):
            yield raw
    elif head.length is not None:
        async for piece in _pieces(reader, head.length):
            yield piece
    elif until_closed:
        while piece := await reader.read(PIECE_BYTES):
            yield piece


async def read_body(reader: asyncio.StreamReader, head: Head) -> bytes:
    """Return a whole body, without the chunks' own lengths."""
    if head.chunked:
        return b"".join([content async for content, _ in _chunks(reader)])
    return await reader.readexactly(head.length) if head.length else b""


async def _pieces(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    while length:
        piece = await reader.read(min(length, PIECE_BYTES))
        if not piece:
            raise asyncio.IncompleteReadError(b"", length)
        length -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """Yield each chunk's content and its bytes on the wire; the trailer is the last one."""
    size = -1
    while size:
        line = await reader.readuntil(b"\r\n")
        size = _number(line.partition(b";")[0].strip(), 16)
        if size:
            body = await reader.readexactly(size + 2)
            yield body[:-2], line + body
    trailer = line
    while (more := await reader.readuntil(b"\r\n")) != b"\r\n":
        trailer += more
    yield b"", trailer + more


def _number(text: bytes, base: int) -> int:
    if not text.isalnum():
        raise NotHttp(f"not a length: {text[:80]!r}")
    try:
        return int(text, base)
    except ValueError as error:
        raise NotHttp(f"not a length: {text[:80]!r}") from error

"""One request and its answer on their way between a client and the emulator."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

from infra.local.front.calls import Call
from infra.local.front.wire import (
    CONTINUE,
    HEAD_BYTES_MAX,
    Head,
    has_body,
    raw_body,
    read_body,
    read_head,
)

CONNECT_SECONDS_MAX = 5.0
ANSWER_SECONDS_MAX = 1_000.0
"""Longer than a function may run (900 s): whoever waits that long has its own limit."""
BUFFER_BYTES = 1024 * 1024
_NO_LINGER = struct.pack("ii", 1, 0)


class Link:
    """A client's own connection to the emulator, opened when needed and kept between requests."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ready(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the open connection, another one if the emulator closed the last."""
        if self._streams is not None:
            reader, writer = self._streams
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            self.close()
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            self._streams = await asyncio.open_connection(*self._address, limit=HEAD_BYTES_MAX)
        widen(self._streams[1])
        return self._streams

    def close(self) -> None:
        """Drop the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def widen(writer: asyncio.StreamWriter) -> None:
    """Let a connection hold a whole body: each side goes on while the other one still works."""
    writer.transport.set_write_buffer_limits(high=BUFFER_BYTES)
    connection = writer.get_extra_info("socket")
    for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        connection.setsockopt(socket.SOL_SOCKET, buffer, BUFFER_BYTES)


class Exchange:
    """A request that came, with what can be done with it; exactly one of those is done."""

    def __init__(
        self,
        head: Head,
        call: Call,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        link: Link,
    ) -> None:
        self.head = head
        self.call = call
        self.keeps_connection = not head.closes
        self.loses_answer = False
        self._reader, self._writer = client
        self._link = link
        self._body: bytes | None = None

    async def body(self) -> bytes:
        """Return the request's whole body."""
        if self._body is None:
            self._let_continue()
            self._body = await read_body(self._reader, self.head)
        return self._body

    async def forward(self) -> None:
        """Pass the request and its answer on as they come."""
        if self.loses_answer:
            await self.ask()
            self.reset()
            return
        reader, answer = await self._send(self._request())
        await _pass_on(self._writer, answer.raw, self._answer_body(reader, answer))
        self._after(answer)

    async def ask(self, body: bytes | None = None) -> tuple[Head, bytes]:
        """Send the request, with another body if given, and return the whole answer."""
        if body is not None:
            self._body = body
        reader, answer = await self._send(self._request())
        if not has_body(answer, self.head.start[0]):
            content = b""
        elif answer.chunked or answer.length is not None:
            content = await read_body(reader, answer)
        else:
            content = await reader.read()
        self._after(answer)
        return answer, content

    async def answer(self, head: bytes, body: bytes) -> None:
        """Answer in the emulator's place; the rest of the request is read, and dropped."""
        if self.loses_answer:
            self.reset()
            return
        if self._body is None:
            self._let_continue()
            async for _ in raw_body(self._reader, self.head):
                continue
        self._writer.write(head + (b"" if self.head.start[0] == b"HEAD" else body))
        await self._writer.drain()

    def reset(self) -> None:
        """Break the client's connection off, as a crashed machine does."""
        self.keeps_connection = False
        if (connection := self._writer.get_extra_info("socket")) is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._writer.transport.abort()

    def _request(self) -> tuple[bytes, AsyncIterator[bytes]]:
        if self._body is None:
            self._let_continue()
            return self.head.without_expectation(), raw_body(self._reader, self.head)
        return self.head.with_length(len(self._body)), _once(self._body)

    async def _send(
        self, request: tuple[bytes, AsyncIterator[bytes]]
    ) -> tuple[asyncio.StreamReader, Head]:
        """Send a request and return where its answer's body is to be read, and its head."""
        reader, writer = await self._link.ready()
        await _pass_on(writer, *request)
        while answer := await read_head(reader):
            if not answer.start[1].startswith(b"1"):
                return reader, answer
        raise ConnectionResetError("the emulator closed the connection instead of answering")

    def _answer_body(self, reader: asyncio.StreamReader, answer: Head) -> AsyncIterator[bytes]:
        if not has_body(answer, self.head.start[0]):
            return _once(b"")
        return raw_body(reader, answer, until_closed=True)

    def _after(self, answer: Head) -> None:
        if answer.closes or not (
            answer.chunked or answer.length is not None or not has_body(answer, self.head.start[0])
        ):
            self._link.close()
            self.keeps_connection = False

    def _let_continue(self) -> None:
        """Have a client that waits for leave send its body (RFC 9110, 10.1.1)."""
        if b"expect" in self.head.fields:
            self._writer.write(CONTINUE)


async def _pass_on(writer: asyncio.StreamWriter, head: bytes, pieces: AsyncIterator[bytes]) -> None:
    """Send a head and a body; a small body leaves with its head in one packet."""
    async for piece in pieces:
        writer.write(head + piece if head else piece)
        head = b""
        await writer.drain()
    if head:
        writer.write(head)
        await writer.drain()


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body

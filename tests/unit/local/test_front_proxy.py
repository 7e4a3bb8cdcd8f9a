"""The proxy's HTTP, between real sockets: what goes in comes out, byte for byte."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from infra.local.front.exchange import Exchange
from infra.local.front.proxy import Proxy
from infra.local.front.wire import HEAD_BYTES_MAX

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Upstream = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
SECONDS_MAX = 10.0


def between(
    upstream: Upstream,
    client: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]],
    handle: Callable[[Exchange], Awaitable[None]] = Exchange.forward,
) -> Any:
    """Run a client against an upstream with the proxy between them; return what it returns."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await upstream(reader, writer)
        except asyncio.IncompleteReadError:
            assert reader.at_eof()
        finally:
            writer.close()

    async def run() -> Any:
        behind = await asyncio.start_server(serve, "127.0.0.1", 0)
        host, port = behind.sockets[0].getsockname()
        proxy = Proxy(host, port, handle)
        front = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        reader, writer = await asyncio.open_connection(*front.sockets[0].getsockname())
        try:
            async with asyncio.timeout(SECONDS_MAX):
                return await client(reader, writer)
        finally:
            for server in (front, behind):
                server.close()
            writer.close()
            async with asyncio.timeout(SECONDS_MAX):
                await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    return asyncio.run(run())


async def until_blank(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answering(answer: bytes, seen: list[bytes], size: int = 0) -> Upstream:
    """Return an upstream that reads heads with bodies of `size` and answers all alike."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await until_blank(reader) + await reader.readexactly(size))
            writer.write(answer)

    return serve


def test_a_request_and_its_answer_pass_unchanged() -> None:
    seen: list[bytes] = []
    request = b"POST /x?y=%20 HTTP/1.1\r\nHost: h:1\r\nX-Odd:  a b \r\nContent-Length: 3\r\n\r\nabc"

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(request)
        return await reader.readexactly(len(OK))

    assert between(answering(OK, seen, size=3), client) == OK
    assert seen == [request]


def test_one_connection_on_each_side_carries_many_requests() -> None:
    opened: list[int] = []
    seen: list[bytes] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        await answering(OK, seen)(reader, writer)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(50):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.readexactly(len(OK)) == OK

    between(upstream, client)
    assert (len(opened), len(seen)) == (1, 50)


def test_requests_sent_at_once_are_answered_one_by_one() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * 3)
        return await reader.readexactly(3 * len(OK))

    assert between(answering(OK, []), client) == OK * 3


@pytest.mark.parametrize("size", [0, 1, 65_536, 10 * 1024 * 1024])
def test_bodies_of_any_size_pass_both_ways(size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    head = b"content-length: %d\r\n\r\n" % size
    seen: list[bytes] = []

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"PUT / HTTP/1.1\r\n" + head + body)
        await until_blank(reader)
        return await reader.readexactly(size)

    upstream = answering(b"HTTP/1.1 200 OK\r\n" + head + body, seen, size=size)
    assert between(upstream, client) == body
    assert seen[0].endswith(body)


def test_chunks_pass_as_they_come_and_the_connection_goes_on() -> None:
    chunked = b"5;x=y\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n"
    head = b"transfer-encoding: chunked\r\n\r\n"

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\n" + head + chunked)
            await until_blank(reader)
            found = await reader.readexactly(len(chunked))
        return found

    upstream = answering(b"HTTP/1.1 200 OK\r\n" + head + chunked, [], size=len(chunked))
    assert between(upstream, client) == chunked


def test_the_answer_to_head_has_a_length_and_no_body() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"HEAD / HTTP/1.1\r\n\r\n")
            assert await reader.readexactly(len(answer)) == answer

    between(answering(answer, []), client)


def test_a_client_that_waits_for_leave_is_told_to_go_on() -> None:
    seen: list[bytes] = []

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[Any, Any]:
        writer.write(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        leave = await until_blank(reader)
        writer.write(b"abc")
        return leave, await reader.readexactly(len(OK))

    leave, answer = between(answering(OK, seen, size=3), client)
    assert (leave, answer) == (b"HTTP/1.1 100 Continue\r\n\r\n", OK)
    assert seen == [b"PUT / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"]


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_blank(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall of it")

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        return await reader.read()

    assert between(upstream, client) == b"HTTP/1.0 200 OK\r\n\r\nall of it"


def test_an_emulator_that_closed_an_idle_connection_is_asked_on_a_new_one() -> None:
    asked: list[int] = []
    links: list[Any] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_blank(reader)
        asked.append(1)
        writer.write(OK)

    async def watched(exchange: Exchange) -> None:
        await exchange.forward()
        links.append(exchange._link)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.readexactly(len(OK)) == OK
            while not links[-1]._streams[0].at_eof():
                await asyncio.sleep(0)

    between(upstream, client, watched)
    assert len(asked) == 2


def test_an_emulator_that_breaks_off_breaks_the_client_off_and_nothing_is_made_up() -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until_blank(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        return await reader.read()

    assert between(upstream, client).endswith(b"half")


def test_a_lost_answer_is_whole_at_the_emulator_and_none_at_the_client() -> None:
    seen: list[bytes] = []

    async def lose(exchange: Exchange) -> None:
        exchange.loses_answer = True
        await exchange.forward()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await reader.read()

    between(answering(OK, seen), client, lose)
    assert len(seen) == 1


def test_after_an_answer_in_the_emulators_place_the_connection_goes_on() -> None:
    seen: list[bytes] = []

    async def refuse(exchange: Exchange) -> None:
        if exchange.head.start[1] == b"/no":
            await exchange.answer(b"HTTP/1.1 400 No\r\ncontent-length: 2\r\n\r\n", b"no")
        else:
            await exchange.forward()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST /no HTTP/1.1\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000)
        await until_blank(reader)
        assert await reader.readexactly(2) == b"no"
        writer.write(b"GET /yes HTTP/1.1\r\n\r\n")
        return await reader.readexactly(len(OK))

    assert between(answering(OK, seen), client, refuse) == OK
    assert len(seen) == 1


def test_a_defect_of_the_front_hangs_up_on_one_client_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(exchange: Exchange) -> None:
        raise LookupError("a defect")

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        return await reader.read()

    assert between(answering(OK, []), client, broken) == b""
    assert "a request could not be handled" in caplog.text


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\r\n\r\n",
        b"x" * 300_000 + b"\r\n\r\n",
        b"PUT / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_not_http_is_hung_up_on(garbage: bytes) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(garbage)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""

    seen: list[bytes] = []
    assert between(answering(OK, seen), client) == b""
    assert not seen

"""A call that hangs: held until faults are made anew, then let go, its caller alive or not."""

import asyncio

from infra.local.front.control import Front
from infra.local.front.desk import Desk
from infra.local.front.faults import Fault
from infra.local.front.streams import Emulator
from tests.unit.local.test_front_proxy import OK, answering, between

HANG = Fault(service="dynamodb", operation="PutItem", kind="hang", count_max=1)
HEAD = b"POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\nContent-Length: 2\r\n\r\n"
PUT = HEAD + b"{}"


def front_of(writer: asyncio.StreamWriter) -> Front:
    host, port = writer.get_extra_info("peername")
    return Front(f"http://{host}:{port}")


async def until_held(front: Front, calls: int) -> None:
    while await asyncio.to_thread(front.held) != calls:
        await asyncio.sleep(0)


def test_it_takes_effect_when_it_is_let_go_although_its_caller_is_gone() -> None:
    seen: list[bytes] = []

    async def client(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        front = front_of(writer)
        await asyncio.to_thread(front.inject, [HANG])
        writer.write(PUT)
        await until_held(front, 1)
        writer.close()
        assert not seen
        await asyncio.to_thread(front.clear)
        await until_held(front, 0)

    between(answering(OK, seen, size=2), client, Desk(Emulator("", "")).handle)
    assert seen == [PUT]


def test_calls_beyond_its_count_pass_it_by() -> None:
    async def client(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        front = front_of(writer)
        await asyncio.to_thread(front.inject, [HANG])
        writer.write(PUT)
        await until_held(front, 1)
        reader, other = await asyncio.open_connection(*writer.get_extra_info("peername"))
        other.write(PUT)
        answer = await reader.readexactly(len(OK))
        other.close()
        await asyncio.to_thread(front.clear)
        await until_held(front, 0)
        return answer

    assert between(answering(OK, [], size=2), client, Desk(Emulator("", "")).handle) == OK

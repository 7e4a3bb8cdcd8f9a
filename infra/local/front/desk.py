"""What is done with each call: a fault if one is due, a limit if one is reached, else nothing."""

import asyncio
import json
import os
from dataclasses import asdict
from typing import Any, Final

from infra.local.front import answers, calls
from infra.local.front.answers import Refusal
from infra.local.front.calls import CONTROL_PATH, Call
from infra.local.front.exchange import Exchange
from infra.local.front.faults import Fault, Faults
from infra.local.front.kinesis import Kinesis, parsed, stream_name
from infra.local.front.streams import Emulator, Streams
from infra.local.front.tally import Tally
from pipeline.errors import UserError

INVOKE_BYTES_MAX: Final = 6 * 1024 * 1024
INVOKE_EVENT_BYTES_MAX: Final = 1024 * 1024
"""Synchronous and asynchronous payloads (Lambda developer guide, "Lambda quotas")."""


class Desk:
    """Every exchange passes here; the control interface changes what happens to the next ones."""

    def __init__(self, emulator: Emulator) -> None:
        self.tally = Tally()
        self._kinesis = Kinesis(Streams(emulator), self.tally)
        self._faults = Faults()
        self._asked: tuple[Fault, ...] = ()
        self._lifted = asyncio.Event()
        self._held: set[Exchange] = set()

    async def handle(self, exchange: Exchange) -> None:
        """Do one thing with a request."""
        try:
            await self._handle(exchange)
        finally:
            self._held.discard(exchange)

    async def _handle(self, exchange: Exchange) -> None:
        if exchange.head.start[1].startswith(CONTROL_PATH):
            await self._control(exchange)
            return
        if self._faults:
            call = await _named(exchange)
            for fault in self._faults.strike(call):
                if await self._make(fault, exchange):
                    return
        if exchange.call.service == "kinesis":
            await self._kinesis.handle(exchange)
        elif exchange.call.operation == "Invoke" and (problem := too_large(exchange)):
            self.tally.count(exchange.call, "size")
            await exchange.answer(*answers.encode(exchange.call, problem))
        else:
            await exchange.forward()

    async def _make(self, fault: Fault, exchange: Exchange) -> bool:
        """Let a fault happen; return whether the exchange is over with it."""
        call = exchange.call
        self.tally.count(call, fault.kind)
        match fault.kind:
            case "latency":
                await asyncio.sleep(fault.latency_ms / 1_000)
                return False
            case "hang":
                self._held.add(exchange)
                await self._lifted.wait()
                return False
            case "lost_answer":
                exchange.loses_answer = True
                return False
            case "reset":
                exchange.reset()
            case "throttle":
                self.tally.throttled(call, name_in(call, await exchange.body()))
                await exchange.answer(*answers.encode(call, answers.throttle(call)))
            case "error":
                await exchange.answer(*answers.encode(call, answers.error(call)))
        return True

    async def _control(self, exchange: Exchange) -> None:
        """Serve `infra.local.front.control.Front`."""
        method, path = exchange.head.start[0], exchange.head.start[1][len(CONTROL_PATH) :]
        body = await exchange.body()
        try:
            match (method, path):
                case (b"GET", b""):
                    status, said = 200, self._state()
                case (b"PUT", b"/limits"):
                    await self._kinesis.limit(on=bool(json.loads(body)["on"]))
                    status, said = 200, self._state()
                case (b"PUT", b"/faults"):
                    self._asked = tuple(Fault(**one) for one in json.loads(body))
                    self._faults = Faults(self._asked)
                    self._lifted.set()
                    self._lifted = asyncio.Event()
                    status, said = 200, self._state()
                case _:
                    status, said = 404, {"error": "the front has no such control"}
        except (KeyError, TypeError, ValueError, UserError) as error:
            status, said = 400, {"error": str(error)}
        content = json.dumps(said).encode()
        fields = {"content-type": "application/json"}
        await exchange.answer(answers.head(status, len(content), fields), content)

    def _state(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "limits": self._kinesis.limited,
            "faults": [asdict(fault) for fault in self._asked],
            "held": len(self._held),
            "counts": self.tally.counts(),
            "written": self._kinesis.written(),
        }


def too_large(exchange: Exchange) -> Refusal | None:
    """Return Lambda's answer to a payload that is too large, None if it is not."""
    asynchronous = exchange.head.fields.get(b"x-amz-invocation-type") == b"Event"
    most = INVOKE_EVENT_BYTES_MAX if asynchronous else INVOKE_BYTES_MAX
    if (exchange.head.length or 0) <= most:
        return None
    message = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
    return Refusal(status=413, code="RequestTooLargeException", message=message)


def name_in(call: Call, body: bytes) -> str:
    """Return the stream, table or function that a call is about, "" if it does not say."""
    if call.service == "lambda":
        return call.resource
    if call.service not in ("kinesis", "dynamodb"):
        return ""
    request = parsed(body)
    if call.service == "kinesis":
        return stream_name(request)
    actions = [request, *(a for item in request.get("TransactItems", ()) for a in item.values())]
    named = (str(action["TableName"]) for action in actions if "TableName" in action)
    return next(named, "").rpartition("/")[2]


async def _named(exchange: Exchange) -> Call:
    """Return the call with its operation, which services of the query protocol name in a form."""
    if exchange.call.by_form:
        operation = calls.form_operation(await exchange.body())
        exchange.call = Call(service=exchange.call.service, operation=operation, by_form=True)
    return exchange.call

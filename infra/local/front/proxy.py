"""The proxy's connections: each client has one task here and one connection to the emulator."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from infra.local.front import calls
from infra.local.front.exchange import ANSWER_SECONDS_MAX, Exchange, Link, widen
from infra.local.front.wire import NotHttp, read_head

Handle = Callable[[Exchange], Awaitable[None]]
_BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, NotHttp)
"""What ends a connection and nothing else: either side went away, or does not speak HTTP."""
_log = logging.getLogger(__name__)


class Proxy:
    """Passes every request to `handle`, which does one thing with it."""

    def __init__(self, host: str, port: int, handle: Handle) -> None:
        self._upstream = host, port
        self._handle = handle

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client's connection to its end.

        An idle one is kept: it costs a descriptor, and a client that finds it closed just as it
        sends cannot know whether it was heard.
        """
        link = Link(*self._upstream)
        widen(writer)
        try:
            while (head := await read_head(reader)) is not None:
                exchange = Exchange(head, calls.of(head), (reader, writer), link)
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await self._handle(exchange)
                if not exchange.keeps_connection:
                    break
        except _BROKEN as error:
            _log.info("connection ended: %r", error)
        except Exception:
            # A defect of the front: this client is hung up on, the others go on.
            _log.exception("a request could not be handled")
        finally:
            link.close()
            writer.close()

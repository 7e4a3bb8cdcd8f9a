"""Run the front of the local AWS until SIGTERM: limits and faults before the emulator.

python -m infra.local.front --port 4566 --upstream http://127.0.0.1:4567
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from infra.local import lifeline
from infra.local.front.desk import Desk
from infra.local.front.proxy import Proxy
from infra.local.front.streams import Emulator
from infra.local.front.wire import HEAD_BYTES_MAX
from infra.local.launcher import EXIT_USER_ERROR, listen
from infra.local.supervisor import REGION
from pipeline.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.front")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="the emulator's own address")
    parser.add_argument("--listening", type=Path, help="file to make when the port is its own")
    parser.add_argument(
        "--minute-seconds", type=float, default=60.0, help="of its metrics; AWS's is 60"
    )
    parser.add_argument("--parent", type=int, help="end when the process with this id ends")
    options = parser.parse_args(arguments)
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s",
        level=os.environ.get("LOG_LEVEL", "WARNING"),
    )
    try:
        listener = listen(options.port)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the message is this program's output
        return EXIT_USER_ERROR
    if options.parent is not None:
        lifeline.follow(options.parent)
    if options.listening is not None:
        options.listening.parent.mkdir(parents=True, exist_ok=True)
        options.listening.touch()
    asyncio.run(_serve(listener, options.upstream, minute_seconds=options.minute_seconds))
    return 0


async def _serve(listener: socket.socket, upstream: str, *, minute_seconds: float) -> None:
    address = urlsplit(upstream)
    emulator = Emulator(upstream, REGION)
    desk = Desk(emulator)
    proxy = Proxy(address.hostname or "", address.port or 80, desk.handle)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await asyncio.start_server(proxy.serve, sock=listener, limit=HEAD_BYTES_MAX)
    publishing = asyncio.create_task(
        desk.tally.publish(emulator, minute_seconds=minute_seconds), name="metrics"
    )
    await asyncio.wait(
        {publishing, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    if publishing.done():
        publishing.result()
    # It holds nothing that a request at work would need to end for.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())

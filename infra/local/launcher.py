"""Run the pinned ministack on this machine alone, with what is not AWS's in it replaced.

    python -m infra.local.launcher --port 4566 --data DIR

It listens on 127.0.0.1 until SIGTERM. What is wrong is said in one line and by exit code 2.
"""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from infra.local import lifeline
from infra.local.ports import HOST
from pipeline.errors import UserError

VERSION = "1.5.33"
"""The version whose functions are replaced by name."""
FREE_BYTES_MIN = 256 * 1024 * 1024
EXIT_USER_ERROR = 2
LISTENING = "listening"
"""A file in the data folder: it is this emulator that has the port, not a stranger."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.launcher", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--gateway-port", type=int, help="what it tells functions; --port if not")
    parser.add_argument("--data", type=Path, required=True, help="folder of this emulator alone")
    parser.add_argument("--enforce-iam", action="store_true", help="refuse what IAM does not allow")
    parser.add_argument(
        "--minute-seconds", type=float, default=60.0, help="of CloudWatch and rate(); AWS's is 60"
    )
    parser.add_argument("--tasks", type=Path, help="folder of ECS tasks' logs; in --data if not")
    parser.add_argument("--parent", type=int, help="end when the process with this id ends")
    options = parser.parse_args(arguments)
    try:
        check_version(metadata.version("ministack"))
        prepare_data(options.data)
        listener = listen(options.port)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the message is this program's output
        return EXIT_USER_ERROR
    if options.parent is not None:
        lifeline.follow(options.parent)
    (options.data / LISTENING).touch()
    gateway_port = options.gateway_port or options.port
    configure(port=gateway_port, data=options.data, enforce_iam=options.enforce_iam)
    tasks = options.tasks or options.data / "tasks"
    asyncio.run(_serve(listener, tasks=tasks, minute_seconds=options.minute_seconds))
    return 0


def check_version(installed: str) -> None:
    """Raise UserError unless this is the version whose functions we replace."""
    if installed != VERSION:
        raise UserError(
            f"ministack {installed} is installed but the local AWS replaces functions of {VERSION}:"
            f" run `uv sync` to get the version in uv.lock"
        )


def prepare_data(data: Path) -> None:
    """Make the data folder. Raises UserError if it cannot be written or its disk is full."""
    try:
        (data / "tmp").mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(data).free
    except OSError as error:
        raise UserError(
            f"cannot use {data} for the local AWS ({error.strerror}): choose another folder"
        ) from error
    if free < FREE_BYTES_MIN:
        raise UserError(
            f"the disk of {data} has {free >> 20} MB left and the local AWS needs"
            f" {FREE_BYTES_MIN >> 20} MB: free some space or choose another folder"
        )


def listen(port: int) -> socket.socket:
    """Return a listening socket on this machine. Raises UserError if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UserError(
            f"cannot listen on {HOST}:{port} ({error}): stop what uses the port or choose another"
        ) from error
    return listener


def configure(*, port: int, data: Path, enforce_iam: bool) -> None:
    """Set what ministack reads from its environment, which its function workers inherit.

    `port` is where functions and clients find it, which may be a proxy's. It is set here, because
    ministack reads it when it is imported. The caller's AWS settings are
    dropped, so that no function reaches an account of its user.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "AUTH": str(enforce_iam).lower(),
        "TMPDIR": str(data.resolve() / "tmp"),
        "S3_DATA_DIR": str(data.resolve() / "s3"),
        "STATE_DIR": str(data.resolve() / "state"),
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "LAMBDA_EXECUTOR": "local",
        # Listeners of their own, on all interfaces, for services that nothing here uses.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
    }
    os.environ.setdefault("LOG_LEVEL", "WARNING")


async def _serve(listener: socket.socket, *, tasks: Path, minute_seconds: float) -> None:
    """Serve until SIGTERM or SIGINT, then end function workers, tasks and this process."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app
    from ministack.core import lambda_runtime

    from infra.local import (
        ageing,
        autoscaling,
        cloudwatch,
        disabled_keys,
        ecs,
        function_process,
        kafka_clusters,
        key_rotation,
        lambda_service,
        resharding,
        stream_mode,
        weighted_aliases,
    )

    resharding.install()
    lambda_service.install()
    function_process.install()
    kafka_clusters.install()
    ageing.install()
    disabled_keys.install()
    key_rotation.install()
    stream_mode.install()
    weighted_aliases.install()
    cloudwatch.install(minute_seconds=minute_seconds)
    agent = ecs.install(logs=tasks, minute_seconds=minute_seconds)
    autoscaling.install(lock=agent.lock, wake=agent.wake, minute_seconds=minute_seconds)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"]
    logging.getLogger("hypercorn.error").setLevel(config.loglevel)
    server: asyncio.Task[Any] = asyncio.create_task(
        serve(app.app, config, shutdown_trigger=asyncio.Event().wait)
    )
    await asyncio.wait(
        {server, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    if server.done():
        server.result()
    # Its state is in memory alone, and a handler at work would hold up a graceful end.
    await asyncio.gather(asyncio.to_thread(lambda_runtime.reset), asyncio.to_thread(agent.close))
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())

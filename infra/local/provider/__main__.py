"""Serve the local provider to a Pulumi engine until SIGTERM; print the port that it got.

python -m infra.local.provider --endpoint URL --region R
"""

import argparse
import signal
import sys
import threading

from infra.local import lifeline
from infra.local.provider.catalogue import INVOKES, TYPES
from infra.local.provider.interpreter import Provider
from infra.local.provider.server import serve
from pipeline.errors import UserError

STOP_SECONDS_MAX = 5.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.provider")
    parser.add_argument("--endpoint", required=True, help="the embedded AWS's address")
    parser.add_argument("--region", required=True)
    parser.add_argument("--parent", type=int, help="end when the process with this id ends")
    options = parser.parse_args(arguments)
    if options.parent is not None:
        lifeline.follow(options.parent)
    try:
        provider = Provider(TYPES, INVOKES, endpoint=options.endpoint, region=options.region)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the message is this program's output
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server, port = serve(provider)
    print(port, flush=True)  # noqa: T201 - Pulumi's own convention for a provider's port
    stop.wait()
    server.stop(grace=STOP_SECONDS_MAX).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())

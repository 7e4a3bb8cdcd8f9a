"""Run Lambda's event source mapping for Kinesis on the local AWS until SIGTERM.

python -m infra.local.event_source_mapping --endpoint URL --region R --checkpoints FILE
"""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from infra.local import lifeline
from infra.local.event_source_mapping.checkpoints import Checkpoints
from infra.local.event_source_mapping.poller import Poller, surroundings

POLL_SECONDS = 1.0
"""Lambda polls each shard at a base rate of once a second (developer guide, "Kinesis")."""
METRIC_PERIOD_SECONDS = 60.0
_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def main(arguments: list[str] | None = None) -> int:
    """Deliver until told to stop; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.event_source_mapping")
    parser.add_argument("--endpoint", required=True, help="the emulator's address")
    parser.add_argument("--region", required=True)
    parser.add_argument("--checkpoints", type=Path, required=True, help="file to resume from")
    parser.add_argument("--poll-seconds", type=float, default=POLL_SECONDS)
    parser.add_argument("--metric-period-seconds", type=float, default=METRIC_PERIOD_SECONDS)
    parser.add_argument("--parent", type=int, help="end when the process with this id ends")
    options = parser.parse_args(arguments)
    # Taken by a thread: a handler could interrupt a lock that it needs itself.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    if options.parent is not None:
        lifeline.follow(options.parent)
    around = surroundings(
        endpoint=options.endpoint,
        region=options.region,
        checkpoints=Checkpoints(options.checkpoints),
        poll_seconds=options.poll_seconds,
    )
    stop = threading.Event()

    def end_on_signal() -> None:
        signal.sigwait(_SIGNALS)
        stop.set()
        around.wake.set()

    threading.Thread(target=end_on_signal, daemon=True).start()
    Poller(around, metric_period_seconds=options.metric_period_seconds).run(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())

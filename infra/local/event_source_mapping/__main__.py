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
from infra.local.event_source_mapping.clients import Identities
from infra.local.event_source_mapping.metrics import Observed
from infra.local.event_source_mapping.poller import Poller
from infra.local.event_source_mapping.shard_thread import Surroundings

_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def main(arguments: list[str] | None = None) -> int:
    """Deliver until told to stop; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.event_source_mapping")
    parser.add_argument("--endpoint", required=True, help="the emulator's address")
    parser.add_argument("--region", required=True)
    parser.add_argument("--checkpoints", type=Path, required=True, help="file to resume from")
    parser.add_argument(
        "--poll-seconds", type=float, default=1.0, help="AWS reads a shard once a second"
    )
    parser.add_argument(
        "--metric-period-seconds", type=float, default=60.0, help="of its metrics; AWS's is 60"
    )
    parser.add_argument("--parent", type=int, help="end when the process with this id ends")
    options = parser.parse_args(arguments)
    # Taken by a thread: a handler could interrupt a lock that it needs itself.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    if options.parent is not None:
        lifeline.follow(options.parent)
    identities = Identities(endpoint=options.endpoint, region=options.region)
    around = Surroundings(
        own=identities.own,
        role=identities.role,
        checkpoints=Checkpoints(options.checkpoints),
        observed=Observed(),
        region=options.region,
        poll_seconds=options.poll_seconds,
        wake=threading.Event(),
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

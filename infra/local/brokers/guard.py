"""Ends a broker whose owner is gone, however it went.

python -m infra.local.brokers.guard OWNER_PID BROKER_PID
"""

import subprocess
import sys
import threading
import time
from typing import Final

from infra.local import processes
from infra.local.processes import Process

PERIOD_SECONDS: Final = 0.25


def guard(owner_pid: int, broker_pid: int) -> None:
    """Start the guard of a broker; it ends when the broker does."""
    watcher = subprocess.Popen(
        [sys.executable, "-m", "infra.local.brokers.guard", str(owner_pid), str(broker_pid)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=watcher.wait, daemon=True).start()


def watch(owner: Process | None, broker: Process | None) -> None:
    """Return when the broker has ended; end it, at once, when its owner has."""
    while broker is not None and processes.alive(broker):
        if owner is None or not processes.alive(owner):
            processes.kill(broker.pid)
            return
        time.sleep(PERIOD_SECONDS)


if __name__ == "__main__":
    watch(*(processes.find(int(pid)) for pid in sys.argv[1:]))

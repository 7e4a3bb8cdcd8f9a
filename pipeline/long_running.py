"""A process that works until SIGTERM: how it is told to stop, and with which code it ends."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from pipeline.errors import SluiceError, UserError


class Stop(threading.Event):
    """Set once the process is told to stop; `told_ms` is when, by the monotonic clock."""

    told_ms: int | None = None

    def set(self) -> None:
        """Tell it; what it is told again changes nothing."""
        if self.told_ms is None:
            self.told_ms = time.monotonic_ns() // 1_000_000
        super().set()


def run(work: Callable[[Stop], None], log: logging.Logger) -> int:
    """Work until told to stop, and say on the log how it ended.

    Returns 0 after SIGTERM, 1 for a defect, 2 for a person's mistake.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        work(stop)
    except UserError as mistake:
        log.critical("%s", mistake)
        return 2
    except SluiceError as trouble:
        log.critical("stopped: %s", trouble)
        return 1
    except Exception:
        log.exception("stopped: a defect")
        return 1
    log.info("left in good order")
    return 0


def leave(code: int) -> NoReturn:
    """End the process at once, once all is written: no thread that is left holds it up."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)

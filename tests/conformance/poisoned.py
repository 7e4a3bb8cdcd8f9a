"""`python -m tests.conformance.poisoned`: a worker whose core dies at a marked record, at once.

What it waits for while others may live or have work is shorter than a worker's: in its test they
do not, and how long workers really wait is shown by those of the other tests.
"""

import os
import runpy
import signal
from typing import Any

from pipeline import assembly
from pipeline.consumer import schedule
from pipeline.core.batch import Batch
from pipeline.core.intake import take_in
from pipeline.core.process import process
from pipeline.sources import kinesis_leases
from tests.conformance.load import MARK

LEASE_SECONDS = 2.0
SUSPECT_WAITS_MS = 500


def dying(batch: Batch, **more: Any) -> Any:
    """Do what the core does, unless an unmasked record holds the mark."""
    for payload in take_in(batch, more["limits"]).payloads:
        if MARK.encode() in payload.body:
            os.kill(os.getpid(), signal.SIGKILL)
    return process(batch, **more)


if __name__ == "__main__":
    assert vars(assembly)["process"] is process
    vars(assembly)["process"] = dying
    vars(kinesis_leases)["LEASE_SECONDS"] = LEASE_SECONDS
    vars(schedule)["SUSPECT_WAITS_MS"] = SUSPECT_WAITS_MS
    runpy.run_module("pipeline.consumer", run_name="__main__")

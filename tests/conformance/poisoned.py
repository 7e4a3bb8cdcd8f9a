"""`python -m tests.conformance.poisoned`: a worker whose core dies at a marked record, at once."""

import os
import runpy
import signal
from typing import Any

from pipeline import functions
from pipeline.core.batch import Batch
from pipeline.core.intake import take_in
from pipeline.core.process import process
from tests.conformance.load import MARK


def dying(batch: Batch, **more: Any) -> Any:
    """Do what the core does, unless an unmasked record holds the mark."""
    for payload in take_in(batch, more["limits"]).payloads:
        if MARK.encode() in payload.body:
            os.kill(os.getpid(), signal.SIGKILL)
    return process(batch, **more)


if __name__ == "__main__":
    vars(functions)["process"] = dying
    runpy.run_module("pipeline.consumer", run_name="__main__")

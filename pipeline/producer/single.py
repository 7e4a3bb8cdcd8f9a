"""One record by itself, tried until the stream has it."""

import random
import time
from collections.abc import Callable
from typing import Any, Final

from pipeline.errors import OperatingError, OutcomeUnknown
from pipeline.producer.outcomes import Outcome
from pipeline.producer.queues import Shipment
from pipeline.producer.settings import ProducerSettings
from pipeline.producer.transport import Transport

ATTEMPTS_MAX: Final = 5


def send_record(
    transport: Transport,
    record: Shipment[Any],
    *,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Send a sealed record; each attempt has the same bytes and goes to the same place.

    Raises OutcomeUnknown when it may be there all the same, OperatingError when it is not.
    """
    settings, maybe_written = ProducerSettings(), False
    for attempt in range(1, ATTEMPTS_MAX + 1):
        (outcome,) = transport.send([record])
        if outcome is Outcome.WRITTEN:
            return
        maybe_written |= outcome is Outcome.UNKNOWN
        if outcome is Outcome.REJECTED:
            break
        pause(settings.backoff_seconds(attempt, random.random()))
    if maybe_written:
        raise OutcomeUnknown(f"no certain answer to a record after {attempt} attempts")
    raise OperatingError(f"the stream did not take a record: {outcome} after {attempt} attempts")

"""CloudWatch in the emulator's process: metrics of platform and logs, alarms by AWS's rules.

`evaluate` and `expressions` are pure; the other modules put them, and the metrics that the
emulator lacks, where the pinned ministack looks its own functions up.
"""

from infra.local.cloudwatch import (
    alarms,
    clock,
    counters,
    logs,
    schedules,
    service_metrics,
    table_metrics,
)
from infra.local.cloudwatch.counters import Counters


def install(*, minute_seconds: float) -> None:
    """Take CloudWatch over; a minute of its periods takes `minute_seconds` real seconds."""
    counted = Counters()
    counters.install()
    alarms.install()
    service_metrics.install(counted)
    table_metrics.install(counted)
    logs.install()
    schedules.install(minute_seconds=minute_seconds)
    clock.start(counted, minute_seconds=minute_seconds)

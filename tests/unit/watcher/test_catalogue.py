"""A watcher emits what is catalogued as its own, and nothing else."""

import io
import json

from pipeline.metric_log import MetricLog
from pipeline.metrics import CATALOGUE
from pipeline.watcher.lag import behind
from tests.unit.pulsar.test_condition import (
    BROKERS,
    CLUSTER,
    DISKS,
    LEDGERS,
    STATS,
    Api,
    api,
    bookies,
    condition,
    stats,
)
from tests.unit.watcher.test_lag import Topic, ledger

__all__ = ["api"]


def test_every_figure_of_a_watcher_is_catalogued_and_none_in_vain(api: Api) -> None:
    api.says(BROKERS, [])
    api.says(CLUSTER, bookies(writable=1))
    api.says(LEDGERS, [1])
    api.says(DISKS, {"b": ": {Free: 1(1B), Total: 2(2B)},"})
    api.says(STATS, stats(a=1))
    asked = condition(api, brokers=1, bookies=1, backlog_bytes_max=1)
    out = io.StringIO()
    log = MetricLog(namespace="Sluice", stream="s", clock_ms=lambda: 0, log=out)
    for found in (
        asked.missing(),
        asked.under_replicated(),
        asked.disk(),
        asked.backlog(),
        behind(Topic(p0=1), ledger(None)),
    ):
        found.write(log)
    told = {
        (each["Name"], each["Unit"])
        for line in out.getvalue().splitlines()
        for each in json.loads(line)["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert told == {(m.name, m.unit) for m in CATALOGUE if m.origin == "watcher"}

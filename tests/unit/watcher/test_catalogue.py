"""A watcher emits what is catalogued as its own, and nothing else."""

import io
import json
from pathlib import Path

from pipeline.metric_log import MetricLog
from pipeline.metrics import CATALOGUE
from pipeline.watcher.certificate import Certificate
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
    with_tls,
)
from tests.unit.watcher.test_lag import Topic, ledger

__all__ = ["api", "with_tls"]


def certificate(shown: Api, ca_file: Path) -> Certificate:
    port = int(shown.url.rpartition(":")[2])
    return Certificate(addresses=[("127.0.0.1", port)], ca_file=ca_file, clock_ms=lambda: 0)


def test_every_figure_of_a_watcher_is_catalogued_and_none_in_vain(
    api: Api, with_tls: tuple[Api, Path]
) -> None:
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
        certificate(*with_tls).found(),
        behind(Topic(p0=1), ledger(None)),
    ):
        found.write(log)
    told = {
        (each["Name"], each["Unit"])
        for line in out.getvalue().splitlines()
        for each in json.loads(line)["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert told == {(m.name, m.unit) for m in CATALOGUE if m.origin == "watcher"}

"""The broker of a local stack: real, in the stack's folder, and gone with the local AWS."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    ResourceType,
)

from infra.local import processes, stream_broker, supervisor
from infra.local.brokers.pulsar_admin import path_of
from infra.local.stream_broker import Kind
from tests.brokers import require
from tests.waiting import until

RESTART = """
import sys
from pathlib import Path
from infra.local import stream_broker

stream_broker.find("kafka", Path(sys.argv[1])).restart()
"""


def test_a_broker_may_be_restarted_by_anybody_and_ends_with_the_local_aws(
    make_lab: Callable[..., Any], tmp_path: Path
) -> None:
    lab = make_lab(broker="kafka")
    folder = tmp_path / "aws"
    broker = stream_broker.find("kafka", folder)
    assert broker is not None
    broker.create_topic("kept", partitions=2)
    before = broker.pid
    subprocess.run([sys.executable, "-c", RESTART, str(folder)], check=True, timeout=240)
    after = broker.pid
    assert after not in (None, before)
    admin = AdminClient({"bootstrap.servers": lab.aws.service_url})
    assert len(admin.list_topics(timeout=60).topics["kept"].partitions) == 2
    look_again(lab, folder)
    os.kill(lab.aws.pid, signal.SIGKILL)
    lab.wait_for(lambda: processes.find(after) is None)
    supervisor.stop(folder)
    assert not (folder / stream_broker.FOLDER).exists()
    assert (folder / stream_broker.LOG).exists()


def test_one_node_of_three_may_die_and_all_end_with_the_local_aws(
    make_lab: Callable[..., Any], tmp_path: Path
) -> None:
    require("kafka")
    lab = make_lab(broker="kafka", brokers=3)
    folder = tmp_path / "aws"
    first, second, third = stream_broker.nodes("kafka", folder)
    assert lab.aws.service_url.split(",") == [n.bootstrap_servers for n in (first, second, third)]
    stream_broker.make_topic("kafka", folder, "kept", partitions=1, retention_hours=24)
    first.kill()
    assert stream_broker.find("kafka", folder) == second
    stream_broker.make_topic("kafka", folder, "kept", partitions=2, retention_hours=24)
    stream_broker.start("kafka", folder)
    until(lambda: stream_broker.partitions_of("kafka", first, "kept") == 2)
    pids = [node.pid for node in (first, second, third)]
    assert None not in pids
    look_again(lab, folder)
    os.kill(lab.aws.pid, signal.SIGKILL)
    lab.wait_for(lambda: not any(processes.find(pid) for pid in pids))


def look_again(lab: Any, folder: Path) -> None:
    """Have the supervisor look at its children: it has, once it has started another mapping."""
    mapping = lab.aws.mapping_pid
    os.kill(mapping, signal.SIGKILL)
    lab.wait_for(lambda: supervisor.running(folder).mapping_pid != mapping)  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", stream_broker.KINDS)
def test_a_topic_that_is_there_grows_and_keeps_events_as_long_as_is_said_last(
    tmp_path: Path, kind: Kind
) -> None:
    require(kind)
    broker = stream_broker.start(kind, tmp_path)
    try:
        for partitions, hours in ((1, 24), (2, 168)):
            stream_broker.make_topic(
                kind, tmp_path, "kept", partitions=partitions, retention_hours=hours
            )
            assert stream_broker.partitions_of(kind, broker, "kept") == partitions
            until(lambda hours=hours: kept_hours(kind, broker) == hours, what=f"{hours} hours")
    finally:
        stream_broker.end(tmp_path)


def kept_hours(kind: Kind, broker: Any) -> float | None:
    if kind == "pulsar":
        told = broker.admin.ask("GET", f"{path_of('kept')}/retention?applied=true")
        return told["retentionTimeInMinutes"] / 60 if told else None
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    topic = ConfigResource(ResourceType.TOPIC, "kept")
    told = admin.describe_configs([topic])[topic].result(timeout=60)
    return int(told["retention.ms"].value) / 3_600_000

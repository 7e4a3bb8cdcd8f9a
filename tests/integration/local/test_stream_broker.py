"""The broker of a local stack: real, in the stack's folder, and gone with the local AWS."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from infra.local import processes, stream_broker, supervisor

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
    subprocess.run([sys.executable, "-c", RESTART, str(folder)], check=True, timeout=120)
    after = broker.pid
    assert after not in (None, before)
    admin = AdminClient({"bootstrap.servers": lab.aws.service_url})
    assert len(admin.list_topics(timeout=10).topics["kept"].partitions) == 2
    # The supervisor has looked again once it has started another mapping.
    mapping = lab.aws.mapping_pid
    os.kill(mapping, signal.SIGKILL)
    lab.wait_for(lambda: supervisor.running(folder).mapping_pid != mapping)  # type: ignore[union-attr]
    os.kill(lab.aws.pid, signal.SIGKILL)
    lab.wait_for(lambda: processes.find(after) is None)
    supervisor.stop(folder)
    assert not (folder / stream_broker.FOLDER).exists()
    assert (folder / stream_broker.LOG).exists()

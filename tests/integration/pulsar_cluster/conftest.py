"""One cluster for the module."""

from collections.abc import Iterator

import pytest

from infra.local.brokers import artifacts
from tests.brokers import require
from tests.embedded_aws import aws, client
from tests.integration.pulsar_cluster.machines import LocalCluster

__all__ = ["aws", "client", "cluster"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    require("pulsar")
    made = LocalCluster(tmp_path_factory.mktemp("pulsar"), artifacts.folder_of("pulsar"))
    try:
        made.start()
        yield made
    finally:
        made.stop()

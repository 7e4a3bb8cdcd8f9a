"""How a broker that offloads finds S3."""

import re

import pytest

from infra.pulsar.offload import Offload
from tests.unit.infra.pulsar.test_rendering import a_broker


def told(offload: Offload | None) -> list[str]:
    (unit,) = a_broker(offload).render().units.values()
    return re.findall(r"-Djclouds\.region\.(\S+)", unit)


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_no_call_leaves_the_region_whose_s3_alone_a_private_network_reaches(region: str) -> None:
    address = f"https://s3.{region}.amazonaws.com"
    assert told(Offload(bucket="b", region=region, threshold_bytes=1)) == [
        f"us-standard.endpoint={address}",
        f"{region}.endpoint={address}",
    ]


def test_a_broker_that_does_not_offload_is_told_nothing_of_it() -> None:
    assert told(None) == []

"""What a private network costs: its interface endpoints; all else of it is for nothing."""

from typing import Final

from infra.costs.line import GB, HOURS_PER_MONTH, SECONDS_PER_MONTH, Line
from infra.costs.load import Load
from infra.costs.prices import Prices
from infra.settings import Settings

INTERFACES: Final = ("kinesis-streams",)
"""What functions call and that has no gateway endpoint; S3 and DynamoDB have one, for nothing
(Amazon VPC user guide, "Gateway endpoints")."""
SCALER_INTERFACES: Final = ("monitoring",)
"""What the scaler calls besides."""


WORKER_INTERFACES: Final = ("ecr.api", "ecr.dkr", "logs")
MACHINE_INTERFACES: Final = ("ec2", "secretsmanager")
"""What starts workers, and what machines of Pulsar and their workers call besides
(`infra.deployments.workers`, `infra.deployments.pulsar`)."""


def network(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    """Return the network's lines, none for a stack without one."""
    if settings.stream != "kinesis":
        hours = len(beside_workers(settings)) * settings.zones * HOURS_PER_MONTH
        return [Line(resource="network", quantity=hours, price=prices["endpoint_hour"])]
    return [] if settings.network == "none" else endpoints(settings, load, prices)


def beside_workers(settings: Settings) -> tuple[str, ...]:
    """Return the services that have an interface endpoint where workers are."""
    if settings.stream == "pulsar" and settings.pulsar_cluster == "own":
        return (*WORKER_INTERFACES, *MACHINE_INTERFACES)
    if settings.stream == "pulsar" and settings.pulsar_credentials_arn:
        return (*WORKER_INTERFACES, "secretsmanager")
    return WORKER_INTERFACES


def endpoints(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    """Return the lines of the endpoints: hours in each zone, and what is read through them."""
    called = (*INTERFACES, *(SCALER_INTERFACES if settings.scales_shards else ()))
    hours = len(called) * settings.zones * HOURS_PER_MONTH
    read = read_gb(settings, load)
    return [
        Line(resource="network", quantity=hours, price=prices["endpoint_hour"]),
        Line(resource="network", quantity=read, price=prices["endpoint_gb"]),
    ]


def read_gb(settings: Settings, load: Load) -> float:
    """Return what functions read of the stream themselves in a month: what the auditor does.

    The mapping reads for the processor, from Lambda's own network; all else is little.
    """
    return load.bytes_in * SECONDS_PER_MONTH / GB if settings.audit_minutes else 0.0

"""What brokers of a stack's own cost: MSK's, or Pulsar's machines with volumes and balancer."""

import math
from typing import Final

from infra.costs.line import GB, HOURS_PER_MONTH, SECONDS_PER_MONTH, Line
from infra.costs.load import Load
from infra.costs.prices import Prices
from infra.settings import Settings
from pipeline.errors import UserError

REPLICAS: Final = 3
LARGE: Final = {"medium": 0.5, "large": 1.0, "xlarge": 2.0}
"""How many `large` a size is; `4xlarge` is eight. Prices of a family go by its CPUs."""
MSK_PRICES: Final = {"kafka.m5": "msk_broker_hour", "kafka.m7g": "msk_m7g_hour"}
ROOT_GB: Final = 10
METADATA_GB: Final = 10
SECRETS: Final = 5
"""Of each machine, of each metadata server, and of a cluster (`infra.pulsar_machines`,
`infra.stream_pulsar`, `infra.pulsar_secrets`)."""
READ_ELSEWHERE: Final = 2 / 3
"""Of what is read from a broker in whatever zone; a worker is in one of three."""
UNIT_BYTES: Final = GB
"""What a unit of a Network Load Balancer forwards in an hour (Elastic Load Balancing pricing)."""


def brokers(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    """Return the lines of the stack's own brokers, none where they are given.

    Raises UserError for a broker that has no price.
    """
    if settings.stream == "kafka":
        found = {"provisioned": _msk, "serverless": _msk_serverless}
        made = found.get(settings.kafka_cluster)
    else:
        made = _pulsar if settings.pulsar_cluster == "own" else None
    return made(settings, load, prices) if made else []


def volumes_gb(settings: Settings) -> float:
    """Return what the brokers' volumes hold in all; without bound where nobody sizes them."""
    if settings.stream == "kafka" and settings.kafka_cluster == "provisioned":
        return float(_msk_brokers(settings) * settings.kafka_volume_gb)
    own = settings.stream == "pulsar" and settings.pulsar_cluster == "own"
    if own and settings.pulsar_offload_gb is None:
        return float(_bookies(settings) * settings.pulsar_ledgers_gb)
    return math.inf


def kept_gb(settings: Settings, load: Load) -> float:
    """Return what brokers keep of a load, all copies."""
    return REPLICAS * load.bytes_in * settings.retention_hours * 3_600 / GB


def size(machine: str) -> tuple[str, float]:
    """Return the family of a machine, and how many of the family's `large` it is."""
    family, _, named = machine.rpartition(".")
    times = named.removesuffix("xlarge")
    return family, LARGE[named] if named in LARGE else 2.0 * int(times)


def _msk_brokers(settings: Settings) -> int:
    return settings.kafka_brokers_per_zone * settings.zones


def _bookies(settings: Settings) -> int:
    return settings.pulsar_bookies_per_zone * settings.zones


def _month_gb(load: Load) -> float:
    return load.bytes_in * SECONDS_PER_MONTH / GB


def _msk(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    """Copies between brokers are for nothing; what leaves them for another zone is not."""
    family = settings.kafka_instance_type.rpartition(".")[0]
    if family not in MSK_PRICES:
        raise UserError(
            f"kafka_instance_type: {settings.kafka_instance_type} has no price here; "
            f"{' and '.join(MSK_PRICES)} have (infra/costs/prices.toml)"
        )
    _, large = size(settings.kafka_instance_type)
    count = _msk_brokers(settings)
    return _lines(
        prices,
        (count * large * HOURS_PER_MONTH, MSK_PRICES[family]),
        (count * settings.kafka_volume_gb, "msk_gb_month"),
        (2 * READ_ELSEWHERE * _month_gb(load), "zone_gb"),
    )


def _msk_serverless(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    return _lines(
        prices,
        (HOURS_PER_MONTH, "msk_serverless_hour"),
        (settings.partition_count * HOURS_PER_MONTH, "msk_serverless_partition_hour"),
        (_month_gb(load), "msk_serverless_gb_in"),
        (_month_gb(load), "msk_serverless_gb_out"),
        (kept_gb(settings, load) / REPLICAS, "msk_serverless_gb_month"),
    )


def _pulsar(settings: Settings, load: Load, prices: Prices) -> list[Line]:
    """Machines, volumes, balancer, secrets, and what crosses zones: paid for on both sides."""
    servers, bookies = settings.zones, _bookies(settings)
    machines = (
        (servers, settings.pulsar_metadata_machine),
        (bookies, settings.pulsar_bookie_machine),
        (settings.pulsar_brokers, settings.pulsar_broker_machine),
    )
    hours: dict[str, float] = {}
    for count, machine in machines:
        family, large = size(machine)
        key = f"ec2_{family}_hour"
        hours[key] = hours.get(key, 0.0) + count * large * HOURS_PER_MONTH
    disks = sum(count for count, _ in machines) * ROOT_GB + servers * METADATA_GB
    disks += bookies * (settings.pulsar_journal_gb + settings.pulsar_ledgers_gb)
    crossing = (REPLICAS - 1 + READ_ELSEWHERE) * _month_gb(load)
    units = 2 * load.bytes_in * 3_600 / UNIT_BYTES
    return [
        *_lines(prices, *((quantity, key) for key, quantity in hours.items())),
        *_lines(
            prices,
            (disks, "ebs_gp3_gb_month"),
            (HOURS_PER_MONTH, "balancer_hour"),
            (units * HOURS_PER_MONTH, "balancer_unit_hour"),
            (2 * crossing, "zone_gb"),
            (SECRETS, "secret"),
            (_offloaded_gb(settings, load), "s3_gb_month"),
        ),
    ]


def _offloaded_gb(settings: Settings, load: Load) -> float:
    """Return what S3 keeps of the topic once: all that is older than what stays with bookies."""
    if settings.pulsar_offload_gb is None:
        return 0.0
    stays = settings.pulsar_offload_gb * settings.partition_count
    return max(0.0, kept_gb(settings, load) / REPLICAS - stays)


def _lines(prices: Prices, *parts: tuple[float, str]) -> list[Line]:
    return [
        Line(resource="stream", quantity=quantity, price=prices[key])
        for quantity, key in parts
        if quantity
    ]

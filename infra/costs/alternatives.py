"""The same load by other ways: plain records, Firehose, MSK, Pulsar, and NAT against endpoints."""

import math
from dataclasses import dataclass, replace
from typing import Final

from infra.costs.estimate import Case, carrying
from infra.costs.line import GB, HOURS_PER_MONTH, KB, MB, SECONDS_PER_MONTH, total
from infra.costs.network import INTERFACES, endpoints, read_gb
from infra.costs.storage import parquet_bytes
from infra.costs.stream import PUT_UNIT_BYTES, provisioned, shards_needed, stream

FIREHOSE_UNIT_BYTES: Final = 5 * KB
"""A record is rounded up to it (Amazon Data Firehose pricing)."""
FIREHOSE_NOTE: Final = "to Parquet in minutes; no replay, no enrichment, copies stay copies"
REPLICAS: Final = 3
BROKERS_MIN: Final = 3
BROKER_BYTES: Final = 10 * MB
"""What one broker of two CPUs takes a second, replicas included; assumed, with room to recover."""
PARTITION_BYTES: Final = 5 * MB
"""Amazon MSK developer guide, "MSK Serverless quota": what a partition takes a second."""


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """One way, what it costs a month, and what to know about it."""

    name: str
    usd: float
    note: str


def records(case: Case) -> tuple[Alternative, ...]:
    """Return a provisioned stream with just the shards it needs, for either kind of record."""
    found = []
    for name, aggregated in (("aggregated records", True), ("plain records", False)):
        load = replace(case.load, aggregated=aggregated)
        shards = shards_needed(load)
        units = load.chunks(PUT_UNIT_BYTES)
        found.append(
            Alternative(
                name=name,
                usd=total(provisioned(case.settings, load, case.prices, shards=shards)),
                note=f"{shards} shards, {units:,.0f} PUT payload units/s",
            )
        )
    return tuple(found)


def transports(case: Case) -> tuple[Alternative, ...]:
    """Return what carries the same load, the cheapest first; functions and lake come on top.

    Firehose converts JSON alone, so nothing is compressed for it; Kafka and Pulsar get compressed
    batches, as this stream does.
    """
    kept = f"{case.settings.retention_hours} h kept"
    ways = (
        _kinesis(case, kept),
        *_this_stack(case, kept),
        Alternative(
            name="Firehose, an event a record",
            usd=_firehose(case, replace(case.load, aggregated=False).chunks(FIREHOSE_UNIT_BYTES)),
            note=FIREHOSE_NOTE,
        ),
        Alternative(
            name="Firehose, lines packed into records",
            usd=_firehose(case, case.load.bytes_raw / FIREHOSE_UNIT_BYTES),
            note=FIREHOSE_NOTE,
        ),
        Alternative(
            name="MSK provisioned", usd=_msk(case), note=f"{_brokers(case)} kafka.m5.large, {kept}"
        ),
        Alternative(
            name="MSK serverless",
            usd=_msk_serverless(case),
            note=f"{_partitions(case)} partitions, {kept}",
        ),
        Alternative(
            name="Pulsar on EC2",
            usd=_pulsar(case),
            note=f"{_brokers(case)} m5.large, broker and bookie on each, {kept}; yours to run",
        ),
    )
    return tuple(sorted(ways, key=lambda way: way.usd))


def _kinesis(case: Case, kept: str) -> Alternative:
    """Return the stack's own stream, or one with just the shards that the load needs."""
    if case.batches.on_topic:
        shards = shards_needed(case.load)
        lines = provisioned(case.settings, case.load, case.prices, shards=shards)
        return Alternative(name="Kinesis", usd=total(lines), note=f"{shards} shards, {kept}")
    usd = total(stream(case.settings, case.load, case.prices))
    note = f"{case.settings.stream_mode}, {kept}"
    return Alternative(name="Kinesis, this stack", usd=usd, note=note)


def _this_stack(case: Case, kept: str) -> tuple[Alternative, ...]:
    if not case.batches.on_topic:
        return ()
    name = f"{case.settings.stream.capitalize()}, this stack"
    return (Alternative(name=name, usd=total(carrying(case)), note=f"as it is set, {kept}"),)


def networks(case: Case) -> tuple[Alternative, ...]:
    """Return what functions in private subnets would pay for their way to the services.

    Workers are in a private network anyway: for them there is nothing to compare.
    """
    if case.batches.on_topic:
        return ()
    zones = case.settings.zones
    streamed = read_gb(case.settings, case.load)
    # Staged and published; ids, journal and items are small beside them.
    stored = 2 * parquet_bytes(case.batches) / GB
    return (
        Alternative(
            name="endpoints",
            usd=total(endpoints(case.settings, case.load, case.prices)),
            note=f"{', '.join(INTERFACES)} in {zones} zones; S3 and DynamoDB for nothing",
        ),
        Alternative(
            name="NAT gateways",
            usd=_usd(case, zones * HOURS_PER_MONTH, "nat_hour")
            + _usd(case, streamed + stored, "nat_gb"),
            note=f"one in each of {zones} zones",
        ),
    )


def _firehose(case: Case, units: float) -> float:
    taken = units * FIREHOSE_UNIT_BYTES * SECONDS_PER_MONTH / GB
    return _usd(case, taken, "firehose_gb") + _usd(case, taken, "firehose_conversion_gb")


def _msk(case: Case) -> float:
    return _usd(case, _brokers(case) * HOURS_PER_MONTH, "msk_broker_hour") + _usd(
        case, REPLICAS * _kept_gb(case), "msk_gb_month"
    )


def _msk_serverless(case: Case) -> float:
    month = case.load.bytes_in * SECONDS_PER_MONTH / GB
    hours = _partitions(case) * HOURS_PER_MONTH
    return (
        _usd(case, HOURS_PER_MONTH, "msk_serverless_hour")
        + _usd(case, hours, "msk_serverless_partition_hour")
        + _usd(case, month, "msk_serverless_gb_in")
        + _usd(case, month, "msk_serverless_gb_out")
        + _usd(case, _kept_gb(case), "msk_serverless_gb_month")
    )


def _pulsar(case: Case) -> float:
    """Machines, volumes, and the copies that cross zones: paid for on both sides."""
    crossing = (REPLICAS - 1) * case.load.bytes_in * SECONDS_PER_MONTH / GB
    return (
        _usd(case, _brokers(case) * HOURS_PER_MONTH, "ec2_m5_large_hour")
        + _usd(case, REPLICAS * _kept_gb(case), "ebs_gp3_gb_month")
        + _usd(case, 2 * crossing, "zone_gb")
    )


def _brokers(case: Case) -> int:
    return max(BROKERS_MIN, math.ceil(REPLICAS * case.load.bytes_in / BROKER_BYTES))


def _partitions(case: Case) -> int:
    return max(case.batches.shards, math.ceil(case.load.bytes_in / PARTITION_BYTES))


def _kept_gb(case: Case) -> float:
    return case.load.bytes_in * case.settings.retention_hours * 3_600 / GB


def _usd(case: Case, quantity: float, key: str) -> float:
    return quantity * case.prices[key].usd

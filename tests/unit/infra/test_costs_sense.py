"""More never costs less, aggregated records are never dearer, and what is wrong is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.costs.alternatives import networks, records
from infra.costs.drivers import drivers
from infra.costs.estimate import Case, estimate
from infra.costs.line import HOURS_PER_MONTH, Line
from infra.costs.load import SIZE_MAX, Load
from infra.costs.prices import prices, regions
from infra.costs.storage import months_kept
from infra.costs.stream import stream
from infra.settings import Settings
from pipeline.errors import UserError

PRICES = prices("us-east-1")


def case(rate: float = 10_000, size: int = 300, *, plain: bool = False, **chosen: Any) -> Case:
    return Case(
        settings=Settings(**chosen),
        load=Load(rate=rate, size=size, aggregated=not plain),
        prices=PRICES,
    )


def usd(lines: list[Line], key: str) -> float:
    (line,) = (line for line in lines if line.price.key == key)
    return line.usd


def quantity(lines: Any, key: str) -> float:
    (line,) = (line for line in lines if line.price.key == key)
    return float(line.quantity)


rates = st.floats(0.01, 200_000)
sizes = st.integers(1, SIZE_MAX)
modes = st.sampled_from(
    [
        {},
        {"stream_mode": "on_demand"},
        {"shard_count": 8, "retention_hours": 400, "batch_window_seconds": 20},
        {"memory_mb": 512, "audit_minutes": 0, "architecture": "x86_64"},
        {"stream": "kafka", "workers_max": 9},
        {"stream": "kafka", "kafka_cluster": "serverless", "partition_count": 12},
        {"stream": "pulsar", "pulsar_offload_gb": 50, "architecture": "x86_64"},
    ]
)
quick = settings(max_examples=60, deadline=None)


@quick
@given(modes, rates, rates, sizes, st.booleans())
def test_more_events_never_cost_less(
    chosen: Any, one: float, other: float, size: int, plain: bool
) -> None:
    less, more = sorted((one, other))
    cheap = estimate(case(less, size, plain=plain, **chosen)).usd
    assert cheap <= estimate(case(more, size, plain=plain, **chosen)).usd * (1 + 1e-12)


@quick
@given(modes, rates, sizes, sizes, st.booleans())
def test_larger_events_never_cost_less(
    chosen: Any, rate: float, one: int, other: int, plain: bool
) -> None:
    less, more = sorted((one, other))
    cheap = estimate(case(rate, less, plain=plain, **chosen)).usd
    assert cheap <= estimate(case(rate, more, plain=plain, **chosen)).usd * (1 + 1e-12)


@quick
@given(modes, rates, sizes)
def test_aggregated_records_are_never_dearer_than_plain_ones(
    chosen: Any, rate: float, size: int
) -> None:
    aggregated, plain = (estimate(case(rate, size, plain=p, **chosen)).usd for p in (False, True))
    assert aggregated <= plain * (1 + 1e-12)
    ways = {way.name: way.usd for way in records(case(rate, size, **chosen))}
    assert ways["aggregated records"] <= ways["plain records"] * (1 + 1e-12)


@quick
@given(rates, sizes, st.integers(2, 9))
def test_payload_units_grow_in_proportion_to_plain_events(
    rate: float, size: int, times: int
) -> None:
    one, many = (
        quantity(stream(Settings(), load, PRICES), "kinesis_put_unit")
        for load in (
            Load(rate=rate, size=size, aggregated=False),
            Load(rate=rate * times, size=size, aggregated=False),
        )
    )
    assert many == pytest.approx(times * one)


@pytest.mark.parametrize("key", ["kinesis_shard_hour", "kinesis_extended_shard_hour"])
def test_shards_cost_in_proportion(key: str) -> None:
    one, four = (
        usd(stream(Settings(shard_count=n, retention_hours=168), Load(rate=1, size=9), PRICES), key)
        for n in (1, 4)
    )
    assert four == pytest.approx(4 * one)


@given(st.integers(1, 60), st.floats(1, 4_000))
def test_what_is_kept_piles_up_until_it_is_as_old_as_it_gets(month: int, days: float) -> None:
    full = days / (HOURS_PER_MONTH / 24)
    kept = months_kept(month, days_max=days)
    assert 0 < kept <= min(full, month)
    assert kept <= months_kept(month + 1, days_max=days) + 1e-9
    assert months_kept(10_000, days_max=days) == pytest.approx(full)


def test_a_longer_window_makes_fewer_batches_until_their_size_ends_them() -> None:
    puts = [
        quantity(estimate(case(40_000, 354, batch_window_seconds=s)).lines, "s3_put")
        for s in (1, 5, 30, 300)
    ]
    assert puts == sorted(puts, reverse=True)
    assert puts[0] > puts[1] > puts[2]
    assert puts[3] > 0


def test_what_lies_beyond_a_week_is_paid_by_the_gb() -> None:
    load = Load(rate=1_000, size=1_000, aggregated=False)
    week, more = (stream(Settings(retention_hours=h), load, PRICES) for h in (168, 336))
    assert [line.price.key for line in more if line not in week] == ["kinesis_long_term_gb_month"]


def test_too_few_shards_are_told_and_not_priced() -> None:
    told = estimate(case(10_000, 300, plain=True, shard_count=2))
    assert quantity(told.lines, "kinesis_shard_hour") == 10 * HOURS_PER_MONTH
    assert any("shard_count 2 is too few" in note for note in told.notes)
    assert estimate(case(10, 300, shard_count=2)).notes == ()


def test_the_drivers_are_the_differences_that_the_settings_make() -> None:
    given = case(10_000, 300, shard_count=4, batch_window_seconds=5, retention_hours=168)
    told = {(driver.setting, driver.tried): driver.usd for driver in drivers(given)}
    base = estimate(given).usd
    for setting, value in (
        ("batch_window_seconds", 1),
        ("retention_hours", 24),
        ("memory_mb", 885),
    ):
        changed = Settings(**{**given.settings.model_dump(exclude_unset=True), setting: value})
        after = estimate(replace(given, settings=changed)).usd
        assert told[setting, value] == pytest.approx(after - base)
    assert [abs(v) for v in told.values()] == sorted((abs(v) for v in told.values()), reverse=True)


def test_an_on_demand_stream_is_compared_with_shards_too() -> None:
    assert "stream_mode" in {d.setting for d in drivers(case(10, stream_mode="on_demand"))}


def test_a_private_network_pays_a_gateway_for_what_endpoints_carry_for_nothing() -> None:
    small, large = ({way.name: way.usd for way in networks(case(rate))} for rate in (100, 100_000))
    grown = {name: large[name] - small[name] for name in small}
    assert grown["NAT gateways"] > 4 * grown["endpoints"]


def test_a_network_costs_its_interface_in_each_zone_and_what_the_auditor_reads() -> None:
    assert "network" not in estimate(case()).by_resource
    lines = estimate(case(network="private", zones=2)).lines
    assert quantity(lines, "endpoint_hour") == 2 * 730
    assert quantity(lines, "endpoint_gb") > 0
    unaudited = estimate(case(network="private", audit_minutes=0)).lines
    assert quantity(unaudited, "endpoint_gb") == 0


# The table.


@pytest.mark.parametrize("region", regions())
def test_every_price_has_a_unit_a_page_and_is_above_nothing(region: str) -> None:
    for price in prices(region).by_key.values():
        assert price.usd > 0
        assert price.unit
        assert "pricing" in price.page


def test_the_reference_region_borrows_nothing_and_another_tells_what_it_does() -> None:
    assert PRICES.borrowed == ()
    frankfurt = prices("eu-central-1")
    assert frankfurt["s3_gb_month"].usd != PRICES["s3_gb_month"].usd
    assert "kinesis_shard_hour" in frankfurt.borrowed
    told = estimate(replace(case(), prices=frankfurt)).notes
    assert any(f"{len(frankfurt.borrowed)} of {len(frankfurt.by_key)} prices" in n for n in told)


def test_a_price_of_one_s_own_is_taken() -> None:
    own = prices("eu-central-1", {"kinesis_shard_hour": 0.018})
    assert own["kinesis_shard_hour"].usd == 0.018
    assert "kinesis_shard_hour" not in own.borrowed


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: prices("mars-1"), "known are us-east-1, eu-central-1"),
        (lambda: prices("us-east-1", {"gold": 1.0}), "no price gold"),
        (lambda: Load(rate=0, size=1), "--rate"),
        (lambda: Load(rate=float("nan"), size=1), "--rate"),
        (lambda: Load(rate=1e9, size=1), "--rate"),
        (lambda: Load(rate=1, size=0), "--size"),
        (lambda: Load(rate=1, size=SIZE_MAX + 1), "--size"),
        (lambda: Load(rate=1, size=1, producers=0), "--producers"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        wrong()

"""Estimate what a stack costs a month under a load, before it is deployed, and what drives it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pulumi
import rich_click as click
import yaml  # type: ignore[import-untyped]
from rich.table import Table

from infra.costs.alternatives import Alternative, networks, records, transports
from infra.costs.drivers import Driver, drivers
from infra.costs.estimate import Case, Estimate, estimate
from infra.costs.load import Load
from infra.costs.prices import own_prices, prices
from infra.project import NAME
from infra.settings import Settings, parse
from pipeline.domain.contracts import CONTRACTS
from pipeline.errors import UserError
from sluice.console import OUT, result, result_json
from sluice.options import json_option
from sluice.stack import ROOT

PREFIX: Final = f"{NAME}:"
REGION: Final = "aws:region"
SIZE: Final = 300
DRIVERS_SHOWN: Final = 8


def stack_file(name: str) -> dict[str, Any]:
    """Return what a stack file configures, by its keys. Raises UserError."""
    files = {file.name.split(".")[1]: file for file in sorted(ROOT.glob("Pulumi.*.yaml"))}
    if name not in files:
        raise UserError(
            f"there is no Pulumi.{name}.yaml; stacks with a file are {', '.join(files)}"
        )
    path = files[name]
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{path.name} is no YAML: {' '.join(str(error).split())}") from None
    config = read.get("config") if isinstance(read, dict) else None
    if config is not None and not isinstance(config, dict):
        raise UserError(f"{path.name}: config is not a list of settings")
    return dict(config or {})


def settings_of(config: dict[str, Any], shards: int | None) -> Settings:
    """Return the project's own settings in a configuration, secrets left out. Raises UserError."""
    own = {
        key.removeprefix(PREFIX): value
        for key, value in config.items()
        if key.startswith(PREFIX) and not isinstance(value, dict)
    }
    if shards is not None:
        own["shard_count"] = shards
    try:
        return parse(own)
    except pulumi.RunError as error:
        raise UserError(str(error)) from None


def document(told: Estimate) -> dict[str, Any]:
    """Return all that is known of an estimate, for a script."""
    case = told.case
    return {
        "usd_a_month": round(told.usd, 2),
        "region": case.prices.region,
        "prices_looked_up": case.prices.looked_up.isoformat(),
        "month": case.month,
        "load": asdict(case.load),
        "notes": list(told.notes),
        "by_resource": {name: round(usd, 2) for name, usd in told.by_resource.items()},
        "lines": [
            {
                "resource": line.resource,
                "quantity": line.quantity,
                "unit": line.price.unit,
                "usd_each": line.price.usd,
                "usd": round(line.usd, 2),
                "page": line.price.page,
            }
            for line in told.lines
        ],
        "records": [asdict(way) for way in records(case)],
        "transports": [asdict(way) for way in transports(case)],
        "networks": [asdict(way) for way in networks(case)],
        "drivers": [asdict(driver) for driver in drivers(case)],
    }


def print_bill(told: Estimate) -> None:
    """Print the lines, the dearest resource first, and their sums."""
    table = Table("resource", "a month", "unit", "USD", box=None, pad_edge=False)
    for column in (1, 3):
        table.columns[column].justify = "right"
    for resource, usd in told.by_resource.items():
        table.add_row(resource, "", "", f"{usd:,.2f}", style="bold")
        for line in told.lines:
            if line.resource == resource:
                table.add_row("", f"{line.quantity:,.0f}", line.price.unit, f"{line.usd:,.2f}")
    table.add_row("all", "", "", f"{told.usd:,.2f}", style="bold")
    OUT.print(table)


def print_ways(title: str, ways: tuple[Alternative, ...]) -> None:
    """Print alternatives, a line each; nothing where there are none."""
    if not ways:
        return
    result(f"\n{title}")
    for way in ways:
        result(f"  {way.usd:12,.2f}  {way.name}: {way.note}")


def print_drivers(found: tuple[Driver, ...]) -> None:
    """Print the changes of settings that move the bill most."""
    result("\nwhat drives it: USD a month more (+) or less (-) with one setting changed")
    for driver in found[:DRIVERS_SHOWN]:
        result(f"  {driver.usd:+12,.2f}  {driver.setting}: {driver.now} -> {driver.tried}")


@click.command(help=__doc__)
@click.option("--rate", type=float, required=True, metavar="EVENTS", help="Events a second.")
@click.option("--size", type=int, default=SIZE, show_default=True, help="Bytes an event, as JSON.")
@click.option(
    "--stack", default="dev", show_default=True, help="Whose Pulumi.<stack>.yaml to take."
)
@click.option("--region", help="Whose prices to take; the stack file's if absent.")
@click.option("--shards", type=int, help="Shards, in place of the stack file's.")
@click.option("--plain", is_flag=True, help="Producers send each event as a record of its own.")
@click.option("--producers", type=int, default=1, show_default=True, help="Producer processes.")
@click.option(
    "--tables",
    type=click.IntRange(1, 1_000),
    default=len(CONTRACTS),
    show_default=True,
    help="Tables that a batch holds events of: a file each.",
)
@click.option(
    "--month",
    type=click.IntRange(1, 120),
    default=1,
    show_default=True,
    help="Of the stack's life.",
)
@click.option(
    "--prices",
    "price_file",
    type=click.Path(path_type=Path),
    help="Prices of your own: lines like kinesis_shard_hour = 0.018.",
)
@json_option
def cost(
    rate: float,
    size: int,
    stack: str,
    *,
    region: str | None,
    shards: int | None,
    plain: bool,
    producers: int,
    tables: int,
    month: int,
    price_file: Path | None,
    as_json: bool,
) -> None:
    """Print the bill by resource, the same load by other ways, and what drives the bill."""
    config = stack_file(stack)
    own = own_prices(price_file) if price_file else None
    case = Case(
        settings=settings_of(config, shards),
        load=Load(rate=rate, size=size, aggregated=not plain, producers=producers),
        prices=prices(region or str(config.get(REGION, "us-east-1")), own),
        month=month,
        tables=tables,
    )
    told = estimate(case)
    if as_json:
        result_json(document(told))
        return
    result(
        f"{stack} at {rate:,g} events/s of {size:,} bytes, {case.prices.region}, month {month}: "
        f"{told.usd:,.2f} USD"
    )
    result(
        f"AWS's list prices as looked up on {case.prices.looked_up}; "
        "no taxes, free tier, discounts or support\n"
    )
    print_bill(told)
    if not case.batches.on_topic:
        print_ways("records on a stream with just the shards it needs", records(case))
    print_ways("what carries the events; processing and lake come on top", transports(case))
    print_ways("were the functions in private subnets", networks(case))
    print_drivers(drivers(case))
    for note in told.notes:
        result(f"note: {note}")
    result("formulas, figures and assumptions: docs/cost.md")

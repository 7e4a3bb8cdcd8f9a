"""Account for every event: of a load against lake and quarantine, or of anybody's stream and lake.

With --stream the stream itself is the history, and the lake any Parquet or JSON lines: neither need
be Sluice's. The stream is read whole, beside its consumers, at two of the five reads a second that
AWS allows on a shard. For example:

    sluice verify --stream orders --lake s3://bucket/orders/ --id order_id --checksum amount,status
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
import rich_click as click
from click.core import ParameterSource

from pipeline.audit.verdict import Validity
from pipeline.environment import wall_clock_ms
from pipeline.errors import UserError
from sluice import stack as stacks
from sluice.accounting import account
from sluice.console import progress, result, result_json
from sluice.foreign import Foreign, verify_foreign
from sluice.options import json_option, stack_option
from sluice.stack import LOCAL_KEYS

EXIT_BY_VALIDITY: Final = {Validity.VALID: 0, Validity.INVALID: 1, Validity.UNKNOWN: 4}

_AGO: Final = re.compile(r"(\d+)([smhd])")
_UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def time_of(text: str, *, now_ms: int) -> int:
    """Return a moment from ISO 8601 (UTC without an offset) or from how long ago: `90s`, `15m`.

    Raises UserError for what is neither, or lies ahead.
    """
    if match := _AGO.fullmatch(text):
        return now_ms - int(match[1]) * _UNIT_MS[match[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{text!r} is no time: write 2026-11-24T17:00:00Z, or how long ago as 90s, 15m, 2h, 1d"
        ) from None
    at_ms = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    if at_ms > now_ms:
        raise UserError(f"{text} lies ahead: nothing can be said of what has not arrived yet")
    return at_ms


def place_of(*, endpoint: str | None, region: str | None) -> dict[str, Any]:
    """Return what a client needs by options and the environment's own AWS configuration.

    An emulator takes any keys, so without credentials it is given some. Raises UserError without a
    region.
    """
    session = boto3.session.Session()
    region = region or session.region_name
    if endpoint is None:
        if region is None:
            raise UserError("no region is configured: name the stream's by --region")
        return {"region_name": region}
    keys = LOCAL_KEYS if session.get_credentials() is None else {}
    return {"region_name": region or "us-east-1", "endpoint_url": endpoint, **keys}


def foreign_of(stream: str, **given: str | None) -> Foreign:
    """Return what the options ask for. Raises UserError for one that is missing or wrong."""
    for name in ("lake", "id"):
        if not given[name]:
            raise UserError(f"--stream takes --lake and --id as well: --{name} is missing")
    now_ms = wall_clock_ms()
    since, until = (
        time_of(text, now_ms=now_ms) if (text := given[name]) else None
        for name in ("since", "until")
    )
    if since is not None and until is not None and since >= until:
        raise UserError("--since is not before --until: nothing arrived in between")
    fields = [name.strip() for name in (given["checksum"] or "").split(",")]
    return Foreign(
        stream=stream,
        lake=given["lake"] or "",
        id=given["id"] or "",
        checksum=tuple(name for name in fields if name),
        key=given["key"],
        since_ms=since,
        until_ms=until,
    )


@click.command(help=__doc__)
@stack_option
@click.option(
    "--load",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder of the load to account for; the stack's last unless told otherwise.",
)
@click.option("--stream", help="A Kinesis stream that is its own history, Sluice's or not.")
@click.option("--lake", help="What was made of it: a folder, or s3://bucket/prefix.")
@click.option("--id", help="The field, and column, that names an event; a.b lies within a.")
@click.option("--checksum", help="Fields whose values are compared: a,b,c, or * for all in common.")
@click.option("--key", help="The column whose events stand in the stream's order in each file.")
@click.option("--endpoint", help="Another AWS than the public one, for example an emulator's URL.")
@click.option("--region", help="The stream's; as AWS is configured here unless told otherwise.")
@click.option(
    "--since", help="Only what arrived from then on: an ISO 8601 time, or 15m, 2h, 1d ago."
)
@click.option("--until", help="Only what arrived before: all of it must be in the lake by now.")
@json_option
@click.pass_obj
@click.pass_context
def verify(
    context: click.Context,
    home: Path,
    /,
    *,
    stack: str,
    load: Path | None,
    as_json: bool,
    stream: str | None,
    **given: str | None,
) -> int:
    """Print the verdict; exit 0 when valid, 1 when invalid, 4 when it cannot be known."""
    endpoint, region = given.pop("endpoint"), given.pop("region")
    if stream is None:
        if lone := [name for name, value in {**given, "endpoint": endpoint}.items() if value]:
            raise UserError(f"--{lone[0]} goes with --stream; a load is verified without it")
        return _verify_load(stacks.find(home, stack), load, as_json=as_json)
    if load is not None:
        raise UserError("--load names a load of a stack, --stream anybody's stream: name one")
    foreign = foreign_of(stream, **given)
    if context.get_parameter_source("stack") is ParameterSource.DEFAULT:
        where = place_of(endpoint=endpoint, region=region)
    else:
        where = stacks.find(home, stack).where
    with progress() as bars:
        task = bars.add_task("verify", total=1, note="")
        verdict = verify_foreign(foreign, where, on_note=lambda note: bars.update(task, note=note))
        bars.update(task, completed=1, note=str(verdict.validity))
    if as_json:
        result_json(verdict.to_json())
    else:
        result(verdict.summary())
    return EXIT_BY_VALIDITY[verdict.validity]


def _verify_load(stack: stacks.Stack, load: Path | None, *, as_json: bool) -> int:
    with progress() as bars:
        task = bars.add_task("verify", total=1, note="")
        verdict = account(
            stack,
            load or stack.last_load(),
            on_note=lambda note: bars.update(task, note=note),
        ).verdict
        bars.update(task, completed=1, note=str(verdict.validity))
    if as_json:
        result_json(verdict.to_json())
    else:
        result(verdict.summary())
    return EXIT_BY_VALIDITY[verdict.validity]

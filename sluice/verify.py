"""Account for every event: of a load against lake and quarantine, or of anybody's stream and lake.

With --stream the stream itself is the history, plain, aggregated or compressed JSON, and the lake
any Parquet or JSON lines: neither need be Sluice's. The stream is read whole, beside its consumers,
at two of the five reads a second that AWS allows on a shard. For example:

    sluice verify --stream orders --lake s3://bucket/orders/ --id order_id --checksum amount,status
"""

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
from sluice.options import ago_ms, json_option, stack_option
from sluice.stack import LOCAL_KEYS

EXIT_BY_VALIDITY: Final = {Validity.VALID: 0, Validity.INVALID: 1, Validity.UNKNOWN: 4}


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


def foreign_of(
    stream: str,
    *,
    since_ms: int | None,
    until_ms: int | None,
    examples: int,
    **given: str | None,
) -> Foreign:
    """Return what the options ask for. Raises UserError for one that is missing or wrong."""
    for name in ("lake", "id"):
        if not given[name]:
            raise UserError(f"--stream takes --lake and --id as well: --{name} is missing")
    if until_ms is not None and until_ms > wall_clock_ms():
        raise UserError("--until lies ahead: nothing can be said of what has not arrived yet")
    if since_ms is not None and since_ms >= (until_ms or wall_clock_ms()):
        raise UserError("--since is not before --until: nothing arrived in between")
    fields = [name.strip() for name in (given["checksum"] or "").split(",")]
    return Foreign(
        stream=stream,
        lake=given["lake"] or "",
        id=given["id"] or "",
        checksum=tuple(name for name in fields if name),
        key=given["key"],
        since_ms=since_ms,
        until_ms=until_ms,
        examples=examples,
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
@click.option("--since", "since_ms", callback=ago_ms, help="Only what arrived since: 3h, 2d, ISO.")
@click.option(
    "--until",
    "until_ms",
    callback=ago_ms,
    help="Only what arrived until then: all of it must be in the lake by now.",
)
@click.option("--examples", type=click.IntRange(0), default=5, help="Ids to name of each kind; 5.")
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
    since_ms: int | None,
    until_ms: int | None,
    examples: int,
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
    foreign = foreign_of(stream, since_ms=since_ms, until_ms=until_ms, examples=examples, **given)
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

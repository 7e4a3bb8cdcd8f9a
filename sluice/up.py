"""Start the embedded AWS and deploy the stack on it by the project's own Pulumi program."""

import json
from pathlib import Path
from typing import Any, Final

import rich_click as click

from infra.local import deploy, stream_broker, supervisor
from infra.naming import Names
from infra.settings import Settings
from infra.watched_topic import backlog_bytes_max
from pipeline.errors import UserError
from sluice import stack as stacks
from sluice.console import progress, result, result_json, say
from sluice.down import stop_local
from sluice.options import json_option, stack_option

NO_ACCOUNT: Final = "0" * 12
"""The account of the embedded AWS."""
SETTINGS_FILE: Final = "settings.json"
PACE_FILE: Final = "pace.json"
FACTS: Final = (
    *("endpoint", "stream_name", "lake_uri", "ledger_table"),
    *("function_name", "worker_service", "watcher_service"),
)
COMPRESSION_MAX: Final = 30
"""A minute of two seconds: in less, a scheduled function is due again before it has ended."""
SET_HELP: Final = "A setting, kept until it is set again; `KEY=` is the default. Repeatable."
COMPRESS_HELP: Final = (
    "Alarms' periods and schedules pass so many times faster than on AWS; ages and durations in"
    " metrics stay real. Kept for the stack; 1 is AWS's time."
)


def bring_up(
    home: Path,
    name: str,
    settings: dict[str, str],
    port: int | None,
    *,
    compression: float | None = None,
) -> stacks.Stack:
    """Start or find the local AWS of `name`, deploy to it and return the stack.

    Its alarms and schedules go `compression` times faster than on AWS, by default as they did. A
    second call changes only what differs. Raises UserError on a wrong setting or a port in use,
    with nothing half made.
    """
    checked = deploy.check(settings)
    broker = deploy.broker_of(settings)
    folder = stacks.folder_of(home, name)
    folder.mkdir(parents=True, exist_ok=True)
    pace = _pace(folder, name, compression)
    brokers = checked.broker_count or 1
    was_running = _running(folder, name, broker, brokers) is not None
    with progress() as bars:
        task = bars.add_task("embedded AWS", total=1, note="starting")
        if broker and not was_running:
            stream_broker.install(broker, lambda step: bars.update(task, note=step))
            bars.update(task, note=f"starting, and {broker}")
        aws = supervisor.start(folder, port=port, pace=pace, broker=broker, brokers=brokers)
        bars.update(task, completed=1, note=" ".join(filter(None, (aws.endpoint, aws.service_url))))
        task = bars.add_task("resources", total=None, note="")

        def on_event(text: str) -> None:
            bars.update(task, advance=1, note=text)

        try:
            if broker:
                _make_topic(broker, folder, name, checked)
            outputs = deploy.up(
                {
                    **deploy.on_broker(settings, aws.service_url, aws.broker_admin_url),
                    **settings,
                },
                stack=name,
                endpoint=aws.endpoint,
                region=aws.region,
                state_file=folder / "state.json",
                on_event=on_event,
            )
        except BaseException:
            if not was_running:
                stop_local(folder)
            raise
        done = bars.tasks[task].completed
        bars.update(task, total=done or 1, completed=done or 1, note=f"{len(outputs)} outputs")
    (folder / "outputs.json").write_text(
        json.dumps(outputs, indent=2, sort_keys=True), encoding="utf-8"
    )
    (folder / PACE_FILE).write_text(json.dumps({"minute_seconds": aws.minute_seconds}))
    return stacks.find(home, name)


def _make_topic(broker: stream_broker.Kind, folder: Path, name: str, settings: Settings) -> None:
    """See that the topic is there before the workers are."""
    names = Names(project=deploy.PROJECT, stack=name, account=NO_ACCOUNT, region=supervisor.REGION)
    stream_broker.make_topic(
        broker,
        folder,
        names.stream,
        partitions=settings.partition_count,
        retention_hours=settings.retention_hours,
        backlog_bytes_max=backlog_bytes_max(settings),
    )


def _running(
    folder: Path, name: str, broker: stream_broker.Kind | None, brokers: int
) -> supervisor.LocalAws | None:
    """Return the local AWS that runs for a stack.

    Raises UserError if it runs for another kind of stream, or with another number of brokers: what
    these hold would be lost.
    """
    running = supervisor.running(folder)
    if running is None:
        return None
    if running.broker != broker:
        differs = f"streams by {running.broker or 'Kinesis or a given broker'}"
    elif broker is not None and running.brokers != brokers:
        differs = f"has {running.brokers} brokers"
    else:
        return running
    raise UserError(
        f"stack {name} {differs}, and what it holds would be lost; run first: "
        f"./dev sluice down --stack {name}"
    )


def _pace(folder: Path, name: str, compression: float | None) -> supervisor.Pace:
    """Return the pace that was asked for, else that of the stack's last `up`, else AWS's.

    Raises UserError if the stack runs at another: what it keeps in memory ends with it.
    """
    path = folder / PACE_FILE
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if compression is None:
        return supervisor.Pace(**kept)
    pace = supervisor.Pace(minute_seconds=supervisor.Pace.minute_seconds / compression)
    running = supervisor.running(folder)
    if running and running.minute_seconds != pace.minute_seconds:
        raise UserError(
            f"stack {name} runs with a minute of {running.minute_seconds:g} s, which lasts as long"
            f" as it does; run first: ./dev sluice down --stack {name}"
        )
    return pace


def merged(earlier: dict[str, str], pairs: tuple[str, ...]) -> dict[str, str]:
    """Return a stack's settings with KEY=VALUE pairs over them; `KEY=` goes back to the default.

    Raises UserError on a pair without `=`.
    """
    for pair in pairs:
        if "=" not in pair:
            raise UserError(f"a setting is KEY=VALUE, not {pair!r}; e.g. shard_count=2")
    settings = earlier | dict(pair.split("=", 1) for pair in pairs)
    return {key: value for key, value in settings.items() if value}


def remembered(folder: Path) -> dict[str, str]:
    """Return the settings of a stack's last `up`, none for a new one."""
    path = folder / SETTINGS_FILE
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def remember(folder: Path, settings: dict[str, str]) -> None:
    """Keep a stack's settings for its next `up`."""
    (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=2), encoding="utf-8")


@click.command(help=__doc__)
@stack_option
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--port", type=click.IntRange(1, 65_535), help="Port of 127.0.0.1; a free one else.")
@click.option(
    "--compress-time",
    "compression",
    type=click.FloatRange(1, COMPRESSION_MAX),
    metavar="FACTOR",
    help=COMPRESS_HELP,
)
@json_option
@click.pass_obj
def up(
    home: Path,
    *,
    stack: str,
    pairs: tuple[str, ...],
    port: int | None,
    compression: float | None,
    as_json: bool,
) -> None:
    """Bring the stack up and say where things are."""
    folder = stacks.folder_of(home, stack)
    settings = merged(remembered(folder), pairs)
    made = bring_up(home, stack, settings, port, compression=compression)
    remember(folder, settings)
    facts: dict[str, Any] = {"stack": stack, "endpoint": made.endpoint, **made.outputs}
    if as_json:
        result_json(facts)
        return
    for key in FACTS:
        if key in facts:
            result(f"{key:15} {facts[key]}")
    say(f"next: ./dev sluice load --stack {stack}")

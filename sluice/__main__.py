"""`sluice`: the verbs, one module each, and how their trouble is told."""

import os
import signal
import sys
from pathlib import Path

import rich_click as click

from pipeline.errors import OperatingError, UserError
from sluice import (
    alarms,
    backfill,
    backup,
    broker,
    cost,
    demo,
    deploy,
    doctor,
    down,
    drain,
    drill,
    key,
    load,
    logs,
    package,
    pause,
    query,
    replay,
    restore,
    resume,
    rollback,
    runbook,
    send,
    shards,
    status,
    up,
    verify,
)
from sluice.console import ERR
from sluice.stack import ROOT

EXIT_USER = 2
EXIT_OPERATING = 3
EXIT_INTERRUPTED = 130
VERBS = (
    demo.demo,
    doctor.doctor,
    up.up,
    status.status,
    load.load,
    send.send,
    drain.drain,
    verify.verify,
    replay.replay,
    backfill.backfill,
    query.query,
    alarms.alarms,
    runbook.runbook,
    logs.logs,
    deploy.deploy,
    shards.shards,
    pause.pause,
    resume.resume,
    rollback.rollback,
    broker.broker,
    backup.backup,
    restore.restore,
    key.key,
    package.package,
    cost.cost,
    drill.drill,
    down.down,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / ".sluice",
    envvar="SLUICE_HOME",
    help="Where local stacks keep their state, logs and loads.",
)
@click.pass_context
def sluice(context: click.Context, home: Path) -> None:
    """Events into a data lake in seconds: none lost, none counted twice, and the proof.

    Start with `sluice demo`. Step by step: up, load, drain, verify, query, down.
    """
    context.obj = home.resolve()


for verb in VERBS:
    sluice.add_command(verb)


def main() -> None:
    """Run a verb; a person's mistake is one line and exit code 2, an operating error 3."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as with Ctrl-C: clean up
    try:
        code = sluice(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USER)
    except (UserError, OperatingError) as error:
        ERR.print("sluice:", error, markup=False)
        sys.exit(EXIT_USER if isinstance(error, UserError) else EXIT_OPERATING)
    except (KeyboardInterrupt, click.Abort):
        ERR.print("sluice: interrupted; what this command started has been stopped")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        ERR.print(f"sluice: this machine refused: {error.strerror or error}{where}", markup=False)
        sys.exit(EXIT_OPERATING)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()

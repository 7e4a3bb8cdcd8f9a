"""What watches goes wrong, or finds something: probe, auditor, ledger and lake."""

from typing import Any, Final

from pipeline.core.records import Position
from pipeline.ledger.items import padded
from pipeline.names import LAKE_PREFIX
from sluice.backup import take_backup
from sluice.drills.drill import Drill
from sluice.drills.packages import Change
from sluice.drills.rig import Rig
from sluice.drills.waiting import until

PROBE: Final = Change(
    file="lambdas/probe_freshness/handler.py",
    old="    return probe_freshness(",
    new="    raise KeyError('a field that the release forgot')\n    return probe_freshness(",
)
AFTER_BACKUP_EVENTS: Final = 1_000
DELETED_FILES: Final = 3
OFTEN_AUDITED: Final = {
    "window_seconds": "5",
    "audit_minutes": "1",
    "audit_delay_seconds": "10",
}
"""A backfill leaves out what arrived within the window, and an audit looks back over the time
between two: here both are short, in real seconds."""


def break_probe(rig: Rig) -> None:
    """Deploy a probe that fails; all else is well."""
    rig.undo.append(rig.deploy)
    rig.deploy(PROBE)


def damage_ledger(rig: Rig) -> None:
    """Back the ledger up, let files be published after that, and overwrite every head by hand.

    Each then names a commit that is not there. A take that is about to commit puts its head right
    without a look at it: so it is done until a batch fails.
    """
    take_backup(rig.stack)
    before = rig.traffic.acknowledged
    until(
        lambda: rig.traffic.acknowledged >= before + AFTER_BACKUP_EVENTS,
        seconds_max=60,
        what="events arrive after the backup",
    )
    failures = rig.failures()

    def is_felt() -> bool:
        _overwrite_heads(rig)
        return rig.failures() > failures

    until(is_felt, seconds_max=60, what="a batch meets a damaged head")


def _overwrite_heads(rig: Rig) -> None:
    environment = rig.stack.environment
    table = environment.settings.ledger_table
    pages = environment.dynamodb.get_paginator("scan").paginate(TableName=table)
    for item in (item for page in pages for item in page["Items"] if item["sk"]["S"] == "head"):
        nowhere = {"S": f"{padded(Position(1))}-somebody"}
        environment.dynamodb.put_item(TableName=table, Item=item | {"unpublished": nowhere})


def delete_files(rig: Rig) -> None:
    """Delete files of departures from the lake, as a wrong clean-up would."""
    environment = rig.stack.environment
    bucket = environment.settings.lake_bucket

    def published() -> list[str]:
        prefix = f"{LAKE_PREFIX}departures/"
        found: Any = environment.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        newest = sorted(found.get("Contents", []), key=lambda each: each["LastModified"])
        return [each["Key"] for each in newest[-DELETED_FILES:]]

    until(lambda: len(published()) == DELETED_FILES, seconds_max=60, what="files are published")
    for key in published():
        environment.s3.delete_object(Bucket=bucket, Key=key)


def rest(rig: Rig) -> None:
    """Let the producers rest: the runbook waits for a drained stack."""
    rig.traffic.rate = 0


WATCHERS: Final = (
    Drill(
        id="probe-dead",
        fault="a deployed version of the probe fails each time",
        alarm="watcher-errors",
        cause="A bad deploy",
        break_it=break_probe,
    ),
    Drill(
        id="ledger-damaged",
        fault="heads of the ledger are overwritten; the backup is older than the files",
        alarm="function-errors",
        runbook="restore-the-ledger",
        cause="From the last backup",
        break_it=damage_ledger,
        heal=rest,
    ),
    Drill(
        id="files-deleted",
        fault="files of the lake are deleted by hand",
        alarm="conservation-broken",
        cause="Rows are gone from the lake",
        break_it=delete_files,
        heal=rest,
        settings=OFTEN_AUDITED,
        reorders="a backfill stores what was missing when it finds it missing",
    ),
)

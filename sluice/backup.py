"""Take a backup of a stack's ledger, by DynamoDB, or list those that there are.

The ledger can be restored to any second of its last `backup_days` without any; a backup is for a
moment that is to be kept, such as before a deploy. `sluice restore` takes either.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import OperatingError, UserError
from pipeline.ledger.dynamodb import is_code
from sluice import stack as stacks
from sluice.console import progress, result, result_json, say
from sluice.options import json_option, stack_option
from sluice.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LATEST: Final = "latest"
LOOK_SECONDS: Final = 1.0
READY_SECONDS_MAX: Final = 6 * 3_600.0
"""A table takes minutes to restore, a large one hours (DynamoDB developer guide, "Restoring")."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One backup of a ledger."""

    name: str
    arn: str
    taken: datetime


def take_backup(stack: Stack) -> Backup:
    """Take a backup of the ledger and return it. Raises OperatingError."""
    client, table = stack.environment.dynamodb, stack.environment.settings.ledger_table
    name = f"{table}-{stamp()}"
    try:
        details = client.create_backup(TableName=table, BackupName=name)["BackupDetails"]
        deadline = time.monotonic() + READY_SECONDS_MAX
        while details["BackupStatus"] == "CREATING" and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            described = client.describe_backup(BackupArn=details["BackupArn"])
            details = described["BackupDescription"]["BackupDetails"]
    except (BotoCoreError, ClientError) as error:
        raise OperatingError(f"cannot back up {table}: {error}") from error
    if details["BackupStatus"] != "AVAILABLE":
        raise OperatingError(f"backup {name} is {details['BackupStatus']}")
    return Backup(name=name, arn=details["BackupArn"], taken=details["BackupCreationDateTime"])


def backups_of(stack: Stack) -> list[Backup]:
    """Return the ledger's backups, the oldest first. Raises OperatingError.

    Among them is the one that DynamoDB itself takes of a table that is deleted; those of the AWS
    Backup service are not, for only that service restores them.
    """
    client, table = stack.environment.dynamodb, stack.environment.settings.ledger_table
    try:
        pages = client.get_paginator("list_backups").paginate(TableName=table, BackupType="ALL")
        found = [
            Backup(
                name=each["BackupName"], arn=each["BackupArn"], taken=each["BackupCreationDateTime"]
            )
            for page in pages
            for each in page["BackupSummaries"]
            if each["BackupType"] != "AWS_BACKUP"
        ]
    except (BotoCoreError, ClientError) as error:
        raise OperatingError(f"cannot list the backups of {table}: {error}") from error
    return sorted(found, key=lambda backup: backup.taken)


def backup_named(stack: Stack, name: str) -> Backup:
    """Return a backup by its name or ARN, or the `latest`. Raises UserError if there is none."""
    found = backups_of(stack)
    wanted = [each for each in found if name in (LATEST, each.name, each.arn)]
    if not wanted:
        there = ", ".join(each.name for each in found) or "there is none"
        raise UserError(
            f"stack {stack.name} has no backup {name} of its ledger ({there}); take one with: "
            f"./dev sluice backup --stack {stack.name}"
        )
    return wanted[-1]


def restored_table(stack: Stack, *, backup: Backup | None, at: datetime | None) -> str:
    """Have DynamoDB restore a backup, or a moment, into a new table; return its name once ready.

    The ledger itself is not touched. Raises UserError for a moment that is out of reach,
    OperatingError.
    """
    client, table = stack.environment.dynamodb, stack.environment.settings.ledger_table
    target = f"{table}-restored-{stamp()}"
    try:
        if backup is not None:
            client.restore_table_from_backup(TargetTableName=target, BackupArn=backup.arn)
        else:
            moment = (
                {"RestoreDateTime": at} if at is not None else {"UseLatestRestorableTime": True}
            )
            client.restore_table_to_point_in_time(
                SourceTableName=table, TargetTableName=target, **moment
            )
    except (BotoCoreError, ClientError) as error:
        if is_code(error, "InvalidRestoreTimeException"):
            raise UserError(f"{table} cannot be restored to {at}: {error}") from None
        raise OperatingError(f"cannot restore {table}: {error}") from error
    wait_for_table(client, target)
    return target


def wait_for_table(client: "DynamoDBClient", table: str) -> None:
    """Wait until a table may be read. Raises OperatingError."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while True:
        try:
            status = client.describe_table(TableName=table)["Table"]["TableStatus"]
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot describe {table}: {error}") from error
        if status == "ACTIVE":
            return
        if time.monotonic() >= deadline:
            raise OperatingError(f"{table} is still {status} after {READY_SECONDS_MAX:.0f} s")
        time.sleep(LOOK_SECONDS)


def stamp() -> str:
    """Return the time for a name, to the second, UTC."""
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S")


@click.command(help=__doc__)
@stack_option
@click.option("--list", "as_list", is_flag=True, help="List the backups instead of taking one.")
@json_option
@click.pass_obj
def backup(home: Path, stack: str, as_list: bool, as_json: bool) -> None:
    """Take or list, and print name and ARN."""
    found = stacks.find(home, stack)
    if as_list:
        backups = backups_of(found)
    else:
        with progress() as bars:
            task = bars.add_task("backup", total=1, note=found.environment.settings.ledger_table)
            backups = [take_backup(found)]
            bars.update(task, completed=1, note=backups[0].name)
    if as_json:
        result_json({"backups": [vars(each) for each in backups]})
        return
    for each in backups:
        result(f"{each.taken:%Y-%m-%d %H:%M:%S}  {each.name}  {each.arn}")
    if not as_list:
        say(f"next: ./dev sluice restore --stack {stack} --backup {backups[0].name} --stop")

"""Show the key that encrypts everything of a stack; enable it again, or give it new material."""

from pathlib import Path
from typing import Any

import rich_click as click

from sluice import functions
from sluice import stack as stacks
from sluice.console import result
from sluice.options import stack_option


def enable(client: Any, key: str) -> str:
    """Make a key that was disabled, or is about to be deleted, usable again; return what was done.

    A deletion that is called back leaves the key disabled (KMS API reference,
    "CancelKeyDeletion"). Raises OperatingError.
    """
    with functions.told(f"enable {key}"):
        state = client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
        if state == "PendingDeletion":
            client.cancel_key_deletion(KeyId=key)
        if state in ("PendingDeletion", "Disabled"):
            client.enable_key(KeyId=key)
            return f"enabled; it was {state}"
    return "enabled already"


def rotate(client: Any, key: str) -> None:
    """Give the key new material for what is written from now on; the old one stays for the rest.

    Key, ARN, alias and policies stay as they are, so nothing that uses the key changes (KMS
    developer guide, "Rotate AWS KMS keys"). Raises OperatingError.
    """
    with functions.told(f"rotate {key}"):
        client.rotate_key_on_demand(KeyId=key)


@click.command(help=__doc__)
@stack_option
@click.option("--enable", "to_enable", is_flag=True, help="Undo a disabling or pending deletion.")
@click.option("--rotate", "to_rotate", is_flag=True, help="New material now, beside the yearly.")
@click.pass_obj
def key(home: Path, stack: str, *, to_enable: bool, to_rotate: bool) -> None:
    """Do what was asked for, then say how the key stands."""
    found = stacks.find(home, stack)
    client, arn = functions.client(found, "kms"), found.outputs["key_arn"]
    if to_enable:
        result(f"{'key':10} {enable(client, arn)}")
    if to_rotate:
        rotate(client, arn)
    with functions.told(f"read {arn}"):
        told = client.describe_key(KeyId=arn)["KeyMetadata"]
        rotation = client.get_key_rotation_status(KeyId=arn)
        rotations = client.list_key_rotations(KeyId=arn)["Rotations"]
    result(f"{'arn':10} {arn}")
    result(f"{'state':10} {told['KeyState']}")
    yearly = f"every {rotation['RotationPeriodInDays']} days"
    result(f"{'rotation':10} {yearly if rotation['KeyRotationEnabled'] else 'off'}")
    last = str(rotations[-1]["RotationDate"])[:19] if rotations else "never"
    result(f"{'rotated':10} {len(rotations)} times, last {last}")

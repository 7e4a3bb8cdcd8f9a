"""Volumes and the address that outlive a machine: attached, formatted once, mounted, grown."""

import re
import subprocess
import time
from pathlib import Path
from typing import Any

from infra.pulsar.node.calls import Aws, Failed

ATTACH_SECONDS_MAX = 300
"""The machine before may still be ending, and holds them until it has."""
LOOK_SECONDS = 5
COMMAND_SECONDS_MAX = 300
"""To mount after a crash takes longest: XFS reads its log."""
DEVICES = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_"


def attach_all(aws: Aws, instance: str, wanted: dict[str, Any]) -> None:
    """Attach what is not attached yet, and mount the volumes."""
    if wanted.get("interface"):
        _retry(lambda: _attach_interface(aws, instance, wanted["interface"]))
    for volume in wanted["volumes"]:
        _retry(lambda volume=volume: _attach_volume(aws, instance, volume))
        _mount(volume)


def grow(mount: str) -> bool:
    """Make a file system as large as its volume has become; return False if it was already.

    EBS user guide, "Extend the file system after resizing an Amazon EBS volume"; xfs_growfs(8).
    """
    return "data blocks changed" in _must("xfs_growfs", "-d", mount)


def _attach_interface(aws: Aws, instance: str, interface: str) -> None:
    """Attach the second network interface, whose address the metadata store goes by."""
    said = aws.ec2("DescribeNetworkInterfaces", **{"NetworkInterfaceId.1": interface})
    if f"<instanceId>{instance}</instanceId>" not in said:
        aws.ec2(
            "AttachNetworkInterface",
            NetworkInterfaceId=interface,
            InstanceId=instance,
            DeviceIndex="1",
        )


def _attach_volume(aws: Aws, instance: str, volume: dict[str, str]) -> None:
    said = aws.ec2("DescribeVolumes", **{"VolumeId.1": volume["id"]})
    attached = re.findall(r"<instanceId>(i-[0-9a-f]+)</instanceId>", said)
    if attached != [instance]:
        aws.ec2("AttachVolume", VolumeId=volume["id"], InstanceId=instance, Device=volume["device"])


def _mount(volume: dict[str, str]) -> None:
    device = Path(DEVICES + volume["id"].replace("-", ""))
    deadline = time.monotonic() + ATTACH_SECONDS_MAX
    while not device.exists():
        if time.monotonic() > deadline:
            raise Failed(f"{volume['id']}: no {device}")
        time.sleep(LOOK_SECONDS)
    mount = Path(volume["mount"])
    mount.mkdir(parents=True, exist_ok=True)
    if _run("mountpoint", "-q", str(mount)).returncode == 0:
        return
    # 2: nothing is on it. A volume with anything on it is never formatted.
    if _run("blkid", "-p", str(device)).returncode == 2:
        _must("mkfs.xfs", "-q", str(device))
    _must("mount", "-o", "noatime", str(device), str(mount))
    _must("chown", "pulsar:pulsar", str(mount))


def _retry(step: Any) -> None:
    deadline = time.monotonic() + ATTACH_SECONDS_MAX
    while True:
        try:
            step()
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_SECONDS)
        else:
            return


def _run(*words: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            words, check=False, stdout=subprocess.PIPE, text=True, timeout=COMMAND_SECONDS_MAX
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(words)}: no end after {error.timeout} s") from error


def _must(*words: str) -> str:
    done = _run(*words)
    if done.returncode:
        raise Failed(f"{' '.join(words)}: exit {done.returncode}")
    return done.stdout

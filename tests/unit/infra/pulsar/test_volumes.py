"""Volumes of a machine: what its programs run, in the place of which others stand here."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.pulsar.node import grow_volumes, volumes
from infra.pulsar.node.calls import Failed
from infra.pulsar.node.volumes import grow

GROWN = "data blocks changed from 26214400 to 52428800"
FULL_SIZE = "data size unchanged, skipping"
Stand = Callable[[str, str], None]


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Put a script in the place of one of the machine's commands."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return put


@pytest.fixture
def machine(tmp_path: Path) -> str:
    """A bookie's machine, by its file."""
    mounts = [{"mount": f"/var/lib/pulsar/{each}"} for each in ("journal", "ledgers")]
    path = tmp_path / "machine.json"
    path.write_text(json.dumps({"volumes": mounts}))
    return str(path)


def test_each_file_system_becomes_as_large_as_its_volume(
    stand: Stand, machine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand("xfs_growfs", f'echo "$@" >> {tmp_path}/asked; echo "{GROWN}"')
    assert grow_volumes.main([machine]) == 0
    asked = (tmp_path / "asked").read_text().split("\n")
    assert asked == ["-d /var/lib/pulsar/journal", "-d /var/lib/pulsar/ledgers", ""]
    assert capsys.readouterr().out.count("has grown\n") == 2


def test_nothing_is_said_of_a_file_system_that_has_all_of_its_volume(
    stand: Stand, machine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stand("xfs_growfs", f'echo "{FULL_SIZE}"')
    assert grow_volumes.main([machine]) == 0
    assert capfd.readouterr().out == ""


def test_a_file_system_that_cannot_grow_is_said(
    stand: Stand, machine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stand("xfs_growfs", "exit 1")
    assert grow_volumes.main([machine]) == 1
    assert capsys.readouterr().err == "xfs_growfs -d /var/lib/pulsar/journal: exit 1\n"


def test_a_command_that_does_not_end_is_a_failure_and_not_the_end_of_all(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "COMMAND_SECONDS_MAX", 0.1)
    stand("xfs_growfs", "exec sleep 60")
    with pytest.raises(Failed, match=r"xfs_growfs -d /x: no end after 0\.1 s"):
        grow("/x")

"""What the emulator's launcher refuses, and what it sets for ministack and its functions."""

import os
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.local import launcher
from infra.local.ports import HOST
from pipeline.errors import UserError


def test_another_version_of_ministack_is_refused_with_the_command_that_mends_it() -> None:
    with pytest.raises(UserError, match=r"ministack 1\.6\.0 .* 1\.5\.33: run `uv sync`"):
        launcher.check_version("1.6.0")
    launcher.check_version("1.5.33")


def test_a_wrong_version_ends_the_launcher_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launcher.metadata, "version", lambda _: "9.9.9")
    code = launcher.main(["--port", "1", "--data", str(tmp_path)])
    assert code == launcher.EXIT_USER_ERROR
    assert capsys.readouterr().err.count("\n") == 1


def test_a_port_in_use_ends_the_launcher_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        code = launcher.main(["--port", str(port), "--data", str(tmp_path)])
    said = capsys.readouterr().err
    assert (code, said.count("\n")) == (launcher.EXIT_USER_ERROR, 1)
    assert f"127.0.0.1:{port}" in said
    assert not (tmp_path / launcher.LISTENING).exists()


def test_an_impossible_port_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot listen"):
        launcher.listen(70_000)


def test_a_full_disk_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 << 20))
    with pytest.raises(UserError, match=r"has 5 MB left .*needs 256 MB: free some space"):
        launcher.prepare_data(tmp_path / "data")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another folder"):
        launcher.prepare_data(tmp_path / "file" / "data")


def test_functions_do_not_inherit_the_callers_aws_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = {"AWS_PROFILE": "production", "AWS_ENDPOINT_URL": "https://x", "OTHER": "kept"}
    monkeypatch.setattr(os, "environ", environment)
    launcher.configure(port=4567, data=tmp_path, enforce_iam=True)
    assert not [name for name in environment if name.startswith("AWS_")]
    assert environment["OTHER"] == "kept"
    assert environment["GATEWAY_PORT"] == "4567"
    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["AUTH"] == "true"
    for name in ("TMPDIR", "S3_DATA_DIR", "STATE_DIR"):
        assert environment[name].startswith(str(tmp_path))

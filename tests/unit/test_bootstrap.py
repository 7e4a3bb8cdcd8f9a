"""`./dev` sets the project up on a machine that has Python and git alone."""

import importlib.machinery
import importlib.util
import io
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("dev", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader("dev", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, "OWN_UV", tmp_path / "uv")
    return module


def wheel_with_uv(body: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("uv-1.0.data/scripts/uv", body)
    return out.getvalue()


def test_the_wheel_for_this_machine_is_pinned_by_hash_in_the_lock(dev: ModuleType) -> None:
    wheel = dev.wheel_of_this_machine()
    assert wheel["url"].endswith(".whl")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", wheel["hash"])


def test_a_wheel_with_the_pinned_hash_becomes_an_executable_uv(
    dev: ModuleType, tmp_path: Path
) -> None:
    body = wheel_with_uv(b"#!/bin/sh\necho uv 9.9.9\n")
    (tmp_path / "uv.whl").write_bytes(body)
    digest = dev.hashlib.sha256(body).hexdigest()
    dev.install_from_wheel({"url": (tmp_path / "uv.whl").as_uri(), "hash": f"sha256:{digest}"})
    installed = tmp_path / "uv" / "bin" / "uv"
    assert installed.stat().st_mode & stat.S_IXUSR
    said = subprocess.run([installed], capture_output=True, text=True, check=True).stdout
    assert said == "uv 9.9.9\n"


def test_a_wheel_with_another_hash_installs_nothing(dev: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "uv.whl").write_bytes(wheel_with_uv(b"evil"))
    with pytest.raises(SystemExit, match=r"not what uv\.lock pins"):
        dev.install_from_wheel({"url": (tmp_path / "uv.whl").as_uri(), "hash": "sha256:00"})
    assert not (tmp_path / "uv").exists()


def test_an_unreachable_wheel_says_what_to_do(dev: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="check the network or install uv"):
        dev.install_from_wheel({"url": (tmp_path / "absent").as_uri(), "hash": "sha256:00"})


def test_a_python_without_venv_or_pip_leaves_nothing_half_made(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text('#!/bin/sh\nmkdir -p "$3"; exit 1\n')
    broken.chmod(0o755)
    monkeypatch.setattr(dev.sys, "executable", str(broken))
    assert not dev.install_in_venv({"version": "0", "hash": "sha256:00"})
    assert not (tmp_path / "uv").exists()


def test_an_old_uv_on_the_path_is_not_used(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "uv"
    old.write_text("#!/bin/sh\necho uv 0.2.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dev.uv_on_path() is None
    old.write_text("#!/bin/sh\necho uv 0.9.0\n")
    assert dev.uv_on_path() == str(old)


def test_an_unknown_command_prints_the_commands_and_fails() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "dev", "dmeo"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "./dev demo" in done.stderr
    assert "Traceback" not in done.stderr

"""The functions' packages: for AWS by what its wheels say, for the host by running from it."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra import function_package
from infra.function_package import Architecture, function_archive
from pipeline.errors import UserError

ELF_MACHINE = {"x86_64": 0x3E, "arm64": 0xB7}
WHEEL_MACHINE = {"x86_64": "x86_64", "arm64": "aarch64"}


@pytest.fixture(scope="module", params=["x86_64", "arm64"])
def aws(request: pytest.FixtureRequest) -> tuple[Architecture, zipfile.ZipFile]:
    return request.param, zipfile.ZipFile(function_archive("aws", request.param))


def test_every_shared_object_is_for_the_functions_architecture(
    aws: tuple[Architecture, zipfile.ZipFile],
) -> None:
    architecture, archive = aws
    objects = [name for name in archive.namelist() if ".so" in name]
    assert len(objects) > 20
    for name in objects:
        header = archive.open(name).read(20)
        assert header[:4] == b"\x7fELF", name
        assert int.from_bytes(header[18:20], "little") == ELF_MACHINE[architecture], name


def test_every_wheel_is_pure_or_for_lambdas_python_and_linux(
    aws: tuple[Architecture, zipfile.ZipFile],
) -> None:
    architecture, archive = aws
    tags = [
        line.removeprefix("Tag: ")
        for name in archive.namelist()
        if name.endswith(".dist-info/WHEEL")
        for line in archive.read(name).decode().splitlines()
        if line.startswith("Tag: ") and not line.endswith("-none-any")
    ]
    assert tags
    for tag in tags:
        python, abi, platform = tag.split("-")
        assert python == "cp313" or abi == "abi3", tag
        assert platform.startswith("manylinux"), tag
        assert platform.endswith(WHEEL_MACHINE[architecture]), tag
        if platform.startswith("manylinux_"):
            # Amazon Linux 2023, under the python3.13 runtime, has glibc 2.34.
            assert tuple(map(int, platform.split("_")[1:3])) <= (2, 34), tag


def test_it_fits_lambdas_quota_and_holds_the_handlers(
    aws: tuple[Architecture, zipfile.ZipFile],
) -> None:
    _, archive = aws
    assert sum(entry.file_size for entry in archive.infolist()) < 250 * 1024 * 1024
    assert "lambdas/process_stream/handler.py" in archive.namelist()
    assert "lambdas/sweep_ledger/handler.py" in archive.namelist()


def test_nothing_of_the_command_line_or_the_program_is_packaged(
    aws: tuple[Architecture, zipfile.ZipFile],
) -> None:
    _, archive = aws
    roots = {name.split("/")[0] for name in archive.namelist()}
    assert roots.isdisjoint({"sluice", "infra", "loadtests", "tests", "duckdb", "locust", "pulumi"})
    assert not [name for name in archive.namelist() if name.startswith("pipeline/testing/")]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first = function_archive("aws", cache=tmp_path / "first")
    second = function_archive("aws", cache=tmp_path / "second")
    assert first != second
    assert first.name == second.name
    assert (
        hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    )


def test_only_what_is_packaged_makes_another_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    files = ("infra/function_package.py", "uv.lock", "lambdas/handler.py", "pipeline/worker.py")
    for name in (*files, "pipeline/testing/stream.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("before")
    monkeypatch.setattr(function_package, "ROOT", root)
    monkeypatch.setattr(function_package, "__file__", str(root / files[0]))

    def package() -> Path:
        return function_archive("local", cache=tmp_path / "cache")

    first = package()
    (root / "pipeline" / "testing" / "stream.py").write_text("after")
    assert package() == first
    (root / "pipeline" / "worker.py").write_text("after")
    assert package() != first


def test_the_host_package_runs_from_itself_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(function_archive("host")) as archive:
        archive.extractall(tmp_path)
    program = (
        "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import lambdas.process_stream.handler as h, lambdas.sweep_ledger.handler as s\n"
        "import pipeline.domain; pipeline.domain.catalog()\n"
        "import pyarrow\n"
        "assert callable(h.handler) and callable(s.handler)\n"
        "print(h.__file__, pyarrow.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(path.startswith(str(tmp_path)) for path in done.stdout.split())


def test_a_package_over_lambdas_quota_is_refused_with_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function_package, "UNZIPPED_BYTES_MAX", 1_000)
    with pytest.raises(UserError, match=r"bytes unzipped and Lambda takes 1,000"):
        function_archive("local", cache=tmp_path)

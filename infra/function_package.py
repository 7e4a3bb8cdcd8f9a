"""The functions' package: our code and its locked libraries, the same bytes every time."""

import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, Literal

from uv import find_uv_bin

from pipeline.errors import UserError

Target = Literal["aws", "host", "local"]
"""`aws`: wheels for Lambda's Linux and Python. `host`: for this machine, complete in itself.
`local`: our code alone, for the embedded AWS, which runs functions in its own environment."""

Architecture = Literal["arm64", "x86_64"]

ROOT: Final = Path(__file__).resolve().parent.parent
CACHE: Final = ROOT / ".tools" / "packages"
SOURCES: Final = ("pipeline", "lambdas")
PYTHON_VERSION: Final = "3.13"
PLATFORMS: Final = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
UNZIPPED_BYTES_MAX: Final = 250 * 1024 * 1024
"""Lambda's quota: function and layers, unzipped (AWS Lambda developer guide, "Lambda quotas")."""

INSTALL_SECONDS_MAX: Final = 300
SUFFIXES_LEFT_OUT: Final = (".pyc", ".pyi", ".pyx", ".pxd", ".h", ".hpp", ".c", ".cpp", ".a")
LEFT_OUT: Final = (
    # What the core never loads of its libraries; together a third of them.
    "*/tests/*",
    "pipeline/testing/*",
    "pyarrow/include/*",
    "pyarrow/src/*",
    "pyarrow/*libarrow_flight*",
    "pyarrow/*_flight*.so",
    "bin/*",
    "numpy/f2py/*",
    "numpy/random/lib/*",
    # What an installer writes about its own run, which differs from run to run.
    "*.dist-info/RECORD",
    "*.dist-info/uv_*",
)
ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)


def function_archive(
    target: Target, architecture: Architecture = "x86_64", *, cache: Path = CACHE
) -> Path:
    """Return the path of the package's zip, built unless the same one was built before.

    The same sources and the same uv.lock give the same bytes, so an unchanged package is no change
    to the function. Raises UserError when libraries cannot be had or the package is too large.
    """
    archive = cache / f"{_key(target, architecture)}.zip"
    if archive.exists():
        return archive
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        if target != "local":
            _install_libraries(tree, target, architecture)
        for source in SOURCES:
            shutil.copytree(ROOT / source, tree / source)
        unfinished = Path(folder) / "package.zip"
        _zip(tree, unfinished)
        unfinished.replace(archive)
    return archive


def _key(target: Target, architecture: Architecture) -> str:
    """Return a name that changes with anything that goes into the package."""
    digest = hashlib.sha256(f"{target} {architecture} {PYTHON_VERSION}".encode())
    inputs = [ROOT / "uv.lock", Path(__file__)]
    inputs += [p for s in SOURCES for p in sorted((ROOT / s).rglob("*")) if _belongs(p, ROOT)]
    for path in inputs:
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{target}-{architecture}-{digest.hexdigest()[:16]}"


def _belongs(path: Path, root: Path) -> bool:
    """Return whether the package has a file of a tree that is laid out as it is."""
    name = path.relative_to(root).as_posix()
    return (
        path.is_file()
        and path.suffix not in SUFFIXES_LEFT_OUT
        and not any(fnmatch(name, pattern) for pattern in LEFT_OUT)
    )


def _install_libraries(tree: Path, target: Target, architecture: Architecture) -> None:
    """Install what the lock file pins for the functions, and nothing for anybody else."""
    uv = find_uv_bin()
    requirements = tree.parent / "requirements.txt"
    export = ["export", "--frozen", "--no-default-groups", "--no-emit-project", "--quiet"]
    _run([uv, *export, "--output-file", str(requirements)])
    where = ["--target", str(tree), "--no-deps", "--only-binary", ":all:", "--quiet"]
    if target == "aws":
        where += ["--python-platform", PLATFORMS[architecture], "--python-version", PYTHON_VERSION]
    _run([uv, "pip", "install", *where, "--require-hashes", "--requirement", str(requirements)])


def _run(command: list[str]) -> None:
    """Run uv in the project, bounded in time; its complaint becomes the user's message."""
    try:
        subprocess.run(
            command,
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"the functions' libraries were not installed in {INSTALL_SECONDS_MAX} s; "
            "check that the package index is reachable and run the command again"
        ) from None
    except subprocess.CalledProcessError as error:
        raise UserError(
            f"the functions' libraries cannot be installed: {error.stderr.strip()}; "
            "mend what it names (after a change of pyproject.toml: uv lock) and run again"
        ) from None


def _zip(tree: Path, archive: Path) -> None:
    """Write `tree` as a zip whose bytes depend on the content alone."""
    chosen = [path for path in sorted(tree.rglob("*")) if _belongs(path, tree)]
    unzipped = sum(path.stat().st_size for path in chosen)
    if unzipped > UNZIPPED_BYTES_MAX:
        raise UserError(
            f"the package is {unzipped:,} bytes unzipped and Lambda takes {UNZIPPED_BYTES_MAX:,}: "
            "drop a library from [project] dependencies in pyproject.toml"
        )
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
        for path in chosen:
            info = zipfile.ZipInfo(path.relative_to(tree).as_posix(), date_time=ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            out.writestr(info, path.read_bytes())

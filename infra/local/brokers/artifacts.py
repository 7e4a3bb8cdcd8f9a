"""The brokers' files: listed with their sha256, fetched once, put in place whole or not at all.

`kafka.txt` and `pulsar.txt` name each file by its Maven coordinates and its hash. What comes from
the network is believed only when the hash is ours, so any mirror will do.
"""

import fcntl
import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from maven_artifact import Artifact, Downloader, RequestException

from pipeline.errors import UserError

TOOLS: Final = Path(__file__).resolve().parents[3] / ".tools" / "brokers"
LISTS: Final = Path(__file__).parent
BASE_VARIABLE: Final = "SLUICE_MAVEN_BASE"
"""The environment variable with the address of a Maven repository other than the usual one."""
THREADS: Final = 8
ATTEMPTS: Final = 3
CONNECT_SECONDS_MAX: Final = 10
READ_SECONDS_MAX: Final = 60
CHUNK_BYTES: Final = 2**20
KEPT: Final = ("LICENSE", "NOTICE", "lib/*.jar")
"""Of Pulsar's distribution: what a broker runs with, and under which terms. The rest is tools."""

OnStep = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """A file of a Maven repository and the only content that it may have."""

    coordinates: str
    sha256: str

    @property
    def name(self) -> str:
        """Return its file name, in which its version is."""
        return PurePosixPath(str(self.artifact.uri("/"))).name

    @property
    def artifact(self) -> Artifact:
        """Return it as the library that fetches it wants it."""
        return Artifact.parse(self.coordinates)


def pinned(broker: str, lists: Path | None = None) -> tuple[Pinned, ...]:
    """Return the files of `kafka` or `pulsar`."""
    lines = ((lists or LISTS) / f"{broker}.txt").read_text().splitlines()
    return tuple(
        Pinned(coordinates=coordinates, sha256=sha256)
        for coordinates, sha256 in (line.split() for line in lines)
    )


def installed(broker: str, *, tools: Path = TOOLS) -> bool:
    """Return whether a broker's files are in place."""
    return _folder(broker, tools, LISTS).is_dir()


def folder_of(
    broker: str,
    *,
    tools: Path = TOOLS,
    lists: Path | None = None,
    base: str | None = None,
    on_step: OnStep = lambda _: None,
) -> Path:
    """Return the folder of a broker's jars, fetching them first where they are missing.

    `lists` is the folder with its list, `base` the address of the Maven repository; by default
    `SLUICE_MAVEN_BASE`, else the library's own. Raises UserError when the network fails or a file
    is not the pinned one.
    """
    lists = lists or LISTS
    folder = _folder(broker, tools, lists)
    if not folder.is_dir():
        with _alone(tools):
            if not folder.is_dir():
                on_step(f"fetching {broker} (once)")
                files = pinned(broker, lists)
                _install(files, folder, base or os.environ.get(BASE_VARIABLE), on_step)
    return folder


def _folder(broker: str, tools: Path, lists: Path) -> Path:
    """Name the folder after the list, so that another list is another folder."""
    digest = hashlib.sha256((lists / f"{broker}.txt").read_bytes()).hexdigest()
    return tools / f"{broker}-{digest[:12]}"


@contextmanager
def _alone(tools: Path) -> Iterator[None]:
    """Let one process at a time install."""
    tools.mkdir(parents=True, exist_ok=True)
    with (tools / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(files: tuple[Pinned, ...], folder: Path, base: str | None, on_step: OnStep) -> None:
    """Fill a folder beside the wanted one and rename it: nobody sees half of it."""
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    downloader = Downloader(base=base) if base else Downloader()
    with ThreadPoolExecutor(THREADS) as pool:
        fetched = list(pool.map(lambda file: _fetch(file, partial, downloader), files))
    for path in fetched:
        if path.name.endswith(".tar.gz"):
            on_step(f"unpacking {path.name}")
            _unpack(path, partial)
            path.unlink()
    partial.rename(folder)


def _fetch(file: Pinned, folder: Path, downloader: Downloader) -> Path:
    target = folder / file.name
    for attempt in range(1, ATTEMPTS + 1):
        try:
            digest = _download(downloader, file, target)
            break
        except (RequestException, OSError) as error:
            if attempt == ATTEMPTS:
                raise UserError(
                    f"cannot fetch {file.coordinates}: {_reason(error)}; mend the network, or name "
                    f"a Maven repository in {BASE_VARIABLE}, and run "
                    "./dev run python -m infra.local.brokers"
                ) from error
            time.sleep(2.0**attempt / 4)
    if digest != file.sha256:
        raise UserError(
            f"{file.coordinates} has the sha256 {digest[:12]}... and not {file.sha256[:12]}..., "
            f"which is pinned: it is not used; ask who runs the repository in {BASE_VARIABLE}, or "
            "name another"
        )
    return target


def _download(downloader: Downloader, file: Pinned, target: Path) -> str:
    """Write a file; return its sha256 in hex."""
    address = file.artifact.uri(downloader.resolver.base)
    digest = hashlib.sha256()
    times = (CONNECT_SECONDS_MAX, READ_SECONDS_MAX)
    with (
        downloader.requestor.request(address, None, stream=True, timeout=times) as answer,
        target.open("wb") as out,
    ):
        for chunk in answer.iter_content(CHUNK_BYTES):
            out.write(chunk)
            digest.update(chunk)
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "msg", error)).split())[:200]


def _unpack(archive: Path, folder: Path) -> None:
    """Copy what is kept, each regular file under its own name only: no path leads out."""
    with tarfile.open(archive) as tar:
        for member in tar:
            inside = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if member.isfile() and any(inside.match(pattern) for pattern in KEPT):
                content = tar.extractfile(member)
                assert content is not None
                with (folder / inside.name).open("wb") as out:
                    shutil.copyfileobj(content, out)

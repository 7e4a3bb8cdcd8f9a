"""Programs from the stack's bucket: believed by their hash alone, in place whole or not at all."""

import hashlib
import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from infra.pulsar.node.calls import Aws, Failed

CHUNK_BYTES = 1024 * 1024
STAMP = ".sha256"


def install(aws: Aws, wanted: dict[str, Any]) -> bool:
    """Bring one archive to its folder; return False if it was there already.

    `wanted`: bucket, key, sha256, target, and `strip`, the leading folders that are left out.
    Raises Failed for bytes that are not those of the hash: nothing of them is unpacked.
    """
    target = Path(wanted["target"])
    stamp = target / STAMP
    if stamp.exists() and stamp.read_text() == wanted["sha256"]:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    archive = target.parent / f"{target.name}.download"
    partial = target.parent / f"{target.name}.partial"
    aws.save_object(wanted["bucket"], wanted["key"], archive)
    found = _sha256(archive)
    if found != wanted["sha256"]:
        archive.unlink()
        raise Failed(f"{wanted['key']}: its sha256 is {found}, not {wanted['sha256']}")
    shutil.rmtree(str(partial), ignore_errors=True)
    partial.mkdir()
    _unpack(archive, partial, wanted["strip"])
    archive.unlink()
    (partial / STAMP).write_text(wanted["sha256"])
    shutil.rmtree(str(target), ignore_errors=True)
    partial.rename(target)
    return True


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as content:
        for chunk in iter(lambda: content.read(CHUNK_BYTES), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path, strip: int) -> None:
    """Write each regular file under its own path, `strip` folders less; no path leads out."""
    if zipfile.is_zipfile(str(archive)):
        with zipfile.ZipFile(str(archive)) as packed:
            for member in packed.infolist():
                if not member.is_dir():
                    with packed.open(member) as content:
                        _write(content, folder, member.filename, strip, member.external_attr >> 16)
        return
    with tarfile.open(str(archive)) as tar:
        for entry in tar:
            stream = tar.extractfile(entry) if entry.isfile() else None
            if stream is not None:
                _write(stream, folder, entry.name, strip, entry.mode)


def _write(content: Any, folder: Path, name: str, strip: int, mode: int) -> None:
    parts = PurePosixPath(name).parts[strip:]
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        return
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        shutil.copyfileobj(content, out)
    path.chmod(0o755 if mode & 0o100 else 0o644)

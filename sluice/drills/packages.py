"""Packages of the functions with texts of their files replaced: a defect, as a deploy brings it."""

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.function_package import function_archive
from pipeline.errors import BrokenInvariant


@dataclass(frozen=True, kw_only=True)
class Change:
    """In one file of the package, the one place of a text becomes another."""

    file: str
    old: str
    new: str

    def applied(self, body: str) -> str:
        """Return a file's text with the change. Raises BrokenInvariant if it has not one place."""
        if body.count(self.old) != 1:
            raise BrokenInvariant(f"{self.file} has not one {self.old!r}: mend the drill")
        return body.replace(self.old, self.new)


def changed_package(folder: Path, changes: Sequence[Change]) -> Path:
    """Return the functions' package with some changes, built once a content.

    Raises BrokenInvariant where the code has changed and the drill has not.
    """
    own = function_archive("local")
    digest = hashlib.sha256(repr(changes).encode()).hexdigest()[:16]
    target = folder / f"{own.stem}-{digest}.zip"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(own) as source, zipfile.ZipFile(partial, "w") as written:
        for name in source.namelist():
            body = source.read(name).decode("latin-1")
            for change in changes:
                body = change.applied(body) if change.file == name else body
            written.writestr(name, body.encode("latin-1"))
        missing = {change.file for change in changes} - set(source.namelist())
    if missing:
        raise BrokenInvariant(f"the package has no {', '.join(sorted(missing))}: mend the drill")
    partial.replace(target)
    return target

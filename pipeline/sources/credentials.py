"""Credentials of a broker that a process is given by a variable, as the files that clients read."""

import json
import tempfile
from pathlib import Path
from typing import Final

from pipeline.errors import UserError
from pipeline.sources.connections import Connection, KinesisConnection

MEMBERS: Final = {"ca": "ca_file", "token": "token_file"}
"""Of the secret's JSON object, and the connection's field that names the file."""


def with_credentials(connection: Connection, secret: str) -> Connection:
    """Return the connection by files that hold what `secret` says, readable by this user alone.

    `secret` is a JSON object with `ca` (PEM) and, for Pulsar, `token`. Raises UserError for
    anything else; its message tells nothing of the secret.
    """
    fields = {each for each in MEMBERS.values() if each in type(connection).model_fields}
    try:
        held = json.loads(secret)
        files = {MEMBERS[member]: str(held[member]) for member in held if member in MEMBERS}
    except (TypeError, ValueError):
        raise UserError("the broker's credentials are no JSON object; fill their secret") from None
    if isinstance(connection, KinesisConnection) or not files or not files.keys() <= fields:
        raise UserError(
            f"the broker's credentials have {', '.join(sorted(files)) or 'nothing'}, where a "
            f"{connection.kind} connection takes {', '.join(sorted(fields)) or 'none'}; fill their "
            "secret"
        )
    folder = Path(tempfile.mkdtemp(prefix="sluice-broker-"))
    written = {name: _written(folder / name, text) for name, text in files.items()}
    return connection.model_copy(update=written)


def _written(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path

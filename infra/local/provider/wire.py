"""Properties as Pulumi's engine sends them, and back: values, files, secrets and what is unknown.

Special values are maps under a key of their own (Pulumi's `sdk/proto`, "property signatures").
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format, struct_pb2

from infra.local.provider.errors import ProviderError

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
UNKNOWN_PREFIX: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Opens what stands for a value that only an update will know."""


class _Unknown:
    """A value that only an update will know."""


UNKNOWN: Final = _Unknown()


def plain(properties: struct_pb2.Struct) -> dict[str, Any]:
    """Return properties as JSON values, UNKNOWN among them; files as their path and SHA-256."""
    raw: dict[str, Any] = json_format.MessageToDict(properties)
    return {key: _plain(value, key) for key, value in raw.items()}


def is_known(value: Any) -> bool:
    """Return whether nothing in a value is UNKNOWN."""
    if isinstance(value, Mapping):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return value is not UNKNOWN


def with_outputs(properties: struct_pb2.Struct, outputs: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return properties as they came, files and all, with outputs over them."""
    merged = struct_pb2.Struct()
    merged.CopyFrom(properties)
    merged.update({key: value for key, value in outputs.items() if not _is_file(value)})
    return merged


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return _special(value, where)
    if isinstance(value, list):
        return [_plain(item, f"{where}[{place}]") for place, item in enumerate(value)]
    if isinstance(value, str) and value.startswith(UNKNOWN_PREFIX):
        return UNKNOWN
    # The wire knows only floats.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _special(value: Mapping[str, Any], where: str) -> Any:
    match value.get(SIGNATURE):
        case None:
            return {key: _plain(item, f"{where}.{key}") for key, item in value.items()}
        case signature if signature == SECRET:
            return _plain(value.get("value"), where)
        case signature if signature in (ASSET, ARCHIVE) and (value.get("path") or "hash" in value):
            # The engine's state keeps the hash alone.
            path = str(value.get("path", ""))
            return {"path": path, "sha256": value.get("hash") or _sha256(path)}
    raise ProviderError(f"{where}: the local provider takes files and plain values alone")


def _sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _is_file(value: Any) -> bool:
    return isinstance(value, Mapping) and "sha256" in value

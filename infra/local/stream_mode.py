"""A stream's change between provisioned and on-demand, which the pinned ministack does not know.

On AWS shards and records stay as they are; from then on AWS alone reshards a stream on demand
(Kinesis developer guide, "Switch between capacity modes").
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

import json
from collections.abc import Mapping
from typing import Any, Final

from ministack.services import kinesis

Answer = tuple[int, dict[str, str], bytes]

OPERATION: Final = "UpdateStreamMode"
MODES: Final = ("PROVISIONED", "ON_DEMAND")

_handle_request = kinesis.handle_request


def update_stream_mode(data: dict[str, Any]) -> Answer:
    """Change the mode; shards and records stay."""
    name, stream = kinesis._resolve_stream(data)
    if not stream:
        return _refused("ResourceNotFoundException", f"Stream {name} not found")
    mode = data.get("StreamModeDetails", {}).get("StreamMode")
    if mode not in MODES:
        return _refused("ValidationException", f"StreamMode {mode} is none of {', '.join(MODES)}")
    stream["StreamModeDetails"] = {"StreamMode": mode}
    answer: Answer = kinesis.json_response({})
    return answer


async def handle_request(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Any
) -> Answer:
    """Answer what ministack cannot, and pass on the rest."""
    if headers.get("x-amz-target", "").rpartition(".")[2] == OPERATION:
        return update_stream_mode(json.loads(body or b"{}"))
    answer: Answer = await _handle_request(method, path, headers, body, query_params)
    return answer


def install() -> None:
    """Put the replacement where ministack's dispatcher looks it up."""
    kinesis.handle_request = handle_request


def _refused(error: str, message: str) -> Answer:
    answer: Answer = kinesis.error_response_json(error, message, 400)
    return answer

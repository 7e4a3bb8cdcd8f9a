"""`python -m tests.conformance.signed_in`: a worker whose token for Kafka comes from a file.

MSK's own is signed by the process's role, which is nobody's here.
"""

import base64
import json
import os
import runpy
import time
from pathlib import Path
from typing import Final

from pipeline.sources import kafka_client
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka_client import Token

TOKEN_FILE: Final = "SLUICE_TEST_TOKEN_FILE"


def token_from_file(_: KafkaConnection) -> Token:
    """Return what stands in the place of `kafka_client.msk_token`."""

    def token() -> tuple[str, float]:
        text = Path(os.environ[TOKEN_FILE]).read_text()
        claims = text.split(".")[1]
        padding = "=" * (-len(claims) % 4)
        expires: float = json.loads(base64.urlsafe_b64decode(claims + padding))["exp"]
        if expires < time.time():
            raise ConnectionError("there is none but one that has expired")
        return text, expires

    return token


if __name__ == "__main__":
    vars(kafka_client)["msk_token"] = token_from_file
    runpy.run_module("pipeline.consumer", run_name="__main__")

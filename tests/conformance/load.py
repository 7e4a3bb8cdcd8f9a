"""What is sent in a conformance test, with its history, and the account at the end."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from pipeline.audit.checksum import checksum
from pipeline.audit.history import HISTORY_SCHEMA, Answer
from pipeline.audit.relations import find_inputs
from pipeline.audit.verdict import Verdict
from pipeline.audit.verify import verify
from pipeline.contracts import CONTRACTS
from pipeline.domain.contracts import PLANE_CHANGES
from pipeline.names import LAKE_PREFIX
from pipeline.producer.answers import Answered
from pipeline.producer.kafka import KafkaTransport
from pipeline.producer.producer import Producer
from pipeline.producer.pulsar import PulsarTransport
from pipeline.producer.settings import ProducerSettings
from pipeline.producer.transport import Transport
from pipeline.producer.transports import transport_for
from pipeline.sources.connections import (
    Connection,
    KafkaConnection,
    KinesisConnection,
    PulsarConnection,
)

KEYS: Final = 32
ANSWERS_SECONDS_MAX: Final = 300
"""More than a broker takes to come back: an event that is given up is none that was promised."""
SETTINGS: Final = ProducerSettings(
    lanes=16,
    linger_ms=20,
    record_events=50,
    requests_in_flight=4,
    attempts_max=10_000,
    retry_seconds_max=ANSWERS_SECONDS_MAX,
)
HASTY_SECONDS: Final = 2.0
"""How long a hasty client of a broker waits for an answer."""
MARK: Final = "poisoned"
"""The model of an aircraft whose change ends a `tests.conformance.poisoned` worker."""


class Load:
    """One producer of plane changes, in order for each aircraft, and its history."""

    def __init__(
        self,
        connection: Connection,
        folder: Path,
        *,
        where: Mapping[str, Any],
        name: str = "p",
        transport: Transport | None = None,
    ) -> None:
        self.run = "r"
        self._name = name
        self._folder = folder / "history"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._rows: list[dict[str, Any]] = []
        transport = transport or transport_for(connection, SETTINGS, where=where)
        self._producer: Producer[int] = Producer(transport, SETTINGS, self._answered)

    @property
    def sent(self) -> int:
        return len(self._rows)

    @property
    def retries(self) -> int:
        """How many records were sent again."""
        return self._producer.metrics().retries

    def send(self, events: int, *, poison: bool = False) -> None:
        """Hand over so many events; `poison` marks each of them."""
        for _ in range(events):
            sequence = len(self._rows)
            now_us = time.time_ns() // 1_000
            key = f"N{sequence % KEYS}"
            event = {
                "type": PLANE_CHANGES.table,
                "id": f"{self.run}-{self._name}-{sequence:09}",
                "producer": self._name,
                "sequence": sequence,
                "event_time": now_us // 1_000,
                "aircraft": key,
                "operation": "update",
                "transaction": sequence,
                "manufacturer": "M",
                "model": MARK if poison else "X",
                "engines": 2,
                "seats": 10,
            }
            self._rows.append(
                {
                    "table": PLANE_CHANGES.table,
                    "id": event["id"],
                    "producer": self._name,
                    "key": key,
                    "sequence": sequence,
                    "intended_us": now_us,
                    "sent_us": None,
                    "answered_us": None,
                    "answer": str(Answer.UNKNOWN),
                    "checksum": checksum(event, PLANE_CHANGES),
                    "poison": poison,
                }
            )
            self._producer.put(
                table=PLANE_CHANGES.table,
                key=key,
                body=json.dumps(event, separators=(",", ":")).encode(),
                tag=sequence,
            )

    def flush(self) -> None:
        """Wait until all of it is answered."""
        self._producer.flush(ANSWERS_SECONDS_MAX)

    def _answered(self, answered: Answered[int]) -> None:
        for sequence in answered.tags:
            self._rows[sequence] |= {
                "answer": str(answered.answer),
                "sent_us": answered.sent_us,
                "answered_us": answered.answered_us,
            }

    def close(self) -> None:
        """Wait for all answers and write the history."""
        self._producer.close(ANSWERS_SECONDS_MAX)
        rows = pa.Table.from_pylist(self._rows, schema=HISTORY_SCHEMA)
        parquet.write_table(rows, self._folder / f"{self._name}-0.parquet")


def hasty(connection: Connection) -> Transport | None:
    """Return a transport that soon sends again, None for Kinesis: its own hears at once."""
    match connection:
        case KafkaConnection():
            return KafkaTransport(connection, delivery_seconds_max=HASTY_SECONDS)
        case PulsarConnection():
            return PulsarTransport(connection, send_seconds_max=HASTY_SECONDS)
        case KinesisConnection():
            return None


def account(s3: Any, bucket: str, folder: Path, loads: Sequence[Load]) -> Verdict:
    """Return the verdict on everything that was sent, by what lies in the lake now."""
    lake = folder / "lake"
    lake.mkdir(exist_ok=True)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=LAKE_PREFIX):
        for entry in page.get("Contents", ()):
            path = lake / entry["Key"].removeprefix(LAKE_PREFIX)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    inputs = find_inputs(
        loads[0].run,
        history=folder / "history",
        lake=lake,
        sends_expected=sum(load.sent for load in loads),
    )
    spill = folder / "spill"
    spill.mkdir(exist_ok=True)
    return verify(inputs, CONTRACTS, spill=spill)

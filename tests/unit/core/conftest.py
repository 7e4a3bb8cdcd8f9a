"""A departure as a producer sends it, records that carry it, and `process` with everything set."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.catalog import Catalog
from pipeline.core.dedupe import SeenIds
from pipeline.core.process import Batch, Limits, LostRange, process
from pipeline.core.records import Position, Record, ShardId
from pipeline.core.result import Attempt, CoreResult, LakeFile
from pipeline.domain import catalog as shipped

ARRIVAL_MS = 1_795_000_000_000
WINDOW_MS = 300_000


@dataclass(frozen=True, kw_only=True)
class Core:
    """What a test drives: events to lines to records to a result to rows."""

    arrival_ms: int = ARRIVAL_MS
    window_ms: int = WINDOW_MS

    def event(self, number: int = 0, **changes: Any) -> dict[str, Any]:
        """Return a departure; a change to ... removes the field."""
        event = {
            "type": "departures",
            "id": f"departure-{number:06d}",
            "producer": "p0",
            "sequence": number,
            "event_time": ARRIVAL_MS - 1_000 + number % 1_000,
            "aircraft": f"N{number % 7:03d}AA",
            "carrier": "UA",
            "flight": 1545,
            "origin": "EWR",
            "destination": "IAH",
            "scheduled_departure": 1_357_034_400_000,
            "departure_delay_minutes": 2,
            "arrival_delay_minutes": 11,
            "air_time_minutes": 227,
            "distance_miles": 1400,
        } | changes
        return {name: value for name, value in event.items() if value is not ...}

    def line(self, number: int = 0, **changes: Any) -> bytes:
        return json.dumps(self.event(number, **changes), separators=(",", ":")).encode()

    def record(self, *payloads: bytes, position: int = 1, **changes: Any) -> Record:
        """Return one record: plain for one payload, aggregated for more."""
        key = changes.pop("key", "k")
        data = (
            payloads[0]
            if len(payloads) == 1
            else aggregate(UserRecord(partition_key=key, payload=each) for each in payloads)
        )
        return Record(
            position=Position(position),
            partition_key=key,
            arrival_ms=changes.pop("arrival_ms", ARRIVAL_MS),
            data=changes.pop("data", data),
        )

    def process(
        self,
        *records: Record,
        seen: SeenIds | None = None,
        masked: Sequence[int] = (),
        lost: Sequence[LostRange] = (),
        catalog: Catalog | None = None,
        **limits: int,
    ) -> CoreResult:
        first = records[0].position if records else lost[0].first
        return process(
            Batch(
                records=records,
                masked=frozenset(map(Position, masked)),
                lost=tuple(lost),
            ),
            attempt=Attempt(shard=ShardId("shard-0"), first=first, token="token"),
            seen=seen if seen is not None else self.seen(),
            catalog=catalog or shipped(),
            limits=Limits(**limits),
        )

    def seen(self, *ids: bytes, **settings: int) -> SeenIds:
        seen = SeenIds.empty(**{"window_ms": WINDOW_MS} | settings)
        for each in ids:
            seen = seen.with_ids(each)
        return seen

    def rows(self, result: CoreResult, table: str = "departures") -> list[dict[str, Any]]:
        """Return a table's rows over all files of a result."""
        return [row for file in self.files(result, table) for row in read(file).to_pylist()]

    def files(self, result: CoreResult, table: str) -> list[LakeFile]:
        return [file for file in result.files if file.table == table]

    def quarantined(self, result: CoreResult) -> list[dict[str, Any]]:
        return self.rows(result, "quarantine")

    def ids(self, result: CoreResult, table: str = "departures") -> list[str]:
        return sorted(row["id"] for row in self.rows(result, table))


def read(file: LakeFile) -> pa.Table:
    return pq.read_table(pa.BufferReader(file.body))


@pytest.fixture(scope="session")
def core() -> Core:
    return Core()


@pytest.fixture(scope="session")
def read_file() -> Callable[[LakeFile], pa.Table]:
    return read

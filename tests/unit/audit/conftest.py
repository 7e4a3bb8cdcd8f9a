"""A run made by hand: a history, a lake and a quarantine, each a list that a test bends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipeline.audit.history import HISTORY_SCHEMA
from pipeline.audit.verdict import Verdict
from pipeline.audit.verify import judge
from pipeline.domain.contracts import CONTRACTS

RUN = "r1"
START_MS = 1_700_000_000_000

LAKE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("table", pa.string()),
        ("file", pa.string()),
        ("shard", pa.string()),
        ("position", pa.string()),
        ("index", pa.int64()),
        ("producer", pa.string()),
        ("key", pa.string()),
        ("sequence", pa.int64()),
        ("checksum", pa.uint64()),
    ]
)
QUARANTINE_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("shard", pa.string()),
        ("position", pa.string()),
        ("index", pa.int64()),
        ("id", pa.string()),
        ("reason", pa.string()),
        ("arrival_ms", pa.int64()),
        ("raw", pa.binary()),
    ]
)


@dataclass(kw_only=True)
class Run:
    """Rows of the three sides; `judged()` is the verdict on them."""

    connection: duckdb.DuckDBPyConnection
    history: list[dict[str, Any]] = field(default_factory=list)
    lake: list[dict[str, Any]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    replayed: set[str] = field(default_factory=set)

    def event_id(self, number: int) -> str:
        return f"{RUN}-p0-{number:06d}"

    def send(self, number: int, **changes: Any) -> None:
        row = {
            "table": "departures",
            "id": self.event_id(number),
            "producer": "p0",
            "key": f"k{number % 3}",
            "sequence": number,
            "intended_us": (START_MS + number) * 1_000,
            "sent_us": (START_MS + number) * 1_000 + 5,
            "answered_us": (START_MS + number) * 1_000 + 500,
            "answer": "acknowledged",
            "checksum": number,
            "poison": False,
        }
        self.history.append(row | changes)

    def store(self, number: int, **changes: Any) -> None:
        position = str(changes.pop("position", 10**55 + number))
        row = {
            "id": self.event_id(number),
            "table": "departures",
            "file": f"departures/dt=2026-01-01/hour=00/s0-{position}.parquet",
            "shard": "s0",
            "position": position,
            "index": 0,
            "producer": "p0",
            "key": f"k{number % 3}",
            "sequence": number,
            "checksum": number,
        }
        self.lake.append(row | changes)

    def put_aside(self, number: int, **changes: Any) -> None:
        position = str(changes.pop("position", 10**55 + number))
        row = {
            "file": f"quarantine/dt=2026-01-01/hour=00/s0-{position}.parquet",
            "shard": "s0",
            "position": position,
            "index": 0,
            "id": self.event_id(number),
            "reason": "wrong-type",
            "arrival_ms": START_MS + number,
            "raw": b"",
        }
        self.quarantine.append(row | changes)

    def violations(self, verdict: Verdict | None = None) -> dict[str, int]:
        found = (verdict or self.judged()).violations
        return {kind: count for kind, count in found.items() if count}

    def judged(self) -> Verdict:
        for name, rows, schema in (
            ("history", self.history, HISTORY_SCHEMA),
            ("lake", self.lake, LAKE_SCHEMA),
            ("quarantine", self.quarantine, QUARANTINE_SCHEMA),
        ):
            self.connection.register(name, pa.Table.from_pylist(rows, schema=schema))
        for name in ("candidates", "recovered", "quarantine_rows", "quarantined", "replayed"):
            self.connection.execute(f"DROP TABLE IF EXISTS {name}")
        return judge(self.connection, RUN, CONTRACTS, replayed=self.replayed)


@pytest.fixture
def new_run() -> Iterator[Callable[[], Run]]:
    """Make an empty run, as often as a property test wants one."""
    with duckdb.connect(config={"threads": 1}) as connection:
        yield lambda: Run(connection=connection)


@pytest.fixture
def run(new_run: Callable[[], Run]) -> Run:
    """A clean run of ten stored events and one poison event in quarantine."""
    run = new_run()
    for number in range(10):
        run.send(number)
        run.store(number)
    run.send(10, poison=True)
    run.put_aside(10)
    return run

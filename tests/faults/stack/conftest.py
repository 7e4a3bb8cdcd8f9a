"""Whole stacks on the embedded AWS: real function, real producers, trouble, then the verdict."""

import json
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import pytest

from infra.function_package import function_archive
from infra.local import supervisor
from loadtests.history import History
from loadtests.plan import SourcePlan
from loadtests.scripts import DeparturesScript, Rendered
from pipeline.audit.history import Answer
from pipeline.audit.verdict import Verdict
from pipeline.environment import wall_clock_ms
from pipeline.functions import worker_for
from pipeline.ledger.state import ShardStatus
from pipeline.sinks.lake_reader import copy_lake
from sluice.accounting import account
from sluice.console import progress
from sluice.down import stop_local
from sluice.drain import drain_stack
from sluice.load import plan_for, send
from sluice.stack import Stack
from sluice.up import bring_up

SECONDS_MAX = 180.0


@dataclass(kw_only=True)
class Schedule:
    """What to do to a stack when which share of its load is sent; each step once, in order."""

    steps: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def __call__(self, share: float) -> None:
        while self.steps and share >= self.steps[0][0]:
            self.steps.pop(0)[1]()


@dataclass(kw_only=True)
class Rig:
    """One running stack, and what a test does to it."""

    stack: Stack
    settings: dict[str, str]

    @property
    def aws(self) -> supervisor.LocalAws:
        found = supervisor.running(self.stack.folder)
        assert found is not None
        return found

    def deploy(self, package: Path | None) -> None:
        """Bring the stack up again with another package of the functions, or with their own."""
        given = self.settings | ({"package_file": str(package)} if package else {})
        self.stack = bring_up(self.stack.folder.parent, self.stack.name, given, None)

    def load(
        self, *steps: tuple[float, Callable[[], object]], rate: float, seconds: float, **more: Any
    ) -> Path:
        """Send a load to its end, doing each step at its share of it; return the load's folder."""
        plan = plan_for(self.stack, rate=rate, seconds=seconds, **more)
        schedule = Schedule(steps=list(steps))
        with progress() as bars:
            sent = send(plan, self.stack.loads / plan.run, bars=bars, while_running=schedule)
        assert not schedule.steps, f"the load was over before {schedule.steps}"
        assert sent.sent == sent.acknowledged == plan.events
        return self.stack.loads / plan.run

    def drain(self, *, seconds_max: float = SECONDS_MAX) -> None:
        drain_stack(self.stack, seconds_max=seconds_max, on_wait=lambda _what: None)

    def verdict(self, load: Path, *, seconds_max: float = SECONDS_MAX) -> Verdict:
        """Drain the stack and account for every id of a load."""
        self.drain(seconds_max=seconds_max)
        return account(self.stack, load, on_note=lambda _note: None).verdict

    def deaths(self) -> int:
        """Return how many processes of the functions died while the mapping waited for them."""
        return (self.stack.folder / "mapping.log").read_text().count("Runtime exited with error")

    def shards(self) -> tuple[ShardStatus, ...]:
        return worker_for(self.stack.environment).pending()

    def write(self, events: int) -> "Written":
        """Write a load of so many departures by hand: its history is kept, the test sends it."""
        run, producer = f"w{secrets.token_hex(5)}", "hand-0"
        plan = SourcePlan(producer=producer, kind="departures", events=events)
        made = DeparturesScript(run, plan).render(0, [wall_clock_ms()] * events)
        folder = self.stack.loads / run
        history = History(folder, table="departures", producer=producer)
        now_us = wall_clock_ms() * 1000
        history.add(made, np.full(events, now_us, np.int64))
        history.answered(
            np.arange(events), Answer.ACKNOWLEDGED, sent_us=now_us, answered_us=now_us + 10_000_000
        )
        history.close()
        (folder / "load.json").write_text(json.dumps({"run": run, "sent": events}))
        return Written(rig=self, folder=folder, events=made)

    def put(self, data: bytes, *, key: str = "k") -> str:
        """Put one record as it is; return its position."""
        stream = self.stack.environment.settings.stream
        answer = self.stack.environment.kinesis.put_record(
            StreamName=stream, PartitionKey=key, Data=data
        )
        return str(answer["SequenceNumber"])

    def rows(self, table: str, folder: Path) -> list[dict[str, Any]]:
        """Return a table's rows, from a fresh copy of the lake under `folder`."""
        shutil.rmtree(folder, ignore_errors=True)
        copy_lake(self.stack.environment.s3, self.stack.environment.settings.lake_bucket, folder)
        files = [str(path) for path in sorted((folder / table).rglob("*.parquet"))]
        return ds.dataset(files, format="parquet").to_table().to_pylist() if files else []


@dataclass(frozen=True, kw_only=True)
class Written:
    """A load that a test sends by itself: every event of it must be put on the stream."""

    rig: Rig
    folder: Path
    events: Rendered

    def put_all(self, *, marker: tuple[int, bytes] | None = None) -> None:
        """Put every event as a record of its own in one request, and one more at a place."""
        bodies = list(self.events.bodies)
        if marker is not None:
            bodies.insert(*marker)
        environment = self.rig.stack.environment
        answer = environment.kinesis.put_records(
            StreamName=environment.settings.stream,
            Records=[{"Data": body, "PartitionKey": "k"} for body in bodies],
        )
        assert answer["FailedRecordCount"] == 0


def all_stored(verdict: Verdict, events: int) -> bool:
    """Return whether a verdict says that so many events are in the lake, each once; else fail."""
    account = verdict.account
    assert verdict.validity == "valid", verdict.summary()
    assert account.sent == account.acknowledged == account.stored == account.rows == events
    assert account.quarantined == account.quarantine_rows == 0
    return True


Rigs = Callable[..., Rig]


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rigs]:
    """Bring up stacks that are gone when the module ends."""
    home = tmp_path_factory.mktemp("home")
    made: list[Rig] = []

    def bring(name: str, package: Path | None = None, **settings: str) -> Rig:
        given = settings | ({"package_file": str(package)} if package else {})
        rig = Rig(stack=bring_up(home, name, given, None), settings=settings)
        made.append(rig)
        return rig

    yield bring
    for rig in made:
        stop_local(rig.stack.folder)
        assert supervisor.running(rig.stack.folder) is None


Variant = Callable[..., Path]


@pytest.fixture(scope="module")
def variant(tmp_path_factory: pytest.TempPathFactory) -> Variant:
    """Build the functions' package with texts of its files replaced: {file: (old, new)}.

    It is made of the project's own package, or of one that was built before.
    """

    def build(changes: dict[str, tuple[str, str]], of: Path | None = None) -> Path:
        target = tmp_path_factory.mktemp("package") / "changed.zip"
        left = dict(changes)
        with (
            zipfile.ZipFile(of or function_archive("local")) as source,
            zipfile.ZipFile(target, "w") as written,
        ):
            for name in source.namelist():
                body = source.read(name).decode("latin-1")
                if name in left:
                    old, new = left.pop(name)
                    assert body.count(old) == 1, f"{name} has not one {old!r}"
                    body = body.replace(old, new)
                written.writestr(name, body.encode("latin-1"))
        assert not left, f"the package has no {sorted(left)}"
        return target

    return build

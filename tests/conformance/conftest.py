"""One place on the embedded AWS for each test, a stream of each kind, and workers on both."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.local.front.control import Front
from infra.local.supervisor import LocalAws
from pipeline import names
from pipeline.audit.verdict import Validity
from pipeline.consumer.streams import source_of
from pipeline.consumer.wiring import worker_on
from pipeline.environment import WatcherSettings, WorkerSettings, clients
from pipeline.ledger.seams import Source
from pipeline.ledger.state import ShardStatus
from pipeline.producer.transport import Transport
from tests.conformance.load import Load, account
from tests.conformance.streams import (
    PARTITIONS,
    KafkaUnderTest,
    KinesisUnderTest,
    PulsarUnderTest,
    StreamUnderTest,
)
from tests.conformance.workers import WorkerProcess
from tests.embedded_aws import make_ledger, where
from tests.waiting import until

RUN_SECONDS = 10
EVENTS = 2_000


@dataclass(kw_only=True)
class Place:
    """A ledger, a lake and a stream, and everything that was started on them."""

    aws: LocalAws
    clients: dict[str, Any]
    folder: Path
    name: str
    where: dict[str, str]
    stream: StreamUnderTest
    source: Source
    workers: list[WorkerProcess] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)

    @property
    def front(self) -> Front:
        return Front(self.aws.endpoint)

    @property
    def variables(self) -> dict[str, str]:
        """A worker's environment: quick to answer, quick to take a dead one for over."""
        return {
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_REGION": self.aws.region,
            "AWS_DEFAULT_REGION": self.aws.region,
            "AWS_ACCESS_KEY_ID": self.aws.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.aws.secret_access_key,
            names.ENV_CONNECTION: self.stream.connection.model_dump_json(),
            names.ENV_LEDGER_TABLE: self.name,
            names.ENV_LAKE_BUCKET: self.name,
            names.ENV_WORKER_HTTP_PORT: "0",
            names.ENV_WORKER_SWEEP_SECONDS: "5",
            names.ENV_WORKER_REPORT_SECONDS: "1",
            names.ENV_WORKER_GRACE_SECONDS: "20",
            names.ENV_RUN_SECONDS_MAX: str(RUN_SECONDS),
        }

    def work(self, *, module: str = "pipeline.consumer", **settings: object) -> WorkerProcess:
        """Start a worker; `settings` are those that differ."""
        aliases = {name: str(f.alias) for name, f in WatcherSettings.model_fields.items()}
        told = {aliases[name]: str(value) for name, value in settings.items()}
        folder = self.folder / f"worker-{len(self.workers)}"
        worker = WorkerProcess({**self.variables, **told}, folder, module=module)
        self.workers.append(worker)
        return worker

    def load(self, transport: Transport | None = None) -> Load:
        """Return a producer of its own, by a transport of its own where none is given."""
        name = f"p{len(self.loads)}"
        load = Load(
            self.stream.connection, self.folder, where=self.where, name=name, transport=transport
        )
        self.loads.append(load)
        return load

    def pending(self) -> tuple[ShardStatus, ...]:
        """Return where every shard stands, as `status` and `drain` see it."""
        settings = WorkerSettings.from_environment(self.variables)
        return worker_on(self.source, self.clients, settings).pending()

    def is_drained(self) -> bool:
        return all(status.drained for status in self.pending())

    def settle(self, *, seconds_max: float = 180.0, quarantined: int = 0) -> None:
        """Wait until everything is committed and published, then account for every id."""
        for load in self.loads:
            load.close()
        until(self.is_drained, seconds_max=seconds_max)
        verdict = account(self.clients["s3"], self.name, self.folder, self.loads)
        assert verdict.validity is Validity.VALID, verdict
        assert verdict.account.quarantined == quarantined, verdict
        assert verdict.account.stored == verdict.account.sends - quarantined, verdict


def begun(place: Place, **settings: Any) -> tuple[WorkerProcess, Load]:
    """Return a worker that has every partition, and a producer that has sent something to each."""
    worker, load = place.work(**settings), place.load()
    load.send(EVENTS)
    until(lambda: len(worker.partitions) == PARTITIONS)
    until(lambda: worker.stored > 0)
    return worker, load


@pytest.fixture
def token_file() -> Path | None:
    """The session's brokers ask for no token."""
    return None


@pytest.fixture(params=["kinesis", "kafka", "pulsar"])
def place(request: pytest.FixtureRequest, aws: LocalAws, tmp_path: Path) -> Iterator[Place]:
    """A place of its own on a stream of each kind."""
    name = f"t{secrets.token_hex(6)}"
    made = clients(**where(aws))
    made["s3"].create_bucket(Bucket=name)
    make_ledger(made["dynamodb"], name)
    stream = make_stream(request, made, Front(aws.endpoint), name)
    place = Place(
        aws=aws,
        clients=made,
        folder=tmp_path,
        name=name,
        where=where(aws),
        stream=stream,
        source=source_of(stream.connection, made, table=name, bucket=name),
    )
    yield place
    for worker in place.workers:
        worker.end()
    place.front.clear()


def make_stream(
    request: pytest.FixtureRequest, made: dict[str, Any], front: Front, name: str
) -> StreamUnderTest:
    """Return a new stream of the kind that is asked for; only then its broker is started."""
    if request.param == "kinesis":
        return KinesisUnderTest(client=made["kinesis"], front=front, name=name)
    kind = {"kafka": KafkaUnderTest, "pulsar": PulsarUnderTest}[request.param]
    broker, token_file = map(request.getfixturevalue, (request.param, "token_file"))
    return kind(broker=broker, name=name, token_file=token_file)

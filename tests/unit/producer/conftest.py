"""A Kinesis that answers PutRecords over HTTP as it is told to, for the producer's tests."""

import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from pipeline.audit.history import Answer as Fate
from pipeline.core.aggregate import deaggregate
from pipeline.core.payload import decompress
from pipeline.errors import BrokenInvariant
from pipeline.producer.answers import Answered
from pipeline.producer.kinesis import KinesisTransport
from pipeline.producer.lanes import lane_of
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings, client_config

THROTTLE = "ProvisionedThroughputExceededException"


@dataclass(frozen=True)
class Entry:
    data: bytes
    partition_key: str
    hash_key: str

    @property
    def events(self) -> list[bytes]:
        return [
            line
            for record in deaggregate(self.data, self.partition_key)
            for line in decompress(record.payload, bytes_max=1 << 24).split(b"\n")
        ]


class ConnectionDropped(Exception):
    """Told to a step that wants no answer to go out."""


Answer = tuple[int, dict[str, Any] | bytes]
Step = Callable[[list[Entry]], Answer]


@dataclass
class ScriptedKinesis:
    """Takes the next step of its script for each request; stores everything once it ran out.

    While `open` is not set, requests wait for their answers.
    """

    script: deque[Step] = field(default_factory=deque)
    requests: list[list[Entry]] = field(default_factory=list)
    stored: list[Entry] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released by each request as it arrives."""
    port: int = 0

    def next_fails(self, *places: int, code: str = THROTTLE, written: bool = False) -> None:
        """Fail the entries at these places of the next request, written or not; store the rest."""

        def step(entries: list[Entry]) -> Answer:
            failed = {"ErrorCode": code, "ErrorMessage": "as told"}
            done = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
            self.stored += [e for n, e in enumerate(entries) if n not in places or written]
            records = [failed if n in places else done for n in range(len(entries))]
            return 200, {"FailedRecordCount": len(places), "Records": records}

        self.script.append(step)

    def next_errors(self, status: int, code: str, *, times: int = 1) -> None:
        """Fail the next requests as a whole; nothing is stored."""
        self.script += [lambda _: (status, {"__type": code, "message": "as told"})] * times

    def next_says(self, answer: dict[str, Any] | bytes) -> None:
        """Store all of the next request and answer it with this."""

        def step(entries: list[Entry]) -> Answer:
            self.stored += entries
            return 200, answer

        self.script.append(step)

    def next_loses_its_answer(self, *, times: int = 1) -> None:
        """Store all of the next requests, then drop the connection."""

        def step(entries: list[Entry]) -> Answer:
            self.stored += entries
            raise ConnectionDropped

        self.script += [step] * times

    def answer(self, entries: list[Entry]) -> Answer:
        self.requests.append(entries)
        self.arrived.release()
        assert self.open.wait(120)
        if not self.script:
            self.next_fails()
        return self.script.popleft()(entries)

    def client(self, settings: ProducerSettings) -> Any:
        return boto3.session.Session().client(
            "kinesis",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=client_config(settings),
        )

    @property
    def events(self) -> list[bytes]:
        """What was stored, copies included, in the order in which it was."""
        return [event for entry in self.stored for event in entry.events]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kinesis: ScriptedKinesis

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        entries = [
            Entry(base64.b64decode(r["Data"]), r["PartitionKey"], r["ExplicitHashKey"])
            for r in body["Records"]
        ]
        try:
            status, answer = self.kinesis.answer(entries)
        except ConnectionDropped:
            self.close_connection = True
            return
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def kinesis() -> Iterator[ScriptedKinesis]:
    scripted = ScriptedKinesis()
    scripted.open.set()
    handler = type("Handler", (_Handler,), {"kinesis": scripted})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        scripted.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield scripted
        scripted.open.set()
        server.shutdown()
        thread.join()


QUICK = ProducerSettings(lanes=4, linger_ms=1, backoff_ms_first=1, backoff_ms_max=4, attempts_max=4)
Make = Callable[..., Producer[int]]
KEYS = [next(key for key in map(str, range(99)) if lane_of(key, 4) == lane) for lane in range(4)]
"""One key a lane."""


@pytest.fixture
def answers() -> list[Answered[int]]:
    return []


@pytest.fixture
def make(kinesis: Any, answers: list[Answered[int]]) -> Iterator[Make]:
    made: list[tuple[Producer[int], Any]] = []

    def producer(chosen: ProducerSettings = QUICK, on_answer: Any = answers.append) -> Any:
        client = kinesis.client(chosen)
        made.append((Producer(KinesisTransport(client, "stream"), chosen, on_answer), client))
        return made[-1][0]

    yield producer
    kinesis.open.set()
    for one, client in made:
        with closing(client):
            try:
                one.close(60)
            except BrokenInvariant:
                assert one.metrics().buffered_bytes > 0


def put_numbers(producer: Producer[int], numbers: range, keys: list[str] = KEYS) -> None:
    producer.put_many(
        table="t",
        keys=[keys[number % len(keys)] for number in numbers],
        bodies=[b"%d" % number for number in numbers],
        tags=numbers,
    )


def fates(answers: list[Answered[int]]) -> dict[int, Fate]:
    found = [(tag, answered.answer) for answered in answers for tag in answered.tags]
    assert len(found) == len(dict(found)), "an event was answered twice"
    return dict(found)

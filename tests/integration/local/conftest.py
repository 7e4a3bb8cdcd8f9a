"""A real local AWS, and functions that write down each of their invocations in a folder."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest

from infra.local import supervisor
from infra.local.supervisor import LocalAws, Pace

Found = TypeVar("Found")
WAIT_SECONDS_MAX = 30.0
ACCOUNT = "000000000000"
RECORDER = """
import base64, json, os, time, uuid
from pathlib import Path

OUT = Path(os.environ["OUT"])

def note(event):
    records = event["Records"]
    data = [base64.b64decode(record["kinesis"]["data"]).decode() for record in records]
    shard = records[0]["eventID"].split(":")[0]
    noted = {"at": time.time(), "pid": os.getpid(), "shard": shard, "data": data, "event": event}
    path = OUT / f"{time.time_ns()}-{uuid.uuid4()}.part"
    path.write_text(json.dumps(noted))
    path.rename(path.with_suffix(".json"))
    return data

"""
PLAIN = """
def handler(event, context):
    note(event)
"""


class Lab:
    """One local AWS with what a test of a mapping needs: functions, streams, waiting."""

    plain = PLAIN

    def __init__(self, aws: LocalAws, folder: Path, state_dir: Path) -> None:
        self.aws = aws
        self._folder = folder
        self._state_dir = state_dir
        self.client = cache(self._client)

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.aws.endpoint,
            region_name=self.aws.region,
            aws_access_key_id=self.aws.access_key_id,
            aws_secret_access_key=self.aws.secret_access_key,
        )

    def wait_for(self, look: Callable[[], Found]) -> Found:
        """Return what `look` finds, as soon as it is true."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not (found := look()):
            assert time.monotonic() < deadline, f"still {found!r} after {WAIT_SECONDS_MAX} s"
            time.sleep(0.02)
        return found

    def mapping_log(self) -> str:
        """Return what the mapping's poller logged."""
        return (self._state_dir / "mapping.log").read_text()

    def out(self, name: str) -> Path:
        """Return the folder in which a function writes."""
        return self._folder / name

    def deploy(self, name: str, code: str = PLAIN, *, role: str = "r", timeout: int = 20) -> str:
        """Create a function of this code; return its ARN."""
        self.out(name).mkdir()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("f.py", RECORDER + code)
        created = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{role}",
            Handler="f.handler",
            Code={"ZipFile": packed.getvalue()},
            Timeout=timeout,
            Environment={"Variables": {"OUT": str(self.out(name))}},
        )
        return str(created["FunctionArn"])

    def stream(self, name: str, shards: int = 1) -> str:
        """Create a stream; return its ARN."""
        self.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
        return f"arn:aws:kinesis:{self.aws.region}:{ACCOUNT}:stream/{name}"

    def map(self, name: str, function: str | None = None, **settings: Any) -> str:
        """Map the stream to the function (of the same name); return the mapping's id."""
        created = self.client("lambda").create_event_source_mapping(
            EventSourceArn=f"arn:aws:kinesis:{self.aws.region}:{ACCOUNT}:stream/{name}",
            FunctionName=function or name,
            **{"StartingPosition": "TRIM_HORIZON", **settings},
        )
        return str(created["UUID"])

    def put(self, name: str, *data: str) -> None:
        """Put records, each under its data as the key."""
        records = [{"Data": one.encode(), "PartitionKey": one} for one in data]
        answer = self.client("kinesis").put_records(StreamName=name, Records=records)
        assert answer["FailedRecordCount"] == 0

    def invocations(self, name: str) -> list[dict[str, Any]]:
        """Return what a function wrote down of each of its invocations, oldest first."""
        return [json.loads(path.read_text()) for path in sorted(self.out(name).glob("*.json"))]

    def delivered(self, name: str) -> list[str]:
        """Return the data that a function got, in the order in which it got it."""
        return [one for invocation in self.invocations(name) for one in invocation["data"]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    state_dir = tmp_path_factory.mktemp("aws")
    pace = Pace(poll_seconds=0.05, minute_seconds=0.5)
    aws = supervisor.start(state_dir, pace=pace)
    yield Lab(aws, tmp_path_factory.mktemp("functions"), state_dir)
    supervisor.stop(state_dir)
    log = (state_dir / "mapping.log").read_text()
    assert "Traceback" not in log, log


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """A local AWS of the test's own, started with the given options."""

    def make(**options: Any) -> Lab:
        (tmp_path / "functions").mkdir()
        pace = Pace(poll_seconds=0.05, minute_seconds=0.5)
        aws = supervisor.start(tmp_path / "aws", pace=pace, **options)
        return Lab(aws, tmp_path / "functions", tmp_path / "aws")

    yield make
    supervisor.stop(tmp_path / "aws")

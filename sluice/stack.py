"""A stack as the command line knows it: its folder, what Pulumi put out, and clients for it."""

import json
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from infra.local import stream_broker, supervisor
from pipeline.environment import Environment, FunctionSettings, clients
from pipeline.errors import UserError
from pipeline.names import METRICS_NAMESPACE
from pipeline.sources.connections import Connection, connection_of

ROOT: Final = Path(__file__).resolve().parent.parent
PULUMI_SECONDS_MAX: Final = 60
LOCAL_KEYS: Final = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One deployed stack; `endpoint` is None on AWS itself."""

    name: str
    folder: Path
    outputs: dict[str, Any]
    endpoint: str | None
    minute_seconds: float = supervisor.Pace.minute_seconds
    """How long a minute of alarms and schedules takes here: less where time is compressed."""

    @property
    def prefix(self) -> str:
        """What the names of its resources begin with: its stream is called `<prefix>-events`."""
        return str(self.outputs["stream_name"]).removesuffix("-events")

    @property
    def pace(self) -> str:
        """How fast alarms and schedules go here, in words."""
        if self.minute_seconds == supervisor.Pace.minute_seconds:
            return "as on AWS"
        factor = supervisor.Pace.minute_seconds / self.minute_seconds
        return f"compressed {factor:g} times: a minute takes {self.minute_seconds:g} s"

    @property
    def where(self) -> dict[str, Any]:
        """Return what a boto3 client needs to reach this stack."""
        local = {"endpoint_url": self.endpoint, **LOCAL_KEYS} if self.endpoint else {}
        return {"region_name": self.outputs["region"], **local}

    @cached_property
    def environment(self) -> Environment:
        """Return the pipeline's own environment, as the functions of this stack have it."""
        settings = FunctionSettings(
            stream=self.outputs["stream_name"],
            ledger_table=self.outputs["ledger_table"],
            lake_bucket=self.outputs["lake_bucket"],
            window_seconds=self.outputs["settings"]["window_seconds"],
            run_seconds_max=self.outputs["settings"]["run_seconds_max"],
            metrics_namespace=METRICS_NAMESPACE,
        )
        return Environment(settings=settings, **clients(**self.where))

    @cached_property
    def connection(self) -> Connection:
        """Return how the stack's stream is reached."""
        return connection_of(self.outputs)

    @property
    def broker(self) -> Any | None:
        """Return the handle of a local stack's own broker; None where it does not run."""
        kind = self.connection.kind
        if self.endpoint is None or kind == "kinesis":
            return None
        return stream_broker.find(kind, self.folder)

    @property
    def loads(self) -> Path:
        """Return the folder of this stack's loads, one folder a load."""
        return self.folder / "loads"

    def last_load(self) -> Path:
        """Return the newest load's folder. Raises UserError when there was none."""
        found = sorted(self.loads.glob("*/load.json"), key=lambda p: p.stat().st_mtime)
        if not found:
            raise UserError(
                f"stack {self.name} has had no load, so there is no history to hold the lake "
                f"against; run: ./dev sluice load --stack {self.name}"
            )
        return found[-1].parent


def folder_of(home: Path, name: str) -> Path:
    """Return where a stack keeps its state, logs and loads."""
    return home / name


def is_local(home: Path, name: str) -> bool:
    """Return whether the stack was made by `sluice up`, on the embedded AWS."""
    return (folder_of(home, name) / "outputs.json").exists()


def find(home: Path, name: str) -> Stack:
    """Return the stack called `name`: a local one, else what Pulumi knows under that name.

    Raises UserError when it is neither, or is local and not running.
    """
    folder = folder_of(home, name)
    if not is_local(home, name):
        outputs = _pulumi_outputs(name)
        folder.mkdir(parents=True, exist_ok=True)
        return Stack(name=name, folder=folder, outputs=outputs, endpoint=None)
    running = supervisor.running(folder)
    if running is None:
        raise UserError(
            f"stack {name} is not running; start it with: ./dev sluice up --stack {name}"
        )
    outputs = json.loads((folder / "outputs.json").read_text(encoding="utf-8"))
    return Stack(
        name=name,
        folder=folder,
        outputs=outputs,
        endpoint=running.endpoint,
        minute_seconds=running.minute_seconds,
    )


def _pulumi_outputs(name: str) -> dict[str, Any]:
    """Return a Pulumi stack's outputs, by the CLI that made it."""
    hint = f"make a local one with: ./dev sluice up --stack {name}; or deploy it with: pulumi up"
    try:
        done = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--stack", name],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PULUMI_SECONDS_MAX,
        )
    except FileNotFoundError:
        raise UserError(f"there is no stack {name}; {hint}") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"pulumi did not answer in {PULUMI_SECONDS_MAX} s about {name}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise UserError(f"there is no stack {name} ({said[-1] if said else 'pulumi'}); {hint}")
    outputs: dict[str, Any] = json.loads(done.stdout)
    if "stream_name" not in outputs:
        raise UserError(f"stack {name} is not deployed; run: pulumi up --stack {name}")
    return outputs

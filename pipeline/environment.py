"""The one place that reads the environment: it gives a process its settings, clients and clock."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar

import boto3
from botocore.config import Config
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipeline import names
from pipeline.errors import UserError
from pipeline.scaling import Scaling
from pipeline.sources.connections import Connection
from pipeline.sources.credentials import with_credentials
from pipeline.sources.wanted_topic import WantedTopic
from pipeline.watcher.settings import Watched

CLIENT_CONFIG: Final = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=32,
)
"""Every call to AWS: bounded in time and in retries, far inside the shortest function time-out."""


class Variables(BaseModel):
    """What a process is told by its environment variables (`pipeline.names`, ENV_*)."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    who: ClassVar[str]

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Return the validated settings. Raises UserError that names each bad variable."""
        try:
            return cls.model_validate(dict(variables))
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise UserError(
                f"the {cls.who}'s environment is wrong: {wrong}; deploy it with the Pulumi program"
            ) from None


class FunctionSettings(Variables):
    """What a function is told."""

    who: ClassVar = "function"

    stream: str = Field(alias=names.ENV_STREAM, min_length=1)
    ledger_table: str = Field(alias=names.ENV_LEDGER_TABLE, min_length=3)
    lake_bucket: str = Field(alias=names.ENV_LAKE_BUCKET, min_length=3)
    window_seconds: int = Field(alias=names.ENV_WINDOW_SECONDS, ge=1)
    run_seconds_max: int = Field(alias=names.ENV_RUN_SECONDS_MAX, ge=1, le=900)
    metrics_namespace: str = Field(alias=names.ENV_METRICS_NAMESPACE, min_length=1)
    canary_seconds_max: int = Field(default=150, alias=names.ENV_CANARY_SECONDS_MAX, ge=1)
    """A canary this young is found in time: two minutes' ones, and half a minute to be taken in."""
    audit_seconds: int = Field(default=300, alias=names.ENV_AUDIT_SECONDS, ge=1)
    """How long a span of arrivals one audit covers: the auditor's own period."""
    audit_delay_seconds: int = Field(default=60, alias=names.ENV_AUDIT_DELAY_SECONDS, ge=0)
    """How long before now the span ends: what is in flight by then is not audited."""


def _from_text(value: object) -> object:
    """Return a connection's fields; a variable holds them as JSON. Raises ValueError."""
    return json.loads(value) if isinstance(value, str) else value


class WorkerSettings(Variables):
    """What the long-running worker is told; each has its meaning here.

    `run_seconds_max` bounds a take: half of it for work, the rest for its last calls, so that a
    take is surely over by then (`pipeline.ledger.settings`). `retention_seconds` may be less than
    the stream keeps its records, never more.
    """

    who: ClassVar = "worker"

    connection: Annotated[Connection, BeforeValidator(_from_text)] = Field(
        alias=names.ENV_CONNECTION
    )
    wanted_topic: Annotated[WantedTopic | None, BeforeValidator(_from_text)] = Field(
        default=None, alias=names.ENV_WANTED_TOPIC
    )
    """The Kafka topic that a worker makes before it reads; None: somebody else makes it."""
    ledger_table: str = Field(alias=names.ENV_LEDGER_TABLE, min_length=3)
    lake_bucket: str = Field(alias=names.ENV_LAKE_BUCKET, min_length=3)
    window_seconds: int = Field(default=300, alias=names.ENV_WINDOW_SECONDS, ge=1)
    retention_seconds: int = Field(default=86_400, alias=names.ENV_RETENTION_SECONDS, ge=1)
    run_seconds_max: int = Field(default=120, alias=names.ENV_RUN_SECONDS_MAX, ge=10, le=900)
    metrics_namespace: str = Field(
        default=names.METRICS_NAMESPACE, alias=names.ENV_METRICS_NAMESPACE, min_length=1
    )
    buffer_bytes: int = Field(default=64 << 20, alias=names.ENV_WORKER_BUFFER_BYTES, ge=1)
    """What all partitions together may hold that is fetched and not committed."""
    batch_bytes: int = Field(default=4 << 20, alias=names.ENV_WORKER_BATCH_BYTES, ge=1)
    batch_records: int = Field(default=10_000, alias=names.ENV_WORKER_BATCH_RECORDS, ge=1)
    batch_age_ms: int = Field(default=200, alias=names.ENV_WORKER_BATCH_AGE_MS, ge=0)
    """How long an event of an idle stream waits for others."""
    batch_age_ms_max: int = Field(default=2_000, alias=names.ENV_WORKER_BATCH_AGE_MS_MAX, ge=0)
    """How long a batch of a backlog waits until it is full."""
    threads: int = Field(default=4, alias=names.ENV_WORKER_THREADS, ge=1, le=64)
    grace_seconds: int = Field(default=25, alias=names.ENV_WORKER_GRACE_SECONDS, ge=0)
    """How long takes may go on at the end, and before a partition goes: under ECS's 30 seconds
    from SIGTERM to SIGKILL (ECS developer guide, "stopTimeout")."""
    http_host: str = Field(default="127.0.0.1", alias=names.ENV_WORKER_HTTP_HOST)
    http_port: int = Field(default=8080, alias=names.ENV_WORKER_HTTP_PORT, ge=0, le=65_535)
    sweep_seconds: int = Field(default=60, alias=names.ENV_WORKER_SWEEP_SECONDS, ge=1)
    report_seconds: int = Field(default=10, alias=names.ENV_WORKER_REPORT_SECONDS, ge=1)
    health_age_seconds_max: int = Field(default=300, alias=names.ENV_HEALTH_AGE_SECONDS_MAX, ge=1)
    broker_silence_seconds_max: int = Field(
        default=120, alias=names.ENV_BROKER_SILENCE_SECONDS_MAX, ge=1
    )


class WatcherSettings(WorkerSettings):
    """What the watcher of a topic is told: as a worker, and what it looks for."""

    who: ClassVar = "watcher"

    watched: Annotated[Watched, BeforeValidator(_from_text)] = Field(
        default=Watched(), alias=names.ENV_WATCH
    )
    watch_seconds: int = Field(default=60, alias=names.ENV_WATCH_SECONDS, ge=1)
    """How often it looks: alarms count by the minute."""
    canary_seconds_max: int = Field(default=150, alias=names.ENV_CANARY_SECONDS_MAX, ge=1)
    """As of `FunctionSettings`."""


Long = TypeVar("Long", bound=WorkerSettings)


def long_running_settings(kind: type[Long]) -> Long:
    """Return the settings of this long-running process. Raises UserError."""
    settings = kind.from_environment(os.environ)
    secret = os.environ.get(names.ENV_BROKER_CREDENTIALS)
    if secret is None:
        return settings
    connection = with_credentials(settings.connection, secret)
    return settings.model_copy(update={"connection": connection})


def wall_clock_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, kw_only=True)
class Environment:
    """All that touches the world, made once and handed down."""

    settings: FunctionSettings
    kinesis: Any
    dynamodb: Any
    s3: Any
    clock_ms: Callable[[], int] = field(default=wall_clock_ms)


def clients(*, config: Config = CLIENT_CONFIG, **where: Any) -> dict[str, Any]:
    """Return the pipeline's three boto3 clients; `where` is endpoint_url, region_name and keys."""
    session = boto3.session.Session()
    return {
        service: session.client(service, config=config, **where)
        for service in ("kinesis", "dynamodb", "s3")
    }


def function_settings() -> FunctionSettings:
    """Return the settings of this function's process. Raises UserError."""
    return FunctionSettings.from_environment(os.environ)


def scaling() -> Scaling:
    """Return what this function, the scaler, is told. Raises UserError."""
    try:
        told = Scaling.from_text(os.environ.get(names.ENV_SHARD_SCALING, ""))
        _ = told.entries
    except (ValueError, TypeError) as error:
        raise UserError(
            f"the scaler's environment is wrong: {names.ENV_SHARD_SCALING}: {error}; "
            "deploy it with the Pulumi program"
        ) from None
    return told


def client(service: str, *, config: Config = CLIENT_CONFIG) -> Any:
    """Return a client of a service that only one function calls."""
    return boto3.session.Session().client(service, config=config)  # type: ignore[call-overload]


@lru_cache(maxsize=1)
def function_environment() -> Environment:
    """Return the environment of this function, built on the first call of a cold start."""
    return Environment(settings=function_settings(), **clients())

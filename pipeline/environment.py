"""The one place that reads the environment: it gives a function its settings, clients and clock."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import boto3
from botocore.config import Config
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline import names
from pipeline.errors import UserError

CLIENT_CONFIG: Final = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=32,
)
"""Every call to AWS: bounded in time and in retries, far inside the shortest function time-out."""


class FunctionSettings(BaseModel):
    """What a function is told by its environment variables (`pipeline.names`, ENV_*)."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

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

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> "FunctionSettings":
        """Return the validated settings. Raises UserError that names each bad variable."""
        try:
            return cls.model_validate(dict(variables))
        except ValidationError as error:
            wrong = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
            raise UserError(
                f"the function's environment is wrong: {wrong}; deploy it with the Pulumi program"
            ) from None


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


def clients(**where: Any) -> dict[str, Any]:
    """Return the pipeline's three boto3 clients; `where` is endpoint_url, region_name and keys."""
    session = boto3.session.Session()
    return {
        service: session.client(service, config=CLIENT_CONFIG, **where)
        for service in ("kinesis", "dynamodb", "s3")
    }


@lru_cache(maxsize=1)
def function_environment() -> Environment:
    """Return the environment of this function, built on the first call of a cold start."""
    return Environment(settings=FunctionSettings.from_environment(os.environ), **clients())

"""What a stack decides about how records are processed."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from infra.rollout import Rollout


class ProcessingSettings(BaseModel):
    """The functions, and how the stream hands them records."""

    batch_size: int = Field(
        10_000, ge=1, le=10_000, description="Stream records a batch at most; 6 MB come first."
    )
    batch_window_seconds: int = Field(
        1,
        ge=1,
        le=300,
        description="How long a batch is gathered. At least 1: the gap check shares the shard's "
        "5 reads a second with the mapping (protocol.md, 2).",
    )
    starting_position: Literal["TRIM_HORIZON", "LATEST"] = Field(
        "TRIM_HORIZON",
        description="Where a new mapping starts; LATEST skips what came before it was ready.",
    )
    retry_attempts_max: int = Field(
        -1, ge=-1, le=10_000, description="Retries of a failed batch; -1 retries until it expires."
    )
    record_age_seconds_max: int = Field(
        -1, ge=-1, le=604_800, description="Age at which a record is set aside; -1 never does."
    )
    bisect_on_error: bool = Field(
        False,
        description="Whether Lambda splits a failed batch. The protocol isolates poison itself, "
        "and an outage would shred batches to single records.",
    )
    window_seconds: int = Field(
        300,
        ge=1,
        le=604_800,
        description="How long a copy of an event is recognised, by arrival time.",
    )
    architecture: Literal["arm64", "x86_64"] = Field(
        "arm64", description="Processor of the functions."
    )
    memory_mb: int = Field(
        1769, ge=512, le=10_240, description="Memory of a function; 1769 MB are one whole CPU."
    )
    run_seconds_max: int = Field(
        60, ge=60, le=900, description="How long one run of a function may take."
    )
    rollout: Rollout = Field(
        "all_at_once",
        description="How a new version comes to the callers: all_at_once; canary, a share of the "
        "invocations and then all; linear, as much more a step. By steps `sluice deploy` moves the "
        "alias, not the program, and any alarm that a release may cause moves it back.",
    )
    rollout_percent: int = Field(
        10, ge=1, le=99, description="The share of the invocations in a rollout's first step."
    )
    rollout_minutes: int = Field(
        5,
        ge=1,
        le=1_440,
        description="How long each step is watched, the last one too; alarms look at up to 4.",
    )
    package: Literal["aws", "host", "local"] = Field(
        "aws", description="What the functions are packaged for; the local stack says local."
    )
    package_file: Path | None = Field(
        None, description="A package that was built before; built when absent."
    )

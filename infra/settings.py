"""What a stack decides: every setting with its default, limits and meaning, checked before use."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import pulumi
from pulumi.runtime import config as pulumi_config
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from infra import setting_faults
from infra.alarm_rule import Objectives

SECONDS_PER_HOUR: Final = 3600
HOURS_PER_DAY: Final = 24
COMMIT_DAYS: Final = 40
"""How long the ledger keeps a commit (`pipeline.ledger.items`, `COMMIT_KEEP_MS`)."""

OBJECTIVES: Final = tuple(field.name for field in fields(Objectives))
"""The settings that the alarms are made from."""

SECRET_SETTINGS: Final = ("alarm_email", "page_email", "budget_email")
"""What is kept encrypted in the state, whether or not it was set with --secret."""

LOG_DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)
"""What CloudWatch Logs takes, and nothing else (its API, PutRetentionPolicy)."""


def _kept_days(days: int) -> int:
    if days not in LOG_DAYS:
        raise ValueError(f"CloudWatch Logs takes {', '.join(map(str, LOG_DAYS))}")
    return days


class Settings(BaseModel):
    """The settings of one stack, by the names under which `pulumi config set` takes them.

    Limits without a source are AWS's own for the property that the setting becomes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream_mode: Literal["provisioned", "on_demand"] = Field(
        "provisioned", description="Whether the stream has a fixed number of shards or grows."
    )
    shard_count: int = Field(
        1, ge=1, le=500, description="Shards of a provisioned stream; one takes 1 MB/s."
    )
    retention_hours: int = Field(
        24, ge=24, le=8760, description="How long the stream keeps records."
    )
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
    package: Literal["aws", "host", "local"] = Field(
        "aws", description="What the functions are packaged for; the local stack says local."
    )
    package_file: Path | None = Field(
        None, description="A package that was built before; built when absent."
    )
    backup_days: int = Field(
        35, ge=1, le=35, description="How far back the ledger can be restored."
    )
    noncurrent_days: int = Field(
        30, ge=1, le=3650, description="How long the lake keeps overwritten or deleted versions."
    )
    log_days: Annotated[int, AfterValidator(_kept_days)] = Field(
        30, description="How long the functions' logs are kept."
    )
    key_deletion_days: int = Field(
        30, ge=7, le=30, description="How long a deleted key can be called back."
    )
    retain_data: bool = Field(
        True, description="Whether stream, lake, ledger and key refuse to be destroyed."
    )
    destroy_data: bool = Field(
        False,
        description="Whether lake and ledger go with all that they hold. Data is destroyed only "
        "where retain_data is false as well.",
    )
    alarm_email: str | None = Field(
        None, pattern=r"^[^@\s]+@[^@\s]+$", description="Who is told of alarms, besides the topic."
    )
    page_email: str | None = Field(
        None,
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="Who is paged, once an incident, besides the pages topic.",
    )
    budget_usd: float | None = Field(
        None, gt=0, description="What the account may cost a month before somebody is told of it."
    )
    budget_email: str | None = Field(
        None, pattern=r"^[^@\s]+@[^@\s]+$", description="Who is told; else the alarms' topic."
    )
    oldest_event_age_seconds_max: int = Field(
        300,
        ge=1,
        le=86_400,
        description="Alarm: age of the oldest event not yet in the lake, seen from outside.",
    )
    iterator_age_seconds_max: int = Field(
        300, ge=1, le=86_400, description="Alarm: age of the records that the function gets."
    )
    canary_seconds_max: int = Field(
        180,
        ge=1,
        le=3_600,
        description="How old the newest canary in the lake may be, beyond the batch window.",
    )
    canary_minutes_max: int = Field(
        3,
        ge=1,
        le=60,
        description="Alarm: minutes with no such canary in the lake, beyond the batch window.",
    )
    retention_percent_max: float = Field(
        50, gt=0, le=90, description="Alarm: age of unread records, as a share of retention."
    )
    duration_percent_max: float = Field(
        80, gt=0, le=100, description="Alarm: the longest run, as a share of run_seconds_max."
    )
    quarantine_percent_max: float = Field(
        1.0, gt=0, le=100, description="Alarm: share of events that end in quarantine."
    )
    small_files_max: int = Field(
        1_000, ge=0, description="Alarm: files an hour from which on their average size counts."
    )
    file_bytes_min: int = Field(
        16_384, ge=1, description="Alarm: average size of an hour's files, where they are many."
    )
    quiet_minutes: int | None = Field(
        None,
        ge=1,
        le=1_440,
        description="Alarm: minutes with nothing but the canary; none for a stream that may rest.",
    )
    audit_minutes: int = Field(
        5,
        ge=0,
        le=60,
        description="How often the auditor holds the lake against the stream; 0 makes none.",
    )
    audit_delay_seconds: int = Field(
        60,
        ge=0,
        le=3_600,
        description="How long after its arrival a record is audited: what is in flight comes to "
        "rest first.",
    )
    runbooks_url: str = Field(
        "runbooks", min_length=1, description="Where runbooks are read; alarms link to them."
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse settings that contradict one another."""
        retention_seconds = self.retention_hours * SECONDS_PER_HOUR
        if self.stream_mode == "on_demand" and "shard_count" in self.model_fields_set:
            raise ValueError(
                "shard_count: an on-demand stream chooses its shards itself; "
                "remove shard_count or set stream_mode to provisioned"
            )
        if self.budget_usd is None and self.budget_email is not None:
            raise ValueError("budget_email: there is no budget to tell of; set budget_usd as well")
        if self.window_seconds > retention_seconds:
            raise ValueError(
                f"window_seconds: {self.window_seconds} is longer than the stream keeps records "
                f"({retention_seconds} s); raise retention_hours or lower window_seconds"
            )
        if self._late_reader_days + 1 > COMMIT_DAYS:
            raise ValueError(
                f"retention_hours: {self.retention_hours} is longer than the ledger keeps commits "
                f"({COMMIT_DAYS} days); a late reader would store copies again (protocol.md, T26)"
            )
        if self.record_age_seconds_max > retention_seconds:
            raise ValueError(
                f"record_age_seconds_max: {self.record_age_seconds_max} is longer than the stream "
                f"keeps records ({retention_seconds} s); set -1 for no limit"
            )
        if -1 < self.record_age_seconds_max < 60:
            raise ValueError(
                f"record_age_seconds_max: {self.record_age_seconds_max} is neither -1 nor at "
                "least 60 (Lambda API, CreateEventSourceMapping)"
            )
        if self.oldest_event_age_seconds_max < self.batch_window_seconds:
            raise ValueError(
                f"oldest_event_age_seconds_max: {self.oldest_event_age_seconds_max} is less than a "
                f"batch is gathered ({self.batch_window_seconds} s); raise it or lower "
                "batch_window_seconds"
            )
        if self.package_file is not None and not self.package_file.is_file():
            raise ValueError(f"package_file: there is no file {self.package_file}")
        return self

    @property
    def objectives(self) -> Objectives:
        """What the alarms hold the stack to."""
        return Objectives(**{field: getattr(self, field) for field in OBJECTIVES})

    @property
    def destroys_data(self) -> bool:
        """Whether both settings agree that data may go."""
        return self.destroy_data and not self.retain_data

    @property
    def budget_tells_topic(self) -> bool:
        """Whether there is a budget, and no address that it could tell."""
        return self.budget_usd is not None and self.budget_email is None

    @property
    def hidden_days(self) -> int:
        """How long staged bytes, ids and journal are kept, in days.

        Longer than the ledger's backup window, else a restored ledger names objects that are gone,
        and longer than window and retention together, else a stalled consumer starts without the
        ids it needs (protocol.md, T26, T30 and "keeping"); a day of margin on either.
        """
        return max(self.backup_days, self._late_reader_days) + 1

    @property
    def _late_reader_days(self) -> int:
        """How long after a commit, in whole days, a stalled consumer may need its ids."""
        hours = self.retention_hours + self.window_seconds / SECONDS_PER_HOUR
        return -int(-hours // HOURS_PER_DAY)


def load(project: str) -> Settings:
    """Return the settings that Pulumi holds for the project, keys of other namespaces left alone.

    Raises pulumi.RunError that names each wrong key and what is right.
    """
    held = {**pulumi_config.get_config_env(), **pulumi_config.CONFIG.get()}
    prefix = f"{project}:"
    own = {key.removeprefix(prefix): held[key] for key in held if key.startswith(prefix)}
    exposed = [
        key
        for key in own
        if key not in SECRET_SETTINGS and pulumi_config.is_config_secret(prefix + key)
    ]
    if exposed:
        raise pulumi.RunError(
            f"{', '.join(exposed)}: given as a secret, but it becomes a property that everybody "
            f"can read; set it without --secret (secret are {', '.join(SECRET_SETTINGS)})"
        )
    return parse(own)


def parse(values: Mapping[str, object]) -> Settings:
    """Return validated settings. Raises pulumi.RunError that names each wrong key."""
    unknown = [
        setting_faults.unknown(key, Settings.model_fields)
        for key in values
        if key not in Settings.model_fields
    ]
    if unknown:
        raise pulumi.RunError("; ".join(unknown))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise pulumi.RunError(setting_faults.told(error.errors())) from None

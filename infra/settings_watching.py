"""What a stack decides about its alarms, watchers and budget."""

from pydantic import BaseModel, Field


class WatchingSettings(BaseModel):
    """Who is told of what, and when."""

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

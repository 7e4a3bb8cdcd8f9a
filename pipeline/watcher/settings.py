"""What a watcher looks for besides the data: which brokers there should be; pure."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

URL: Final = r"^https?://[^\s/]+$"


class Watched(BaseModel):
    """What a stack's brokers should be; a field that is None is not known, and not asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brokers: int | None = Field(default=None, ge=1)
    """How many brokers there should be."""
    bookies: int | None = Field(default=None, ge=1)
    """How many bookies a Pulsar should have."""
    backlog_bytes_max: int | None = Field(default=None, ge=1)
    """Backlog quota of one partition, in bytes."""
    admin_url: str | None = Field(default=None, pattern=URL)
    """Where a Pulsar's admin API answers, without a path."""
    bookie_url: str | None = Field(default=None, pattern=URL)
    """Where the HTTP API of a bookie answers, without a path: any of them tells of all. Only they
    know which bookies live, which ledgers lack copies, and how full the disks are."""

    def to_json(self) -> str:
        """Return the value of `SLUICE_WATCH`."""
        return self.model_dump_json()

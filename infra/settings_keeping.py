"""What a stack decides about what it keeps, for how long, and what may be destroyed."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field

LOG_DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)
"""What CloudWatch Logs takes, and nothing else (its API, PutRetentionPolicy)."""


def _kept_days(days: int) -> int:
    if days not in LOG_DAYS:
        raise ValueError(f"CloudWatch Logs takes {', '.join(map(str, LOG_DAYS))}")
    return days


class KeepingSettings(BaseModel):
    """Backups, old versions, logs, and whether data may go."""

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

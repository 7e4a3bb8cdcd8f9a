"""Names that the program, the functions and the command line share; pure."""

from typing import Final

# Environment variables of the functions (read in `pipeline.environment` alone).
ENV_STREAM: Final = "SLUICE_STREAM"
ENV_LEDGER_TABLE: Final = "SLUICE_LEDGER_TABLE"
ENV_LAKE_BUCKET: Final = "SLUICE_LAKE_BUCKET"
ENV_WINDOW_SECONDS: Final = "SLUICE_WINDOW_SECONDS"
ENV_RUN_SECONDS_MAX: Final = "SLUICE_RUN_SECONDS_MAX"
ENV_METRICS_NAMESPACE: Final = "SLUICE_METRICS_NAMESPACE"
ENV_CANARY_SECONDS_MAX: Final = "SLUICE_CANARY_SECONDS_MAX"
ENV_AUDIT_SECONDS: Final = "SLUICE_AUDIT_SECONDS"
ENV_AUDIT_DELAY_SECONDS: Final = "SLUICE_AUDIT_DELAY_SECONDS"

# A further one of the scaler.
ENV_SHARD_SCALING: Final = "SLUICE_SHARD_SCALING"

# Further ones of the worker (`pipeline.environment.WorkerSettings`).
ENV_CONNECTION: Final = "SLUICE_CONNECTION"
ENV_BROKER_CREDENTIALS: Final = "SLUICE_BROKER_CREDENTIALS"
ENV_WANTED_TOPIC: Final = "SLUICE_WANTED_TOPIC"
ENV_RETENTION_SECONDS: Final = "SLUICE_RETENTION_SECONDS"
ENV_WORKER_BUFFER_BYTES: Final = "SLUICE_WORKER_BUFFER_BYTES"
ENV_WORKER_BATCH_BYTES: Final = "SLUICE_WORKER_BATCH_BYTES"
ENV_WORKER_BATCH_RECORDS: Final = "SLUICE_WORKER_BATCH_RECORDS"
ENV_WORKER_BATCH_AGE_MS: Final = "SLUICE_WORKER_BATCH_AGE_MS"
ENV_WORKER_BATCH_AGE_MS_MAX: Final = "SLUICE_WORKER_BATCH_AGE_MS_MAX"
ENV_WORKER_THREADS: Final = "SLUICE_WORKER_THREADS"
ENV_WORKER_GRACE_SECONDS: Final = "SLUICE_WORKER_GRACE_SECONDS"
ENV_WORKER_HTTP_HOST: Final = "SLUICE_WORKER_HTTP_HOST"
ENV_WORKER_HTTP_PORT: Final = "SLUICE_WORKER_HTTP_PORT"
ENV_WORKER_SWEEP_SECONDS: Final = "SLUICE_WORKER_SWEEP_SECONDS"
ENV_WORKER_REPORT_SECONDS: Final = "SLUICE_WORKER_REPORT_SECONDS"
ENV_HEALTH_AGE_SECONDS_MAX: Final = "SLUICE_HEALTH_AGE_SECONDS_MAX"
ENV_BROKER_SILENCE_SECONDS_MAX: Final = "SLUICE_BROKER_SILENCE_SECONDS_MAX"

# Further ones of a topic's watcher (`pipeline.environment.WatcherSettings`).
ENV_WATCH: Final = "SLUICE_WATCH"
ENV_WATCH_SECONDS: Final = "SLUICE_WATCH_SECONDS"

# Prefixes of the one lake bucket.
LAKE_PREFIX: Final = "lake/"
QUARANTINE_TABLE: Final = "quarantine"
CANARY_TABLE: Final = "canaries"
"""The pipeline's own events, one a minute: no figure about the user's events counts them."""
STAGING_PREFIX: Final = "staging/"
IDS_PREFIX: Final = "ids/"
JOURNAL_PREFIX: Final = "journal/"
ON_FAILURE_PREFIX: Final = "aws/lambda/"
"""Fixed by Lambda: where an S3 on-failure destination writes (facts.md, 5)."""

METRICS_NAMESPACE: Final = "Sluice"


def final_key(*, table: str, date: str, hour: int, shard: str, first: int) -> str:
    """Return the visible key of a table's file: `date` is YYYY-MM-DD and `hour` 0 to 23, UTC."""
    return f"{hour_prefix(table=table, date=date, hour=hour)}{shard}-{first}.parquet"


def hour_prefix(*, table: str, date: str, hour: int) -> str:
    """Return the prefix of a table's files of one hour, UTC."""
    return f"{LAKE_PREFIX}{table}/dt={date}/hour={hour:02d}/"


def staged_prefix(*, shard: str, first: int, token: str) -> str:
    """Return the hidden prefix of one attempt (protocol.md, 2)."""
    return f"{STAGING_PREFIX}{shard}/{first}-{token}/"


def ids_key(*, shard: str, first: int, token: str) -> str:
    """Return the key of the ids that a commit taught; never compacted, expires after the window."""
    return f"{IDS_PREFIX}{shard}/{first}-{token}.ids"


def journal_key(*, shard: str, first: int, token: str) -> str:
    """Return the key of a commit's journal entry, without `.json` or `.done`."""
    return f"{JOURNAL_PREFIX}{shard}/{first}-{token}"


REPLAY_KEY_PREFIX: Final = "sluice-replay:"
"""Opens the partition key of a record that `sluice replay` sends again: exempt from the quarantined
ids of the seen set, and from nothing else (protocol.md, T23)."""

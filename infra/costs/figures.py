"""Measured figures and stated assumptions that the formulas take: docs/cost.md tells where from."""

from typing import Final

from infra.costs.line import KB, MB

PARQUET_RATIO: Final = 0.0755
PARQUET_FILE_BYTES: Final = 10 * KB
ID_BYTES: Final = 20
"""An event as Parquet, as a share of its JSON; what a file adds; an id, as kept for copies
(`python -m tests.performance.bench_storage`)."""

BATCH_CPU_MS: Final = 65
EVENT_CPU_MS: Final = 0.0035
"""One whole CPU (docs/performance.md): a batch on a quiet machine takes 60 to 75 ms; 15.6 s of the
function's CPU over 110 batches and 2.4 million events leave 3.5 us an event beside them."""
WHOLE_CPU_MB: Final = 1_769
"""Lambda developer guide, "Configure Lambda function memory": less memory is less than a CPU."""

S3_CALL_MS: Final = 100
S3_CALLS_IN_A_ROW: Final = 5
QUICK_CALL_MS: Final = 10
QUICK_CALLS_IN_A_ROW: Final = 6
"""Assumed, for a laptop cannot tell: Amazon S3 user guide, "Best practices design patterns", speaks
of 100 to 200 ms to the first byte; DynamoDB and Kinesis answer in single-digit milliseconds. In a
row: stage, look for the mark, journal, publish, mark; head, look ahead, fence, commit, note."""
CALLS_MS: Final = S3_CALL_MS * S3_CALLS_IN_A_ROW + QUICK_CALL_MS * QUICK_CALLS_IN_A_ROW

PAYLOAD_BYTES: Final = 6 * MB * 3 // 4
"""Of records in one invocation: 6 MB once they are base64 (Lambda developer guide,
"services-kinesis-parameters")."""

WORKER_BATCH_BYTES: Final = 4 * MB
WORKER_BATCH_RECORDS: Final = 10_000
WORKER_SWEEP_SECONDS: Final = 60
"""A worker's defaults (`pipeline.environment.WorkerSettings`): a partition's batch ends when it is
full or so old; under a backlog it may grow older, so batches are counted rather too high."""

PUTS_A_FILE: Final = 2
PUTS_A_BATCH: Final = 3
GETS_A_BATCH: Final = 1
"""Each file is staged and published; ids, journal and mark are put once; the mark is looked for."""

HEAD_BYTES: Final = 814
COMMIT_BYTES: Final = 750
COMMIT_FILE_BYTES: Final = 420
JOURNAL_BYTES: Final = 2 * 950
"""Items of the ledger as stored, and the journal's two objects."""
HEAD_WRITES_A_BATCH: Final = 2
"""The fence, and the note that a commit is published; each is one head."""
TRANSACTION_FACTOR: Final = 2
"""A write in a transaction takes two units a KB (Amazon DynamoDB pricing)."""
READS_A_BATCH: Final = 1
WATCH_MS: Final = 1_000
"""A run of sweeper, probe or auditor, beside the events that it reads; assumed."""
LISTS_A_MINUTE: Final = 2
GETS_A_MINUTE: Final = 4
"""The probe looks for its canary in the newest files of the hour, and of the one before."""

METRICS_A_SCALING: Final = 3
"""The scaler reads bytes, records and its own changes, each a metric."""

LOG_BYTES_A_RUN: Final = 2 * KB
"""The metrics' line, and the platform's START, END and REPORT; assumed."""
VALUES_OF_A_DIMENSION: Final = 5
"""Reasons of quarantine, or airports, that occur in a month: a metric each; assumed."""

KEY_REQUESTS_AN_HOUR: Final = 12
KEY_CALLERS: Final = 20
"""A data key is reused for five minutes by stream, table and bucket alike (KMS developer guide,
"How Amazon DynamoDB uses AWS KMS"; Kinesis developer guide, "What is server-side encryption for
Kinesis Data Streams?"; Amazon S3 user guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket
Keys"). Five callers of four services; assumed."""

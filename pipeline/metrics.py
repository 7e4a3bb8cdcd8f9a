"""The catalogue of our metrics: what this project measures, in which unit, and who says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["Count", "Milliseconds", "Seconds", "Bytes", "Percent"]
Origin = Literal["takes", "probe", "auditor", "scaler", "producer", "worker", "watcher", "domain"]
"""Who emits a metric: the takes of stream processor, sweeper and worker, the probe (on a topic the
watcher, which is its probe), auditor, scaler, a producer's own process, the worker's loop, the
watcher of a topic, or the takes for a contract of the domain."""

STREAM_DIMENSION: Final = "Stream"
REASON_DIMENSION: Final = "Reason"

BY_STREAM: Final = (STREAM_DIMENSION,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of ours: its CloudWatch name and unit, what it means, who emits it.

    `dimensions` are the sets under which it is published; each set is a metric of its own in
    CloudWatch, which never adds them up (CloudWatch user guide, "Dimensions").
    """

    name: str
    unit: Unit
    meaning: str
    origin: Origin = "takes"
    dimensions: tuple[tuple[str, ...], ...] = (BY_STREAM,)


STORED: Final = Metric(name="EventsStored", unit="Count", meaning="Events committed to the lake.")
DUPLICATES: Final = Metric(
    name="DuplicatesDropped", unit="Count", meaning="Copies of events already committed."
)
QUARANTINED: Final = Metric(
    name="EventsQuarantined",
    unit="Count",
    meaning="Events committed to quarantine.",
    dimensions=(BY_STREAM, (STREAM_DIMENSION, REASON_DIMENSION)),
)
RECEIVED: Final = Metric(name="EventsReceived", unit="Count", meaning="Events in taken records.")
RECORDS: Final = Metric(name="RecordsTaken", unit="Count", meaning="Stream records committed.")
BATCH_MS: Final = Metric(
    name="BatchDuration",
    unit="Milliseconds",
    meaning="From the start of a run to its answer: a distribution over the runs.",
)
ARRIVAL_TO_QUERYABLE_MS: Final = Metric(
    name="ArrivalToQueryable",
    unit="Milliseconds",
    meaning="From a record's arrival at the stream to its rows' visible file: a distribution.",
)
FILES: Final = Metric(name="FilesPublished", unit="Count", meaning="Files made visible.")
BYTES: Final = Metric(name="BytesPublished", unit="Bytes", meaning="Bytes of the visible files.")
CONFLICTS: Final = Metric(
    name="CommitConflicts", unit="Count", meaning="Attempts that lost their shard's head."
)
COLD_STARTS: Final = Metric(
    name="ColdStarts", unit="Count", meaning="First runs of a process, its imports behind it."
)
LOST: Final = Metric(
    name="RangesLost", unit="Count", meaning="Gaps of the stream that nobody could fill any more."
)
MASKED: Final = Metric(
    name="RecordsMasked", unit="Count", meaning="Records quarantined unread: they kill the process."
)

OLDEST_MS: Final = Metric(
    name="OldestEventAge",
    unit="Milliseconds",
    meaning="Age of the oldest event not yet in the lake, seen from outside; 0 when all is in.",
    origin="probe",
)
CANARY_MS: Final = Metric(
    name="CanaryAge",
    unit="Milliseconds",
    meaning="Age of the newest canary found in the lake.",
    origin="probe",
)
CANARY_FOUND: Final = Metric(
    name="CanaryFound",
    unit="Count",
    meaning="1 when a canary of the last minutes was found in the lake, else no value.",
    origin="probe",
)

AUDITED: Final = Metric(
    name="AuditedEvents",
    unit="Count",
    meaning="Events of the stream that the auditor looked for in the lake.",
    origin="auditor",
)
AUDIT_LOST: Final = Metric(
    name="AuditLost",
    unit="Count",
    meaning="Audited events found neither in the lake nor in quarantine.",
    origin="auditor",
)
AUDIT_DUPLICATED: Final = Metric(
    name="AuditDuplicated",
    unit="Count",
    meaning="Audited events found more than once in the lake.",
    origin="auditor",
)
AUDIT_ALTERED: Final = Metric(
    name="AuditAltered",
    unit="Count",
    meaning="Audited events whose row differs from what was sent.",
    origin="auditor",
)
CONSERVATION_GAP: Final = Metric(
    name="ConservationGap",
    unit="Count",
    meaning="By how many events commits differ from what the stream accepted: 0 is right.",
    origin="auditor",
)

SHARDS: Final = Metric(
    name="ShardsOpen", unit="Count", meaning="Open shards of the stream.", origin="scaler"
)
SHARDS_WANTED: Final = Metric(
    name="ShardsWanted", unit="Count", meaning="Shards that it goes to.", origin="scaler"
)
SHARD_CHANGES: Final = Metric(
    name="ShardChanges", unit="Count", meaning="1 for a run that changed them.", origin="scaler"
)

PRODUCER_BUFFER: Final = Metric(
    name="ProducerBufferBytes",
    unit="Bytes",
    meaning="Bytes that wait in a producer's buffer.",
    origin="producer",
)
PRODUCER_THROTTLED: Final = Metric(
    name="ProducerThrottled",
    unit="Count",
    meaning="Records of a producer that a shard's limit refused, to be sent again.",
    origin="producer",
)
PRODUCER_REFUSED: Final = Metric(
    name="ProducerRefused",
    unit="Count",
    meaning="Events that a producer gave up: their caller was told.",
    origin="producer",
)
PRODUCER_HELD_BACK_MS: Final = Metric(
    name="ProducerHeldBack",
    unit="Milliseconds",
    meaning="Time for which a full buffer made callers wait.",
    origin="producer",
)

WORKER_LAG: Final = Metric(
    name="ConsumerLag",
    unit="Count",
    meaning="Records that the stream holds after what is committed, of a worker's partitions.",
    origin="worker",
)
WORKER_BUFFER: Final = Metric(
    name="WorkerBufferBytes",
    unit="Bytes",
    meaning="Fetched and not yet committed, in one worker.",
    origin="worker",
)
WORKER_HELD_MS: Final = Metric(
    name="OldestHeldAge",
    unit="Milliseconds",
    meaning="How long the oldest fetched record waits to be committed, in one worker.",
    origin="worker",
)

STREAM_LAG: Final = Metric(
    name="RecordsBehind",
    unit="Count",
    meaning="Records of all partitions after what is committed, whether or not a worker lives.",
    origin="watcher",
)
BROKERS_MISSING: Final = Metric(
    name="BrokersMissing",
    unit="Count",
    meaning="Brokers, and a Pulsar's bookies, that should be there and are not; all of them when "
    "none answers.",
    origin="watcher",
)
UNDER_REPLICATED: Final = Metric(
    name="UnderReplicated",
    unit="Count",
    meaning="Kafka: partitions of the topic with a replica out of sync or no leader; Pulsar: "
    "ledgers with fewer copies than asked for.",
    origin="watcher",
)
DISK_PERCENT: Final = Metric(
    name="BookieDiskUsed",
    unit="Percent",
    meaning="How full the fullest bookie's disks are, of a Pulsar.",
    origin="watcher",
)
BACKLOG_PERCENT: Final = Metric(
    name="BacklogOfQuota",
    unit="Percent",
    meaning="Backlog of a Pulsar topic's fullest partition, of its quota.",
    origin="watcher",
)

CERTIFICATE_DAYS: Final = Metric(
    name="CertificateDaysLeft",
    unit="Count",
    meaning="Days until the certificate of a Pulsar's brokers ends; 0 once it has.",
    origin="watcher",
)

CATALOGUE: Final = (
    RECEIVED,
    STORED,
    DUPLICATES,
    QUARANTINED,
    RECORDS,
    BATCH_MS,
    ARRIVAL_TO_QUERYABLE_MS,
    FILES,
    BYTES,
    CONFLICTS,
    COLD_STARTS,
    LOST,
    MASKED,
    OLDEST_MS,
    CANARY_MS,
    CANARY_FOUND,
    AUDITED,
    AUDIT_LOST,
    AUDIT_DUPLICATED,
    AUDIT_ALTERED,
    CONSERVATION_GAP,
    SHARDS,
    SHARDS_WANTED,
    SHARD_CHANGES,
    PRODUCER_BUFFER,
    PRODUCER_THROTTLED,
    PRODUCER_REFUSED,
    PRODUCER_HELD_BACK_MS,
    WORKER_LAG,
    WORKER_BUFFER,
    WORKER_HELD_MS,
    STREAM_LAG,
    BROKERS_MISSING,
    UNDER_REPLICATED,
    DISK_PERCENT,
    BACKLOG_PERCENT,
    CERTIFICATE_DAYS,
)
"""What this project measures whatever the domain; the domain adds its own beside its contracts."""


Value = float | Sequence[float]

VALUES_MAX: Final = 100
"""Of one metric in one line (CloudWatch user guide, "EMF specification")."""

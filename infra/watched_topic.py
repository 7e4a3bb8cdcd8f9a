"""What there is to watch of a topic and its brokers, by what a stack decides. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from infra.costs.line import GB
from infra.settings import BROKER_ZONES, Settings
from pipeline import metrics
from pipeline.metrics import Metric

OF_BROKERS: Final = (
    metrics.BROKERS_MISSING,
    metrics.UNDER_REPLICATED,
    metrics.DISK_PERCENT,
    metrics.BACKLOG_PERCENT,
    metrics.CERTIFICATE_DAYS,
)
"""What a watcher may tell of brokers, whatever they are."""
MS_PER_SECOND: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic as its watcher sees it; what is None is not known."""

    kind: Literal["kafka", "pulsar"]
    records_behind_max: int
    """What all workers that may come have as their share."""
    gathering_seconds: int
    """How long an event waits for others at a worker, a part of a second counted as one."""
    brokers: int | None
    bookies: int | None
    backlog_bytes_max: int | None
    """Of a partition's subscription."""
    brokers_tell: bool
    """Whether there are brokers to ask; a Pulsar's tell of their number and of the backlog."""
    bookies_tell: bool
    """Whether there are bookies to ask: of their number, of copies and disks."""
    certificate_ends: bool
    """Whether clients come by TLS, with a certificate that nobody renews by himself."""
    msk_brokers: int
    """Whose disks CloudWatch knows, by the numbers from 1 on."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What the watcher tells of the brokers."""
        on_kafka = self.kind == "kafka"
        counted = (
            self.brokers_tell and self.brokers is not None,
            self.bookies_tell and self.bookies is not None,
        )
        told = (
            any(counted),
            self.brokers_tell if on_kafka else self.bookies_tell,
            self.bookies_tell,
            self.brokers_tell and self.backlog_bytes_max is not None,
            self.certificate_ends,
        )
        return tuple(metric for metric, is_told in zip(OF_BROKERS, told, strict=True) if is_told)


def topic_of(settings: Settings) -> Topic:
    """Return what there is to watch of a stack's topic; the stack is not one on Kinesis."""
    on_kafka, own = settings.stream == "kafka", settings.pulsar_cluster == "own"
    return Topic(
        kind="kafka" if on_kafka else "pulsar",
        records_behind_max=settings.worker_lag_max * settings.workers_max,
        gathering_seconds=-(-settings.worker_batch_ms // MS_PER_SECOND),
        brokers=_brokers(settings),
        bookies=None if on_kafka else _bookies(settings),
        backlog_bytes_max=None if on_kafka else backlog_bytes_max(settings),
        brokers_tell=_brokers_tell(settings),
        bookies_tell=not on_kafka and (own or settings.pulsar_bookie_url is not None),
        certificate_ends=not on_kafka and (own or _by_tls(settings)),
        msk_brokers=_msk_brokers(settings),
    )


def backlog_bytes_max(settings: Settings) -> int | None:
    """Return the backlog quota of a Pulsar topic's partition, None where there is none."""
    limit = settings.pulsar_backlog_gb_max
    return None if limit is None else round(limit * GB)


def _brokers(settings: Settings) -> int | None:
    if settings.stream == "pulsar" and settings.pulsar_cluster == "own":
        return settings.pulsar_brokers
    if settings.stream == "kafka" and settings.kafka_cluster == "provisioned":
        return settings.kafka_brokers_per_zone * BROKER_ZONES
    return settings.broker_count


def _bookies(settings: Settings) -> int | None:
    if settings.pulsar_cluster == "own":
        return settings.pulsar_bookies_per_zone * BROKER_ZONES
    return settings.pulsar_bookie_count


def _brokers_tell(settings: Settings) -> bool:
    """Kafka's clients are told of every replica, but for MSK Serverless, which hides its own;
    Pulsar's by the admin API alone.
    """
    if settings.stream == "kafka":
        return settings.kafka_cluster != "serverless"
    return settings.pulsar_cluster == "own" or settings.pulsar_admin_url is not None


def _by_tls(settings: Settings) -> bool:
    return (settings.service_url or "").startswith("pulsar+ssl://")


def _msk_brokers(settings: Settings) -> int:
    provisioned = settings.stream == "kafka" and settings.kafka_cluster == "provisioned"
    return settings.kafka_brokers_per_zone * BROKER_ZONES if provisioned else 0

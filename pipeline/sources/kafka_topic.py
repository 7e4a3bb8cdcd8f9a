"""Whether a Kafka topic is set up so that every record can be accounted for; asked once, first."""

from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from pipeline.errors import UserError
from pipeline.sources.connections import KafkaConnection
from pipeline.sources.kafka_client import (
    ANSWER_SECONDS_MAX,
    Complaints,
    Token,
    client_settings,
    make,
    partitions_of,
    trouble_of,
)

CLOCK: Final = "message.timestamp.type"
CLEANUP: Final = "cleanup.policy"


def require_fit(
    connection: KafkaConnection,
    *,
    token: Token | None = None,
    seconds_max: float = ANSWER_SECONDS_MAX,
) -> None:
    """Refuse a topic whose clock is the producers' or whose messages are compacted away.

    Producers' clocks must not decide the dedupe window (protocol.md, T26), and what compaction
    takes away looks like the gaps of transactions (topic configuration in Kafka's documentation).
    Raises UserError with what to set, OperatingError when the broker does not say.
    """
    complaints = Complaints()
    admin = make(AdminClient, client_settings(connection, complaints, token=token))
    partitions_of(admin, connection, complaints, seconds_max=seconds_max)
    found = properties_of(admin, connection, complaints, seconds_max=seconds_max)
    if found[CLOCK] != "LogAppendTime":
        raise UserError(
            f"Kafka topic {connection.topic} has {CLOCK}={found[CLOCK]}: producers' clocks would"
            f" decide what is a copy; set {CLOCK}=LogAppendTime on the topic"
        )
    if "compact" in found[CLEANUP]:
        raise UserError(
            f"Kafka topic {connection.topic} has {CLEANUP}={found[CLEANUP]}: events that share a"
            f" key would vanish unseen; set {CLEANUP}=delete on the topic"
        )


def properties_of(
    admin: AdminClient,
    connection: KafkaConnection,
    complaints: Complaints,
    *,
    seconds_max: float = ANSWER_SECONDS_MAX,
) -> dict[str, str]:
    """Return the topic's properties, defaults included. Raises OperatingError."""
    resource = ConfigResource(ResourceType.TOPIC, connection.topic)
    asked = admin.describe_configs([resource], request_timeout=seconds_max)
    answer: Future[dict[str, Any]] = asked[resource]
    try:
        return {name: str(entry.value) for name, entry in answer.result(2 * seconds_max).items()}
    except TimeoutError as error:
        raise complaints.unreachable(connection, "no answer") from error
    except KafkaException as error:
        raise trouble_of(connection, error) from error

"""Makes a Kafka topic as it is wanted, where nothing else can: MSK Serverless has no API for it."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from pipeline.errors import OperatingError
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
from pipeline.sources.kafka_topic import properties_of
from pipeline.sources.wanted_topic import WantedTopic

MAKING_SECONDS_MAX: Final = 45.0
"""Within the minute in which nobody asks a worker how it is (`infra.task_service`, HEALTH)."""
PAUSE_SECONDS: Final = 0.5
"""Before the broker is asked again: it tells of a change a moment after it took it."""


def make_topic(
    connection: KafkaConnection,
    wanted: WantedTopic,
    *,
    token: Token | None = None,
    seconds_max: float = MAKING_SECONDS_MAX,
) -> None:
    """Make a topic, or give one what it lacks, and wait until the broker tells of it.

    Workers may do so at once, and at each start. Partitions never become fewer. Raises UserError
    for a connection that cannot work, OperatingError for what was in the way until the end.
    """
    maker = _Maker(connection, wanted, token=token)
    give_up = time.monotonic() + seconds_max
    while True:
        try:
            if maker.is_done():
                return
            trouble = OperatingError(
                f"Kafka topic {connection.topic} at {connection.bootstrap_servers} is not as wanted"
                f" within {seconds_max:g} s: see that nobody else sets its properties"
            )
        except OperatingError as error:
            trouble = error
        if time.monotonic() > give_up:
            raise trouble
        time.sleep(PAUSE_SECONDS)


class _Maker:
    """Takes one step after the other, each of which changes nothing where it was taken."""

    def __init__(
        self, connection: KafkaConnection, wanted: WantedTopic, *, token: Token | None
    ) -> None:
        self._connection, self._wanted = connection, wanted
        self._complaints = Complaints()
        self._admin = make(AdminClient, client_settings(connection, self._complaints, token=token))

    def is_done(self) -> bool:
        """Take the next step; return whether there was none. Raises OperatingError."""
        name, wanted = self._connection.topic, self._wanted
        within = {"request_timeout": ANSWER_SECONDS_MAX}
        self._answered(
            # How many copies there are, the cluster says.
            self._admin.create_topics(
                [NewTopic(name, wanted.partitions, config=dict(wanted.properties))], **within
            ),
            unless=KafkaError.TOPIC_ALREADY_EXISTS,
        )
        known = self._admin, self._connection, self._complaints
        if partitions_of(*known) < wanted.partitions:
            more = [NewPartitions(name, wanted.partitions)]
            # Another worker was first.
            unless = KafkaError.INVALID_PARTITIONS
            self._answered(self._admin.create_partitions(more, **within), unless=unless)
            return False
        has = properties_of(*known)
        lacks = {key: value for key, value in wanted.properties.items() if has.get(key) != value}
        if not lacks:
            return True
        changes = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in lacks.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=changes)
        self._answered(self._admin.incremental_alter_configs([resource], **within))
        return False

    def _answered(self, asked: Mapping[Any, Future[Any]], *, unless: int | None = None) -> None:
        """Wait for an answer; the error `unless` is as good as none. Raises OperatingError."""
        (answer,) = asked.values()
        try:
            answer.result(2 * ANSWER_SECONDS_MAX)
        except TimeoutError as error:
            raise self._complaints.unreachable(self._connection, "no answer") from error
        except KafkaException as error:
            code = error.args[0].code()
            if code < 0:  # the client's own: no broker said it
                raise self._complaints.unreachable(self._connection, str(error)) from error
            if code != unless:
                raise trouble_of(self._connection, error) from error

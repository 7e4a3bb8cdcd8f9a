"""A client for one Pulsar connection, and what its failures mean in one line."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pulsar

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError, UserError
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar_position import MessagePlace, pack

OPERATION_SECONDS: Final = 8
"""How long the broker may take for a lookup, a subscription or a close."""
CONNECT_MS: Final = 4_000

_REFUSED: Final = (
    pulsar.AuthenticationError,
    pulsar.AuthorizationError,
    pulsar.ErrorGettingAuthenticationData,
)
_MISSING: Final = (pulsar.TopicNotFound, pulsar.InvalidTopicName)
_UNREACHABLE: Final = (pulsar.Timeout, pulsar.ConnectError, pulsar.LookupError, pulsar.NotConnected)


def connect(connection: PulsarConnection) -> pulsar.Client:
    """Return a client of its own; it reaches the broker at its first use.

    Its native code logs errors to stderr by itself: a Python logger would be called from threads
    that Python did not start, which gevent (under Locust) does not survive.

    Raises:
        UserError: a file that the connection names is not there.
    """
    tls = connection.service_url.startswith("pulsar+ssl")
    for path in (connection.ca_file, connection.token_file):
        if path is not None and not path.is_file():
            raise UserError(f"{path} is not a file; the Pulsar connection names it")
    return pulsar.Client(
        connection.service_url,
        authentication=_authentication(connection.token_file),
        operation_timeout_seconds=OPERATION_SECONDS,
        connection_timeout_ms=CONNECT_MS,
        tls_trust_certs_file_path=str(connection.ca_file) if connection.ca_file else None,
        tls_validate_hostname=tls,
        stats_interval_in_seconds=0,
        logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, "/dev/stderr"),
    )


def _authentication(token_file: Path | None) -> pulsar.Authentication | None:
    if token_file is None:
        return None

    def token() -> str:
        # Called by native code, which an exception would end: no token is refused by the broker.
        with suppress(OSError):
            return token_file.read_text().strip()
        return ""

    return pulsar.AuthenticationToken(token)


def trouble(
    error: pulsar.PulsarException,
    connection: PulsarConnection,
    doing: str,
    *,
    shard: ShardId | None = None,
) -> OperatingError:
    """Return what a failure of the client means, where, and what a person can do about it."""
    where = f"cannot {doing} at {connection.service_url}"
    if isinstance(error, _REFUSED):
        what = _refused(error, connection)
    elif isinstance(error, _MISSING):
        what = f"there is no topic {connection.topic}; create it, with partitions"
    elif isinstance(error, _UNREACHABLE):
        what = f"no answer ({error}); {_why_silent(connection)}"
    elif isinstance(error, pulsar.IncompatibleSchema):
        what = (
            f"{connection.topic} has a schema in Pulsar's registry that its namespace enforces, and"
            " our records are bytes of their own; delete the schema, or use another topic"
        )
    else:
        what = str(error)
    return OperatingError(
        f"{where}: {what}", shard=shard, retryable=not isinstance(error, _MISSING)
    )


def silence(connection: PulsarConnection) -> OperatingError:
    """Return what it means that no broker has answered for long, and what to look at."""
    return OperatingError(
        f"no broker of {connection.service_url} is there; {_why_silent(connection)}"
    )


def _why_silent(connection: PulsarConnection) -> str:
    """Ask of all: the client hides a refused token and a wrong protocol behind its silence."""
    scheme = "TLS" if connection.service_url.startswith("pulsar+ssl") else "plain text"
    token = (
        f"is the token in {connection.token_file} still good"
        if connection.token_file is not None
        else "does it take clients without a token (token_file)"
    )
    return f"is it up, does it speak {scheme} on this port, {token}?"


def _refused(error: pulsar.PulsarException, connection: PulsarConnection) -> str:
    if isinstance(error, pulsar.AuthorizationError):
        return f"the role has no right to {connection.topic}; grant it produce or consume"
    if connection.token_file is None:
        return "it wants a token; name a token_file in the connection"
    return f"it refuses the token; put a valid one into {connection.token_file}"


def shard_of(connection: PulsarConnection, partition: int) -> ShardId:
    """Return the shard id of a partition."""
    return ShardId(f"{connection.name}-{partition}")


def partition_of(shard: ShardId) -> int:
    """Return the number of a shard's partition."""
    return int(shard.rpartition("-")[2])


def topic_of(connection: PulsarConnection, shard: ShardId) -> str:
    """Return the topic of one partition, as Pulsar names it."""
    return f"{connection.topic}-partition-{partition_of(shard)}"


def partitions(client: pulsar.Client, connection: PulsarConnection) -> tuple[ShardId, ...]:
    """Return the topic's partitions in order. Raises OperatingError."""
    try:
        topics = client.get_topic_partitions(connection.topic)
    except pulsar.PulsarException as error:
        raise trouble(error, connection, "look up the topic") from error
    if topics == [connection.topic]:
        raise OperatingError(
            f"{connection.topic} has no partitions; create it as a partitioned topic",
            retryable=False,
        )
    return tuple(shard_of(connection, number) for number in range(len(topics)))


def fewer(
    connection: PulsarConnection, shards: Sequence[ShardId], known: Iterable[ShardId]
) -> OperatingError | None:
    """Return what is wrong when partitions are gone, which Pulsar never takes away; else None."""
    gone = sorted(set(known) - set(shards))
    if not gone:
        return None
    return OperatingError(
        f"{connection.topic} has {len(shards)} partitions and had more ({', '.join(gone)}): another"
        " topic took its name; give that one another name",
        retryable=False,
    )


def leave(reader: pulsar.Reader | pulsar.Consumer) -> None:
    """Let a reader or consumer be closed when its caller drops it, as C++ does it by itself.

    Its own `close` waits for the broker, which may be why it is closed; and a callback that comes
    while `shutdown` holds Python's lock stops the whole process for ten seconds.
    """
    reader._client._consumers.remove(reader)  # noqa: SLF001 - the other holder


def place_of(message: pulsar.Message) -> MessagePlace:
    """Return where a message lies: a chunked one where its last chunk does."""
    message_id = message.message_id()
    return MessagePlace(message_id.ledger_id(), message_id.entry_id(), message_id.batch_index())


def message_id(shard: ShardId, place: MessagePlace) -> pulsar.MessageId:
    """Return the id of a place in a partition."""
    return pulsar.MessageId(partition_of(shard), place.ledger, place.entry, place.batch_index)


def record_of(message: pulsar.Message) -> Record:
    """Return a message as a record.

    It arrived when it was published, by its producer's clock: the client shows no time of the
    broker's. Producers keep their clocks in step, as the dedupe window asks (protocol.md, T26).
    """
    position: Position = pack(place_of(message))
    return Record(
        position=position,
        partition_key=message.partition_key(),
        arrival_ms=message.publish_timestamp(),
        data=message.data(),
    )

"""How a Kafka client is configured, and one line for whatever keeps it from its broker.

librdkafka tries again for ever and says why only to a callback: `Complaints` keeps what it said.
"""

import logging
import re
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from pipeline.core.records import ShardId
from pipeline.errors import OperatingError, UserError
from pipeline.sources.connections import KafkaConnection

ANSWER_SECONDS_MAX: Final = 10.0
"""How long a question to the broker may take, its connection included."""

TOKEN_RETRY_SECONDS: Final = 10.0
"""After how long a token that could not be renewed is asked for again."""

Token = Callable[[], tuple[str, float]]
"""Makes a token; returns it and when it expires, in seconds since the epoch."""

Client = TypeVar("Client", AdminClient, Consumer, Producer)

log = logging.getLogger("sluice.kafka")

_PREFIX: Final = re.compile(r"^(\[thrd:\S+\]: )?\S+/\S+: ")
_SUFFIX: Final = re.compile(r"(: probably due to broker version.*| \(after \d+ms in state .*)$")
_ELSE: Final = "see that the broker runs and that bootstrap_servers names its listener"
_HINTS: Final = (
    ("PLAINTEXT broker listener", "the broker speaks no TLS there: set security to plaintext"),
    ("SSL connection closed", "the broker may speak no TLS there: set security to plaintext"),
    ("SSL listener", "the broker may speak TLS there: set security to tls or iam"),
    ("ApiVersionRequest failed", _ELSE),
    ("state APIVERSION_QUERY", "the broker may speak TLS there: set security to tls or iam"),
    ("certificate", "set ca_file to the authority that signed the broker's certificate"),
    ("SASL", "the broker refused who we are: let the role do kafka-cluster:Connect, see its clock"),
    ("resolve", "set bootstrap_servers to a name that this machine can look up"),
)
_TELLING: Final = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})  # noqa: SLF001


class Complaints:
    """What a client last said about its connections; to be its `error_cb` and its `logger`."""

    def __init__(self) -> None:
        self.down = False
        """Whether no broker was to be reached, as far as the client has said."""
        self._last = ""

    def __call__(self, error: KafkaError) -> None:
        """Note an error."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self.down = True
            return
        self.down = self.down or error.code() in _TELLING
        self.note(error.str())

    def log(self, level: int, _: str, facility: str, client: str, text: str) -> None:
        """Pass errors on, and note why a connection failed: not all of it becomes an error."""
        if facility == "FAIL":
            self.note(text)
        elif level >= logging.ERROR:
            log.log(level, "%s: %s: %s", client, facility, text)

    def note(self, text: str) -> None:
        """Note why there is no answer."""
        self._last = text

    def answered(self) -> None:
        """Forget: the broker answered."""
        self.down, self._last = False, ""

    def unreachable(self, connection: KafkaConnection, otherwise: str) -> OperatingError:
        """Return the trouble in one line: where, why and what to do."""
        cause = self._last or otherwise
        hint = next((hint for mark, hint in _HINTS if mark in cause), _ELSE)
        cause = _SUFFIX.sub("", _PREFIX.sub("", cause))
        return OperatingError(
            f"cannot reach Kafka at {connection.bootstrap_servers}: {cause}; {hint}"
        )


def client_settings(
    connection: KafkaConnection, complaints: Complaints, *, token: Token | None = None
) -> dict[str, Any]:
    """Return what consumers and producers of a topic share, in librdkafka's words.

    `token` replaces MSK's own. Raises UserError for a connection that cannot work, OperatingError
    when there is no token to begin with.
    """
    settings: dict[str, Any] = {
        "bootstrap.servers": connection.bootstrap_servers,
        "client.id": "sluice",
        "error_cb": complaints,
        "logger": complaints,
        "log_level": 6,
        "socket.timeout.ms": round(ANSWER_SECONDS_MAX * 1_000),
        "socket.connection.setup.timeout.ms": round(ANSWER_SECONDS_MAX * 1_000),
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2_000,
        "allow.auto.create.topics": False,
    }
    if connection.security == "plaintext":
        return settings
    settings["security.protocol"] = "ssl"
    if connection.ca_file is not None:
        if not connection.ca_file.is_file():
            raise UserError(f"{connection.ca_file}: no such file; set ca_file to certificates")
        settings["ssl.ca.location"] = str(connection.ca_file)
    if connection.security == "iam":
        settings["security.protocol"] = "sasl_ssl"
        settings["sasl.mechanisms"] = "OAUTHBEARER"
        settings["oauth_cb"] = _Tokens(token or msk_token(connection), complaints)
    return settings


def make(kind: Callable[[dict[str, Any]], Client], settings: dict[str, Any]) -> Client:
    """Return a client of a kind. Raises UserError for settings that it refuses."""
    try:
        return kind(settings)
    except KafkaException as error:
        raise UserError(f"the Kafka client refuses its settings: {_text(error)}") from error


def msk_token(connection: KafkaConnection) -> Token:
    """Return what signs tokens for MSK by the process's own role.

    Amazon MSK developer guide, "Configure clients to use IAM access control". Raises UserError
    when no region is given.
    """
    region = connection.region
    if not region:
        raise UserError("security iam needs a region: set it to the region of the MSK cluster")

    def sign() -> tuple[str, float]:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

        token, expires_ms = MSKAuthTokenProvider.generate_auth_token(region)
        return token, expires_ms / 1_000

    return sign


class _Tokens:
    """Hands tokens to a client. librdkafka asks again when 80 % of a token's life is over.

    An error must not leave the callback: the client would crash on it. So the old token is handed
    out again, for a moment, and the broker's refusal tells the rest.
    """

    def __init__(self, token: Token, complaints: Complaints) -> None:
        self._token = token
        self._complaints = complaints
        try:
            self._last, self._expires = token()
        except Exception as error:
            raise OperatingError(f"cannot sign in to Kafka by IAM: {error}") from error

    def __call__(self, _: str) -> tuple[str, float]:
        try:
            self._last, self._expires = self._token()
        except Exception as error:
            self._complaints.note(f"SASL: no new token: {error}")
            return self._last, time.time() + TOKEN_RETRY_SECONDS
        return self._last, self._expires


def partitions_of(
    client: AdminClient | Consumer | Producer,
    connection: KafkaConnection,
    complaints: Complaints,
    *,
    seconds_max: float = ANSWER_SECONDS_MAX,
) -> int:
    """Ask the broker how many partitions the topic has. Raises OperatingError."""
    try:
        topic = client.list_topics(connection.topic, timeout=seconds_max).topics[connection.topic]
    except KafkaException as error:
        if not isinstance(client, Consumer) or not client.assignment():
            client.poll(0)  # what there is to say is said to `complaints` in a poll
        raise complaints.unreachable(connection, _text(error)) from error
    complaints.answered()
    if topic.error is not None:
        raise trouble_of(connection, topic.error)
    return len(topic.partitions)


def trouble_of(
    connection: KafkaConnection, error: KafkaException | KafkaError, *, shard: ShardId | None = None
) -> OperatingError:
    """Return the trouble that a client's error means."""
    where = f"{connection.topic} at {connection.bootstrap_servers}"
    code = error.args[0].code() if isinstance(error, KafkaException) else error.code()
    if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return OperatingError(f"there is no Kafka topic {where}: create it, or set topic to yours")
    if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return OperatingError(
            f"not allowed to use the Kafka topic {where}: let the role do"
            " kafka-cluster:DescribeTopic, ReadData and WriteData on it"
        )
    if code == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return OperatingError(
            f"not allowed to join the group {connection.group} of Kafka topic {where}: let the role"
            " do kafka-cluster:AlterGroup and DescribeGroup on it"
        )
    return OperatingError(f"Kafka topic {where}: {_text(error)}", shard=shard)


def _text(error: KafkaException | KafkaError) -> str:
    if isinstance(error, KafkaException):
        error = error.args[0]
    return error.str() if isinstance(error, KafkaError) else str(error)


def shard_of(topic: str, partition: int) -> ShardId:
    """Return the name of a partition in the ledger and in object keys."""
    return ShardId(f"{topic}-{partition}")


def partition_of(topic: str, shard: ShardId) -> int:
    """Return the number of a partition. Raises UserError for a shard of another stream."""
    prefix, _, number = shard.rpartition("-")
    if prefix != topic or not number.isdecimal():
        raise UserError(
            f"{shard} is no partition of the Kafka topic {topic}: give each topic its own ledger"
        )
    return int(number)

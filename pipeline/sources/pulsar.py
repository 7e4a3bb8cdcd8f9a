"""A partitioned Pulsar topic, read by position with readers that leave no trace in the broker."""

import time
from collections.abc import Callable, Iterable
from typing import Final

import pulsar

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.state import ShardInfo, Slice
from pipeline.sources import pulsar_client
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar_lag import LedgerEnds
from pipeline.sources.pulsar_position import MessagePlace, unpack

READ_BYTES_MAX: Final = 6 * 1024 * 1024
"""Bytes that one gap read may return, as for Kinesis."""

LOOKBACK_ENTRIES: Final = 32
"""How far before its position a read begins: a chunked message that lies after it may have begun
before it, between other messages, and only a reader that sees all of its chunks returns it."""

READ_SECONDS_MAX: Final = 20.0
MESSAGE_MS_MAX: Final = 3_000
"""How long a message may take that the broker says is there."""

QUEUE_MESSAGES: Final = 64


class PulsarSource:
    """A Pulsar topic, read by position; safe to share between threads.

    Delivery: at least once; what a batch did not hold is read again by position.
    Order: by ledger, entry and place in the batch, within a partition.
    Resume: after the committed message, from the partition's oldest without one.

    A partition loses whole ledgers, the oldest first. So the record at a position is still there,
    and all that follows it, while its ledger is: and a `PulsarSubscription` never acknowledges the
    committed record itself, so that the ledger of an idle partition stays, whatever the retention.
    """

    def __init__(
        self, connection: PulsarConnection, *, known: Callable[[], Iterable[ShardId]] = tuple
    ) -> None:
        """Make a client; it reaches the broker at the first call. Raises UserError.

        `known` says which partitions the ledger has heads of.
        """
        self._connection = connection
        self._known = known
        self._ends = LedgerEnds()
        self._client = pulsar_client.connect(connection)

    def close(self) -> None:
        """Close every connection at once."""
        self._client.shutdown()

    def shards(self) -> tuple[ShardInfo, ...]:
        """Return the topic's partitions. Raises OperatingError, also for fewer than are known."""
        found = pulsar_client.partitions(self._client, self._connection)
        if wrong := pulsar_client.fewer(self._connection, found, self._known()):
            raise wrong
        return tuple(ShardInfo(shard=shard) for shard in found)

    def read_after(
        self, shard: ShardId, *, after: Position | None, origin: Position | None, records_max: int
    ) -> Slice:
        """Return up to so many records after a position, or from the origin when it is None.

        Raises OperatingError, also for a partition that was replaced: it holds only what lies
        before the position, and older ledgers do not outlive a newer one.
        """
        try:
            found = self._read(shard, after, origin, records_max)
            if after is not None and not found.held and not found.records:
                self._refuse_replaced(shard, after)
        except pulsar.PulsarException as error:
            raise pulsar_client.trouble(
                error, self._connection, "read the stream", shard=shard
            ) from error
        return found

    def holds(self, shard: ShardId, position: Position) -> bool:
        """Return whether all that follows a position is still there. Raises OperatingError."""
        return self.read_after(shard, after=position, origin=None, records_max=1).held

    def lag(
        self, shard: ShardId, *, after: Position | None, newest: MessagePlace | None = None
    ) -> int:
        """Return how many entries follow a position, all of them None; at least so many over very
        many ledgers.

        `newest` is where the newest message lies, by whoever knows. Raises OperatingError.
        """

        def first_at(place: MessagePlace) -> MessagePlace | None:
            return self._first_from(shard, pulsar_client.message_id(shard, place))

        try:
            # To a reader that starts at the latest message, inclusive, that one is available.
            newest = newest or self._first_from(shard, pulsar.MessageId.latest)
            start = unpack(after) if after is not None else self._before_oldest(shard)
            if newest is None or start is None:
                return 0
            return self._ends.lag(shard, start, newest, first_at)
        except pulsar.PulsarException as error:
            raise pulsar_client.trouble(
                error, self._connection, "count the lag", shard=shard
            ) from error

    def _first_from(self, shard: ShardId, start: pulsar.MessageId) -> MessagePlace | None:
        """Return where the first message from a place on lies, None where there is none."""
        reader = open_reader_at(self._client, self._connection, shard, start, 1)
        try:
            if not reader.has_message_available():
                return None
            message = self._next(reader, time.monotonic() + READ_SECONDS_MAX)
            return None if message is None else pulsar_client.place_of(message)
        finally:
            pulsar_client.leave(reader)

    def _before_oldest(self, shard: ShardId) -> MessagePlace | None:
        """Return the place before a partition's oldest message, None where there is none."""
        oldest = self._first_from(shard, pulsar.MessageId.earliest)
        return None if oldest is None else MessagePlace(oldest.ledger, oldest.entry - 1)

    def on_failure(
        self,
        shard: ShardId,  # noqa: ARG002
        *,
        after: Position | None,  # noqa: ARG002
        before: Position,  # noqa: ARG002
    ) -> tuple[tuple[Record, ...], ...]:
        """Return nothing: no message is discarded on the way to a worker."""
        return ()

    def _read(
        self, shard: ShardId, after: Position | None, origin: Position | None, records_max: int
    ) -> Slice:
        start = after if after is not None else origin
        first = None if start is None else start + (after is not None)
        ledger = None if after is None else unpack(after).ledger
        found: list[Record] = []
        held = at_tip = False
        size = 0
        deadline = time.monotonic() + READ_SECONDS_MAX
        reader = open_reader(self._client, self._connection, shard, start, QUEUE_MESSAGES)
        try:
            while len(found) < records_max and size < READ_BYTES_MAX:
                if not reader.has_message_available():
                    at_tip = True
                    break
                message = self._next(reader, deadline)
                if message is None:
                    break
                record = pulsar_client.record_of(message)
                held = held or unpack(record.position).ledger == ledger
                if first is None or record.position >= first:
                    found.append(record)
                    size += len(record.data)
        finally:
            pulsar_client.leave(reader)
        if not found and not at_tip:
            raise OperatingError(
                "the broker gives neither the message that it holds nor the partition's tip",
                shard=shard,
            )
        return Slice(records=tuple(found), at_tip=at_tip, held=held)

    @staticmethod
    def _next(reader: pulsar.Reader, deadline: float) -> pulsar.Message | None:
        """Return the next message, None when it does not come in time.

        So it is with a chunked message whose producer died before its last chunk.
        """
        if time.monotonic() > deadline:
            return None
        try:
            return reader.read_next(MESSAGE_MS_MAX)
        except pulsar.Timeout:
            return None

    def _refuse_replaced(self, shard: ShardId, after: Position) -> None:
        oldest = self._read(shard, None, None, 1).records
        if oldest and oldest[0].position <= after:
            raise OperatingError(
                f"{self._connection.topic} holds only messages from before the committed one: the"
                " topic was replaced; give the new topic another name",
                shard=shard,
                position=after,
                retryable=False,
            )


def open_reader(
    client: pulsar.Client,
    connection: PulsarConnection,
    shard: ShardId,
    start: Position | None,
    queue_messages: int,
) -> pulsar.Reader:
    """Return a reader that begins a little before a position, or at the oldest message."""
    first = pulsar.MessageId.earliest
    if start is not None:
        ledger, entry, _ = unpack(start)
        before = MessagePlace(ledger, max(0, entry - LOOKBACK_ENTRIES))
        first = pulsar_client.message_id(shard, before)
    return open_reader_at(client, connection, shard, first, queue_messages)


def open_reader_at(
    client: pulsar.Client,
    connection: PulsarConnection,
    shard: ShardId,
    first: pulsar.MessageId,
    queue_messages: int,
) -> pulsar.Reader:
    """Return a reader that begins exactly with a message, or with the next one that is there."""
    return client.create_reader(
        pulsar_client.topic_of(connection, shard),
        first,
        receiver_queue_size=queue_messages,
        start_message_id_inclusive=True,
    )

"""One partition of a Pulsar subscription: a consumer that claims it, a reader that reads it."""

from collections import deque
from typing import Final

import pulsar

from pipeline.core.records import Position, Record, ShardId
from pipeline.sources import pulsar_client
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar import open_reader
from pipeline.sources.pulsar_lease import LEASE_SECONDS, Lease
from pipeline.sources.pulsar_position import MessagePlace, unpack

QUEUE_MESSAGES: Final = 64
"""What the client fetches ahead: a few MiB of our own aggregates."""

REJOIN_SECONDS: Final = 15.0
"""How long a partition may be without a connection before it is joined anew."""

POLL_BYTES_MAX: Final = 4 * 1024 * 1024
POLL_RECORDS_MAX: Final = 10_000
"""Records without a byte would come and come within one poll."""


class PulsarPartition:
    """Where one partition stands in this worker; belongs to the polling thread but for `settle`.

    The claim is a consumer of the Failover subscription: it says whose the partition is and holds
    the acknowledged position. The records come by a reader, which begins wherever the ledger says
    and neither sees nor moves the subscription's cursor: nobody who resets that makes us skip.
    """

    def __init__(
        self, client: pulsar.Client, connection: PulsarConnection, shard: ShardId, worker: str
    ) -> None:
        """Join the subscription. Raises PulsarException."""
        self.shard = shard
        self.lease = Lease()
        self.assigned = False
        self.paused = False
        self.last: Position | None = None
        self.failed_at: float | None = None
        self.fetched: deque[Record] = deque()
        self._fetched_bytes = 0
        self._after: Position | None = None
        self._looked_at = 0.0
        self._connected_at: float | None = None
        self._busy = False
        self._reader: pulsar.Reader | None = None
        self._client = client
        self._connection = connection
        self._claim = client.subscribe(
            pulsar_client.topic_of(connection, shard),
            connection.subscription,
            consumer_type=pulsar.ConsumerType.Failover,
            consumer_name=worker,
            initial_position=pulsar.InitialPosition.Earliest,
            receiver_queue_size=1,
        )

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return bool(self._claim.is_connected())

    def is_given_up(self, now: float) -> bool:
        """Return whether the client has been without a connection for so long that it may not try.

        It tries no more where it was told that a right or the topic is missing. That nobody looked
        for long, because the listener took its time, says nothing about the connection.
        """
        if self._connected_at is None or self.connected:
            self._connected_at = now
        return now - self._connected_at > REJOIN_SECONDS

    def leave(self) -> None:
        """Give the partition up, without waiting for the broker."""
        self.end()
        pulsar_client.leave(self._claim)

    def begin(self, after: Position | None) -> None:
        """Read on after a position, from the oldest record without one; forget what was fetched.

        The record at the position comes once more, if it is still there.
        """
        self.assigned = True
        self._after = after
        self._forget()

    def end(self) -> None:
        """Read no more of it."""
        self.assigned = self.paused = False
        self._forget()

    def _forget(self) -> None:
        reader, self._reader = self._reader, None
        self.fetched.clear()
        self._fetched_bytes = 0
        self.last = None
        if reader is not None:
            pulsar_client.leave(reader)

    def look(self, now: float) -> None:
        """Look whether the broker handed us a message, and ask for one when it is time.

        Asking rewinds the claim to what is not acknowledged, of which there is always something: we
        never acknowledge the committed record itself. What lies in the claim's queue by then was
        handed over long ago and is no answer. A consumer that the broker gives nothing to asks in
        vain, and disturbs nobody.
        """
        looked_at, self._looked_at = self._looked_at, now
        if not self.connected:
            self.lease.asked_at = None
            return
        self._connected_at = now
        fresh = now - looked_at < LEASE_SECONDS and not self.assigned
        if (fresh or self.lease.asked_at is not None) and self._take_token():
            self._busy = False
            self.lease.renew(now)
        elif self.lease.is_due(now, busy=self._busy or bool(self.fetched)):
            self._take_token()
            self._claim.redeliver_unacknowledged_messages()
            self.lease.ask(now)

    def _take_token(self) -> bool:
        try:
            self._claim.receive(timeout_millis=0)
        except pulsar.Timeout:
            return False
        return True

    def fetch(self) -> None:
        """Take over what the reader has, up to one poll's worth. Raises PulsarException."""
        try:
            if self._reader is None:
                read_to = self.fetched[-1].position if self.fetched else self._after
                self._reader = open_reader(
                    self._client, self._connection, self.shard, read_to, QUEUE_MESSAGES
                )
            while self._fetched_bytes < POLL_BYTES_MAX and len(self.fetched) < POLL_RECORDS_MAX:
                self._take_in(self._reader.read_next(timeout_millis=0))
        except pulsar.Timeout:
            return
        except pulsar.PulsarException:
            reader, self._reader = self._reader, None
            if reader is not None:
                pulsar_client.leave(reader)
            raise

    def _take_in(self, message: pulsar.Message) -> None:
        """Keep a message that follows; a reader begins before its position, or anew."""
        record = pulsar_client.record_of(message)
        last = self.fetched[-1].position if self.fetched else self.last
        if (last is None or record.position > last) and (
            self._after is None or record.position >= self._after
        ):
            self.fetched.append(record)
            self._fetched_bytes += len(record.data)

    def crosses_ledgers(self) -> bool:
        """Return whether a ledger may lie unseen between what was returned and what was fetched."""
        if self.last is None or not self.fetched:
            return False
        return unpack(self.last).ledger != unpack(self.fetched[0].position).ledger

    def hand_on(self) -> tuple[Record, ...]:
        """Return what was fetched, up to the end of its first ledger."""
        ledger = unpack(self.fetched[0].position).ledger
        records = []
        while self.fetched and unpack(self.fetched[0].position).ledger == ledger:
            records.append(self.fetched.popleft())
            self._fetched_bytes -= len(records[-1].data)
        self._after = self.last = records[-1].position
        self._busy = True
        return tuple(records)

    def settle(self, committed: Position) -> None:
        """Acknowledge everything before the committed record, as far as that is in its ledger.

        So the ledger of the committed record stays, and shows that nothing after it is gone.
        """
        place = unpack(committed)
        if place.entry > 0:
            before = MessagePlace(place.ledger, place.entry - 1)
            self._claim.acknowledge_cumulative(pulsar_client.message_id(self.shard, before))

    def newest(self) -> MessagePlace | None:
        """Return where the newest message lies, None for none. Raises PulsarException."""
        found = self._claim.get_last_message_id()
        if found.entry_id() < 0:
            return None
        return MessagePlace(found.ledger_id(), found.entry_id(), found.batch_index())

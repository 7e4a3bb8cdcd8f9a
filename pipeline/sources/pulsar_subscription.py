"""A worker's part in a Pulsar topic: a Failover subscription, partition by partition."""

import secrets
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

import pulsar

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.sources import pulsar_client
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.pulsar import PulsarSource
from pipeline.sources.pulsar_partition import PulsarPartition
from pipeline.sources.subscription import Listener
from pipeline.sources.troubles import Troubles

LOOKUP_SECONDS: Final = 10.0
"""How often the topic is asked for its partitions: so late is an added one found."""

SILENCE_SECONDS_MAX: Final = 3.0
"""How long no partition's broker may be there before a poll says so."""

RETRY_SECONDS: Final = 1.0
STEP_SECONDS: Final = 0.005


class PulsarSubscription:
    """A worker's part in a Pulsar topic. All but `settle` and `lag` belong to the polling thread.

    Delivery: at least once; the record at the position that an assignment or a seek names comes
    first, as long as it is there, and no later one is skipped.
    Order: by ledger, entry and place in the batch, within a partition.
    Resume: after the position that the listener names; of the broker's cursor nothing is asked.
    A chunked message of another producer comes whole if it began within
    `pulsar.LOOKBACK_ENTRIES` of the position, in its ledger, and as long as no more than ten are
    under way at once (the client's own limit); our producers' records need no chunks.
    """

    def __init__(
        self, connection: PulsarConnection, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Make a client; it reaches the broker at the first poll. Raises UserError."""
        self._connection = connection
        self._clock = clock
        self._client = pulsar_client.connect(connection)
        self._source = PulsarSource(connection)
        self._worker = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._partitions: dict[ShardId, PulsarPartition] = {}
        self._looked_up_at: float | None = None
        self._connected_at = clock()
        self._troubles = Troubles(clock())

    def poll(
        self, listener: Listener, /, *, seconds_max: float
    ) -> Mapping[ShardId, tuple[Record, ...]]:
        """Return what came in, with no wait for more. Raises OperatingError."""
        self._troubles.tell_in_time(self._clock())
        deadline = self._clock() + seconds_max
        self._drop_partitions(listener)
        self._find_partitions()
        while True:
            self._hear(listener)
            fetched = [self._fetch(part) for part in self._reading()]
            if found := self._hand_on(listener):
                return found
            if not all(fetched):
                self._troubles.tell(self._clock())
            left = deadline - self._clock()
            if left <= 0:
                return {}
            time.sleep(min(STEP_SECONDS, left))

    def _find_partitions(self) -> None:
        """Join the partitions that are new; notice that no broker is there any more."""
        now = self._clock()
        if any(part.connected for part in self._partitions.values()):
            self._connected_at = now
        silent = bool(self._partitions) and now - self._connected_at > SILENCE_SECONDS_MAX
        if self._looked_up_at is not None and now - self._looked_up_at < LOOKUP_SECONDS:
            if silent:
                raise pulsar_client.silence(self._connection)
            return
        shards = pulsar_client.partitions(self._client, self._connection)
        if wrong := pulsar_client.fewer(self._connection, shards, self._partitions):
            raise wrong
        for shard in shards:
            if shard not in self._partitions:
                self._join(shard)
        self._looked_up_at = self._clock()

    def _drop_partitions(self, listener: Listener) -> None:
        """Leave partitions that the client gave up, to join them anew or be told the reason."""
        now = self._clock()
        for part in [p for p in self._partitions.values() if p.is_given_up(now)]:
            if part.assigned:
                self._revoke(listener, [part])
            part.leave()
            del self._partitions[part.shard]
            self._looked_up_at = None

    def _join(self, shard: ShardId) -> None:
        try:
            part = PulsarPartition(self._client, self._connection, shard, self._worker)
        except pulsar.PulsarException as error:
            raise self._trouble(error, "join the subscription", shard) from error
        self._partitions[shard] = part
        self._connected_at = self._clock()

    def _hear(self, listener: Listener) -> None:
        """Find out whose the partitions are, and tell."""
        now = self._clock()
        for part in self._partitions.values():
            try:
                part.look(now)
            except pulsar.PulsarException as error:
                raise self._trouble(error, "claim the partition", part.shard) from error
        lost = [part for part in self._partitions.values() if part.lease.is_lost(now)]
        self._revoke(listener, [part for part in lost if part.assigned])
        for part in lost:
            part.lease.drop()
        came = [p for p in self._partitions.values() if not p.assigned and p.lease.is_valid(now)]
        self._assign(listener, came)

    def _revoke(self, listener: Listener, parts: list[PulsarPartition]) -> None:
        if parts:
            listener.revoked(tuple(part.shard for part in parts))
        for part in parts:
            part.end()
            part.lease.drop()
            self._troubles.forget(part.shard)

    def _assign(self, listener: Listener, parts: list[PulsarPartition]) -> None:
        if parts:
            after = listener.assigned(tuple(part.shard for part in parts))
            for part in parts:
                part.begin(after[part.shard])

    def _reading(self) -> list[PulsarPartition]:
        return [p for p in self._partitions.values() if p.assigned and not p.paused]

    def _fetch(self, part: PulsarPartition) -> bool:
        """Fetch, and keep one partition's trouble from the others; return whether there is none."""
        now = self._clock()
        if part.failed_at is not None and now - part.failed_at < RETRY_SECONDS:
            return True
        try:
            part.fetch()
        except pulsar.PulsarException as error:
            part.failed_at = now
            self._troubles.note(part.shard, self._trouble(error, "read the stream", part.shard))
            return False
        part.failed_at = None
        self._troubles.forget(part.shard)
        return True

    def _hand_on(self, listener: Listener) -> dict[ShardId, tuple[Record, ...]]:
        """Return what was fetched of partitions that are surely ours, with no ledger left out."""
        now = self._clock()
        ready = [p for p in self._reading() if p.fetched and p.lease.is_valid(now)]
        jumped = [
            part
            for part in ready
            if part.last is not None
            and part.crosses_ledgers()
            and not self._source.holds(part.shard, part.last)
        ]
        self._revoke(listener, jumped)
        return {part.shard: part.hand_on() for part in ready if part.assigned}

    def seek(self, shard: ShardId, /, *, after: Position | None) -> None:
        """Go on after a position, once the broker has confirmed that the partition is ours.

        Nothing is asked of it here: a seek mostly follows trouble.
        """
        part = self._partitions[shard]
        part.begin(after)
        part.lease.drop()

    def pause(self, shard: ShardId, /) -> None:
        """Fetch nothing more of a partition; the client holds its queue's worth."""
        self._partitions[shard].paused = True

    def resume(self, shard: ShardId, /) -> None:
        """Fetch again, right after the last record that a poll returned."""
        self._partitions[shard].paused = False

    def settle(self, shard: ShardId, /, *, committed: Position) -> None:
        """Acknowledge what lies before the committed record. Raises OperatingError."""
        part = self._partitions.get(shard)
        if part is None:  # given up meanwhile: the broker hands it out again, and loses nothing
            return
        try:
            part.settle(committed)
        except pulsar.PulsarException as error:
            raise self._trouble(error, "acknowledge", shard) from error

    def lag(self, shard: ShardId, /, *, after: Position | None) -> int | None:
        """Return how many entries follow a position; None where nothing was committed yet.

        An entry is a record, but for chunks and other producers' batches. Raises OperatingError.
        """
        part = self._partitions.get(shard)
        if part is None:
            return None
        try:
            newest = part.newest()
        except pulsar.PulsarException as error:
            raise self._trouble(error, "ask for the newest message", shard) from error
        if newest is None:
            return 0
        return None if after is None else self._source.lag(shard, after=after, newest=newest)

    def close(self) -> None:
        """Leave at once: the broker sees the connections close."""
        self._source.close()
        self._client.shutdown()

    def _trouble(self, error: pulsar.PulsarException, doing: str, shard: ShardId) -> OperatingError:
        return pulsar_client.trouble(error, self._connection, doing, shard=shard)

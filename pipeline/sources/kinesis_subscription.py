"""A worker's part in a Kinesis stream: shards by lease, each read by GetRecords in a thread."""

import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.core.records import Position, Record, ShardId
from pipeline.errors import OperatingError
from pipeline.ledger.dynamodb import DynamoLedger
from pipeline.sources.kinesis_leases import Lease, LeaseTable, fair_share
from pipeline.sources.kinesis_reader import Read, ShardReader
from pipeline.sources.subscription import Listener
from pipeline.sources.troubles import Troubles

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient

BEAT_SECONDS: Final = 2.0
"""How often a worker shows that it lives and looks for its share: five times in a lease's life."""
READS_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A shard as the stream lists it; an ended one takes no more records."""

    parents: tuple[ShardId, ...]
    ended: bool


class KinesisSubscription:
    """The shards that this worker has leased.

    Delivery: at least once, by position, as any reader of the stream gets it.
    Order: by sequence number within a shard; a child is read once its parents were to their end,
    and committed once they are (`pipeline.ledger.protocol.WaitsForParent`).
    Resume: after the committed sequence number. Kinesis keeps no acknowledgement: `settle` does
    nothing, and `lag` is not known in records.

    An iterator that expired may hide a hole (the shard was paused for minutes): the shard is let go
    and taken again, so that the protocol looks.
    """

    def __init__(
        self,
        kinesis: "KinesisClient",
        stream: str,
        dynamodb: "DynamoDBClient",
        table: str,
        *,
        worker: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kinesis = kinesis
        self._stream = stream
        self._ledger = DynamoLedger(dynamodb, table)
        self._monotonic = monotonic
        self._worker = worker or secrets.token_hex(8)
        self._leases = LeaseTable(dynamodb, table, self._worker, monotonic=monotonic)
        self._readers: dict[ShardId, ShardReader] = {}
        self._reads: dict[Future[Read], ShardReader] = {}
        self._ended: set[ShardId] = set()
        self._done: set[ShardId] = set()
        self._beat_at = 0.0
        self._troubles = Troubles(monotonic())
        self._threads = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="read")

    def poll(
        self, listener: Listener, /, *, seconds_max: float
    ) -> Mapping[ShardId, tuple[Record, ...]]:
        """Return what came in, as soon as anything did. Raises OperatingError."""
        self._troubles.tell_in_time(self._monotonic())
        until = self._monotonic() + seconds_max
        if self._monotonic() >= self._beat_at:
            self._share(listener)
            self._beat_at = self._monotonic() + BEAT_SECONDS
        while True:
            self._read()
            now = self._monotonic()
            starts = [r.next_at for r in self._readers.values() if self._is_idle(r)]
            seconds = max(0.0, min([until, *starts]) - now)
            if wanted := self._wanted():
                wait(wanted, timeout=seconds, return_when=FIRST_COMPLETED)
            elif seconds:
                time.sleep(seconds)
            found = self._collect(listener)
            if found or self._monotonic() >= until:
                return found

    def _is_idle(self, reader: ShardReader) -> bool:
        """Return whether a reader is to read and does not yet."""
        return not reader.paused and not reader.ended and reader not in self._reads.values()

    def _wanted(self) -> list[Future[Read]]:
        """Return the reads under way but for those of paused shards, which wait with what came."""
        return [
            future
            for future, reader in self._reads.items()
            if not reader.paused or self._readers.get(reader.shard) is not reader
        ]

    def _read(self) -> None:
        """Start the reads whose time has come."""
        now = self._monotonic()
        for reader in self._readers.values():
            if self._is_idle(reader) and reader.next_at <= now:
                self._reads[self._threads.submit(reader.read)] = reader

    def _collect(self, listener: Listener) -> dict[ShardId, tuple[Record, ...]]:
        """Return what reads brought that have ended; of shards that went or were sought, nothing.

        Raises the trouble of a read at once when no other brought anything.
        """
        found: dict[ShardId, tuple[Record, ...]] = {}
        well = True
        for future in [future for future in self._wanted() if future.done()]:
            reader = self._reads.pop(future)
            if self._readers.get(reader.shard) is not reader:
                continue
            try:
                read = future.result()
            except OperatingError as error:
                self._troubles.note(reader.shard, error)
                well = False
                continue
            self._troubles.forget(reader.shard)
            if read.expired:
                self._let_go(listener, (reader.shard,))
                self._begin(listener, (reader.shard,))
            if read.records:
                found[reader.shard] = read.records
            if read.ended:
                self._ended.add(reader.shard)
                self._beat_at = 0.0
        if not well and not found:
            self._troubles.tell(self._monotonic())
        return found

    def _share(self, listener: Listener) -> None:
        """Show that this worker lives, give up what is another's, and take what is ours to take."""
        self._leases.beat()
        for shard in tuple(self._ended):
            self._leases.end(shard)
            self._ended.discard(shard)
        living = self._leases.living() | {self._worker}
        leases = self._leases.leases()
        lost = tuple(s for s in self._readers if leases.get(s, _NOBODY).owner != self._worker)
        self._let_go(listener, lost)
        shards = self._to_read(leases)
        over = tuple(shard for shard in self._readers if shard not in shards)
        owners = {s: lease.owner for s, lease in leases.items() if lease.owner in living}
        share = fair_share(self._worker, shards=shards, workers=living, owners=owners)
        given = (*over, *(shard for shard in share.give if shard in self._readers))
        self._let_go(listener, given)
        for shard in given:
            self._leases.release(shard)
        taken = tuple(s for s in share.take if self._leases.take(s, before=leases.get(s)))
        mine = tuple(s for s in shards if owners.get(s) == self._worker and s not in given)
        self._begin(listener, (*taken, *(s for s in mine if s not in self._readers)))

    def _to_read(self, leases: Mapping[ShardId, Lease]) -> tuple[ShardId, ...]:
        """Return the shards that are to be read: not over, and their parents read to the end."""
        listed = self._list()
        for shard in [s for s, each in listed.items() if each.ended and s not in self._done]:
            head = self._ledger.read_head(shard)
            if head is not None and head.closed and head.unpublished is None:
                self._done.add(shard)
        read = self._done | {shard for shard, lease in leases.items() if lease.ended}
        return tuple(
            shard
            for shard, each in listed.items()
            if shard not in self._done
            and all(parent in read for parent in each.parents if parent in listed)
        )

    def _list(self) -> Mapping[ShardId, Listed]:
        try:
            return {
                ShardId(shard["ShardId"]): Listed(
                    parents=tuple(
                        ShardId(parent)
                        for parent in (
                            shard.get("ParentShardId"),
                            shard.get("AdjacentParentShardId"),
                        )
                        if parent
                    ),
                    ended="EndingSequenceNumber" in shard["SequenceNumberRange"],
                )
                for page in self._kinesis.get_paginator("list_shards").paginate(
                    StreamName=self._stream
                )
                for shard in page["Shards"]
            }
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot list the shards of {self._stream}: {error}") from error

    def _begin(self, listener: Listener, shards: tuple[ShardId, ...]) -> None:
        if shards:
            for shard, after in listener.assigned(shards).items():
                self.seek(shard, after=after)

    def _let_go(self, listener: Listener, shards: tuple[ShardId, ...]) -> None:
        if shards:
            listener.revoked(shards)
            for shard in shards:
                del self._readers[shard]
                self._troubles.forget(shard)

    def seek(self, shard: ShardId, /, *, after: Position | None) -> None:
        """Go on after a position; what is being read is not waited for, and dropped."""
        reader = ShardReader(
            self._kinesis, self._stream, shard, after=after, monotonic=self._monotonic
        )
        before = self._readers.get(shard)
        if before is not None:
            reader.paused, reader.next_at = before.paused, before.next_at
        self._readers[shard] = reader

    def pause(self, shard: ShardId, /) -> None:
        """Read nothing more of a shard; a read under way is still returned."""
        self._readers[shard].paused = True

    def resume(self, shard: ShardId, /) -> None:
        """Read again."""
        self._readers[shard].paused = False

    def settle(self, shard: ShardId, /, *, committed: Position) -> None:
        """Do nothing: Kinesis keeps no acknowledgement."""

    def lag(self, shard: ShardId, /, *, after: Position | None) -> int | None:  # noqa: ARG002
        """Return None: Kinesis tells no number of records."""
        return None

    def close(self) -> None:
        """Give all leases back, as far as the ledger answers: else they run out by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        try:
            for shard in self._readers:
                self._leases.release(shard)
            self._leases.leave()
        except OperatingError:
            return


_NOBODY: Final = Lease(owner="")

"""AWS's rate limits as token buckets on a clock that is given: pure, without any input or output.

Every `now` is in seconds of one clock that never goes back. MB are counted as AWS's API reference
does, by 2^20 bytes ("GetRecords": 10 MiB, 2 MiB per second).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MIB = 1024 * 1024
WRITE_BYTES_PER_SECOND = 1 * MIB
WRITE_RECORDS_PER_SECOND = 1_000
"""Of one shard, partition keys included (Kinesis developer guide, "Quotas and limits")."""
READ_BYTES_PER_SECOND = 2 * MIB
READS_PER_SECOND = 5
"""Of one shard, all its readers together (Kinesis developer guide, "Quotas and limits")."""
ON_DEMAND_BYTES_PER_SECOND = 4 * MIB
ON_DEMAND_RECORDS_PER_SECOND = 4_000
"""Of a new on-demand stream (Kinesis developer guide, "Choose the right mode")."""
CONTROL_CALLS_PER_SECOND: Mapping[str, int] = {
    "CreateStream": 5,
    "DeleteStream": 5,
    "DescribeLimits": 1,
    "DescribeStream": 10,
    "DescribeStreamSummary": 20,
    "ListShards": 1_000,
    "ListStreams": 5,
    "MergeShards": 5,
    "SplitShard": 5,
}
"""Calls of an account (Kinesis developer guide, "Quotas and limits"); of ListShards, of a stream.

Left out: GetShardIterator (5 a second and shard), tags, consumers, UpdateShardCount's ten a day.
"""
_GRAIN = 1e-9
"""A sum of many small refills falls short of a whole by less than this."""


@dataclass(kw_only=True)
class Bucket:
    """A tank of `burst` tokens that refills at `per_second`; full at first.

    What is larger than the tank is let through when the tank is full, and leaves it in debt: so
    Kinesis takes a record larger than a second's worth (Kinesis developer guide, "Handle large
    records").
    """

    per_second: float
    burst: float
    _level: float = field(init=False)
    _at: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._level = self.burst

    def has(self, amount: float, now: float) -> bool:
        """Return whether `amount` may be taken now."""
        if self._at is not None:
            refilled = self._level + (now - self._at) * self.per_second
            self._level = min(self.burst, refilled)
        self._at = now
        return self._level + _GRAIN >= min(amount, self.burst)

    def take(self, amount: float) -> None:
        """Take what `has` allowed just now."""
        self._level -= amount

    def pay(self, amount: float) -> None:
        """Take what has been given already; more than a full tank uses up what was saved too."""
        self._level = (0.0 if amount > self.burst else self._level) - amount


@dataclass(frozen=True, kw_only=True)
class Shard:
    """An open shard and its range of hash keys, both ends included."""

    shard_id: str
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class Put:
    """A record to write: where its key hashes to, and its bytes, partition key included."""

    hash_key: int
    size_bytes: int


@dataclass(kw_only=True)
class Written:
    """What a shard took and refused so far."""

    records: int = 0
    bytes: int = 0
    refused: int = 0
    began: float | None = None
    ended: float = 0.0


class _Rate:
    """Records and bytes a second, which are taken together or not at all."""

    def __init__(self, records_per_second: float, bytes_per_second: float) -> None:
        self._records = Bucket(per_second=records_per_second, burst=records_per_second)
        self._bytes = Bucket(per_second=bytes_per_second, burst=bytes_per_second)

    def has(self, size_bytes: int, now: float) -> bool:
        return self._records.has(1, now) and self._bytes.has(size_bytes, now)

    def take(self, size_bytes: int) -> None:
        self._records.take(1)
        self._bytes.take(size_bytes)


class StreamWrites:
    """The write limits of one stream: of each shard, and of the whole if it is on demand."""

    def __init__(self, shards: Sequence[Shard], *, on_demand: bool = False) -> None:
        self._shards = tuple(shards)
        self._rates: dict[str, _Rate] = {}
        self._whole = (
            _Rate(ON_DEMAND_RECORDS_PER_SECOND, ON_DEMAND_BYTES_PER_SECOND) if on_demand else None
        )
        self.written: dict[str, Written] = {}

    def reshard(self, shards: Sequence[Shard]) -> None:
        """Take the open shards anew; one that was there keeps its tank."""
        self._shards = tuple(shards)

    def refused(self, puts: Sequence[Put], now: float) -> dict[int, str]:
        """Take in records in their order; return those refused: place in `puts` -> shard's id.

        A record whose key no shard covers is not refused here: it is the emulator's to judge.
        """
        over = {}
        for place, put in enumerate(puts):
            shard_id = self._shard_of(put.hash_key)
            if shard_id is None:
                continue
            rate = self._rates.setdefault(
                shard_id, _Rate(WRITE_RECORDS_PER_SECOND, WRITE_BYTES_PER_SECOND)
            )
            written = self.written.setdefault(shard_id, Written())
            written.began, written.ended = now if written.began is None else written.began, now
            limits = (rate,) if self._whole is None else (rate, self._whole)
            if not all(limit.has(put.size_bytes, now) for limit in limits):
                over[place] = shard_id
                written.refused += 1
                continue
            for limit in limits:
                limit.take(put.size_bytes)
            written.records += 1
            written.bytes += put.size_bytes
        return over

    def _shard_of(self, hash_key: int) -> str | None:
        found = (s.shard_id for s in self._shards if s.low <= hash_key <= s.high)
        return next(found, None)


class ShardReads:
    """The read limits of one shard, shared by all who read it."""

    def __init__(self) -> None:
        self._calls = Bucket(per_second=READS_PER_SECOND, burst=READS_PER_SECOND)
        self._bytes = Bucket(per_second=READ_BYTES_PER_SECOND, burst=READ_BYTES_PER_SECOND)

    def may_read(self, now: float) -> bool:
        """Return whether a GetRecords is served now, and count it if so."""
        if not (self._calls.has(1, now) and self._bytes.has(1, now)):
            return False
        self._calls.take(1)
        return True

    def was_read(self, size_bytes: int) -> None:
        """Pay for what was read: after 10 MB nothing is served for five seconds ("GetRecords")."""
        self._bytes.pay(size_bytes)


class ControlCalls:
    """The rates of Kinesis' control plane, one bucket an operation."""

    def __init__(self) -> None:
        self._buckets = {
            name: Bucket(per_second=rate, burst=rate)
            for name, rate in CONTROL_CALLS_PER_SECOND.items()
        }

    def may_call(self, operation: str, now: float) -> bool:
        """Return whether a call is served now, and count it if so; others have no limit here."""
        bucket = self._buckets.get(operation)
        if bucket is None:
            return True
        if not bucket.has(1, now):
            return False
        bucket.take(1)
        return True

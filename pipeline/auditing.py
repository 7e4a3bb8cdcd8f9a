"""The auditor: a part of the stream against the lake, event by event, and counts over ranges."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline import metrics
from pipeline.audit.conservation import Balance, balance, covered, events_in
from pipeline.audit.spot_check import EventKey, Sample, judge, sent_of
from pipeline.contracts import CONTRACTS
from pipeline.core.records import Position, ShardId
from pipeline.core.units import HOUR_MS, MINUTE_MS, SECOND_MS
from pipeline.environment import Environment
from pipeline.ledger.state import Commit, Head
from pipeline.metric_log import MetricLog
from pipeline.metrics import Metric, Value
from pipeline.names import QUARANTINE_TABLE
from pipeline.sinks.lake_lookup import LakeLookup, Listed
from pipeline.sources.time_range import read_between
from pipeline.worker import Worker

SKEW_MS: Final = MINUTE_MS
"""How far the clocks of stream, store and this machine may be apart."""
MARGIN_MS: Final = 5_000
"""Before the run's end: time enough to judge and to write what was found."""
READ_BYTES_MAX: Final = 8 * 1024 * 1024
"""Of all shards together: the auditor takes from a shard's 2 MB/s, which the mapping needs."""
SHARD_BYTES_MIN: Final = 256 * 1024
EVENTS_MAX: Final = 50_000
"""Events that are looked up by id: about 20 MB of memory."""
FILES_MAX: Final = 2_000
HOURS_MAX: Final = 200
"""Hours of tables that are listed: a request each."""

_BY_TABLE: Final = {contract.table: contract for contract in CONTRACTS}


@dataclass(kw_only=True)
class _Read:
    """What was read of the stream: the sample, and each shard's records with their events."""

    sample: Sample = field(default_factory=lambda: Sample(events_max=EVENTS_MAX))
    accepted: dict[ShardId, dict[Position, int]] = field(default_factory=dict)
    in_flight: list[ShardId] = field(default_factory=list)


def audit(
    worker: Worker, environment: Environment, log: MetricLog, *, deadline_ms: int
) -> dict[str, Any]:
    """Audit the records that arrived in one period, and write what was found; answer the same.

    Heads are read first: what no head covers yet, or what is committed and not published, is in
    flight and not judged. Under a load that is too great for one run, fewer records are read, and
    of these a sample by id is looked up; the line says its share. Raises OperatingError.
    """
    settings, clock_ms = environment.settings, environment.clock_ms
    until_ms = clock_ms() - settings.audit_delay_seconds * SECOND_MS
    since_ms = until_ms - settings.audit_seconds * SECOND_MS
    halfway_ms = (clock_ms() + deadline_ms) // 2
    read = _read(worker, environment, (since_ms, until_ms), in_time=lambda: clock_ms() < halfway_ms)
    ranges = {shard: _Range.of(worker, shard, read, since_ms) for shard in read.accepted}
    lookup = LakeLookup(environment.s3, settings.lake_bucket, _BY_TABLE)
    search = _Search(
        lookup=lookup,
        sample=read.sample,
        since_ms=since_ms,
        now_ms=clock_ms(),
        window_ms=settings.window_seconds * SECOND_MS,
        in_time=lambda: clock_ms() < deadline_ms - MARGIN_MS,
    )
    all_seen = search.run(own=[commit for each in ranges.values() for commit in each.covered])
    findings = judge(read.sample.events, lookup.evidence, all_seen=all_seen)
    balances = [each.balance(lookup.rows) for each in ranges.values()]
    values: dict[Metric, Value] = {
        metrics.AUDITED: findings.audited,
        metrics.AUDIT_LOST: findings.lost,
        metrics.AUDIT_DUPLICATED: findings.duplicated,
        metrics.AUDIT_ALTERED: findings.altered,
        metrics.CONSERVATION_GAP: sum(each.gap for each in balances),
    }
    properties: dict[str, Any] = {
        "since_ms": since_ms,
        "until_ms": until_ms,
        "records": sum(map(len, read.accepted.values())),
        "events": read.sample.seen,
        "share": read.sample.share,
        "balanced": sum(each.accepted for each in balances),
        "in_flight": read.in_flight,
        "files": len(lookup.rows),
        "all_files_opened": all_seen,
        "examples": findings.examples,
    }
    log.write(values, properties=properties)
    return {**properties, **{metric.name: value for metric, value in values.items()}}


@dataclass(frozen=True, kw_only=True)
class _Range:
    """A shard's records that were read, its commits since, and those of them read in whole."""

    accepted: dict[Position, int]
    commits: tuple[Commit, ...]
    covered: tuple[Commit, ...]

    @classmethod
    def of(cls, worker: Worker, shard: ShardId, read: _Read, since_ms: int) -> "_Range":
        """Return the range of a shard. Raises OperatingError."""
        accepted = read.accepted[shard]
        commits = worker.ledger.commits_since(shard, arrival_ms=since_ms - SKEW_MS)
        return cls(accepted=accepted, commits=commits, covered=covered(accepted, commits))

    def balance(self, rows: dict[str, int]) -> Balance:
        """Return the balance of the commits whose files were all opened."""
        checked = [
            commit for commit in self.covered if all(f.final_key in rows for f in commit.files)
        ]
        return balance(self.accepted, self.commits, rows, checked=checked)


def _read(
    worker: Worker,
    environment: Environment,
    span_ms: tuple[int, int],
    *,
    in_time: Callable[[], bool],
) -> _Read:
    """Return what each shard's records of the span hold, up to its head and within the bounds."""
    read = _Read()
    listed = [info.shard for info in worker.source.shards()]
    heads = {shard: worker.ledger.read_head(shard) for shard in listed}
    bytes_max = max(READ_BYTES_MAX // max(1, len(heads)), SHARD_BYTES_MIN)
    for shard, head in heads.items():
        settled = _settled(head)
        size = 0
        events: dict[Position, int] = {}
        for record in read_between(
            environment.kinesis,
            environment.settings.stream,
            shard,
            since_ms=span_ms[0],
            until_ms=span_ms[1],
        ):
            if settled is None or record.position > settled:
                read.in_flight.append(shard)
                break
            if size >= bytes_max or not in_time():
                break
            size += len(record.data)
            events[record.position] = events_in(record)
            for sent in sent_of(record, shard, _BY_TABLE):
                read.sample.add(sent)
        read.accepted[shard] = events
    return read


def _settled(head: Head | None) -> Position | None:
    """Return the last position whose rows must be visible by now."""
    if head is None or head.committed is None:
        return None
    if head.unpublished is not None:
        return Position(head.unpublished.first - 1)
    return head.committed


@dataclass(frozen=True, kw_only=True)
class _Search:
    """Where the events of a sample may be in the lake, and in which order it is looked into."""

    lookup: LakeLookup
    sample: Sample
    since_ms: int
    now_ms: int
    window_ms: int
    in_time: Callable[[], bool]

    def run(self, *, own: list[Commit]) -> bool:
        """Open what may hold the sample; return whether all of that could be opened.

        First the files that their own commits name, quarantine, and what was written to their hours
        since: a row that came twice is there. Copies that were dropped have their first row in an
        earlier file: those of one dedupe window before are opened for what is still missing.
        """
        hours = {(sent.key[0], sent.hour) for sent in self.sample.events if sent.key is not None}
        chosen = set(sorted(hours)[:HOURS_MAX])
        first_ms = self.since_ms - SKEW_MS
        listed = self.lookup.listed({*chosen, *self._quarantine_hours()})
        recent = [each for each in listed if each.written_ms >= first_ms]
        earlier = [
            each for each in listed if first_ms - self.window_ms <= each.written_ms < first_ms
        ]
        keys = {file.final_key for commit in own for file in commit.files}
        done = self._open(keys | _oldest(recent, FILES_MAX - len(keys)))
        missing = any(not self.lookup.evidence.has(sent) for sent in self.sample.events)
        if missing:
            done &= self._open(_oldest(earlier, FILES_MAX - len(self.lookup.rows)))
        wanted = len(keys | {each.key for each in (*recent, *(earlier if missing else ()))})
        return done and len(hours) <= HOURS_MAX and len(self.lookup.rows) >= wanted

    def _open(self, keys: set[str]) -> bool:
        wanted: frozenset[EventKey] = frozenset(
            sent.key for sent in self.sample.events if sent.key is not None
        )
        return self.lookup.open(keys, wanted, in_time=self.in_time)

    def _quarantine_hours(self) -> set[tuple[str, int]]:
        """Return quarantine's hours, which are of arrival, from one window before the span on."""
        first = (self.since_ms - SKEW_MS - self.window_ms) // HOUR_MS
        return {(QUARANTINE_TABLE, hour) for hour in range(first, self.now_ms // HOUR_MS + 1)}


def _oldest(files: list[Listed], count: int) -> set[str]:
    """Return the keys of the files that were written first."""
    ordered = sorted(files, key=lambda each: (each.written_ms, each.key))
    return {each.key for each in ordered[: max(0, count)]}

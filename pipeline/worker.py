"""The worker: drives the protocol's verbs on real parts, and keeps each shard's seen set warm."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from pipeline.core.records import Record, ShardId
from pipeline.errors import BrokenInvariant, OperatingError, Refused
from pipeline.ledger.effects import NewToken, Now, PutBack, ReadHead, WriteHead
from pipeline.ledger.protocol import look_ahead, retire, sweep, take
from pipeline.ledger.restore import restore
from pipeline.ledger.seams import Core, Ledger, Source, Store, WarmSet
from pipeline.ledger.settings import ProtocolSettings, Take
from pipeline.ledger.state import Head, RestoredShard, ShardStatus, TakeOutcome
from pipeline.ledger.steps import Effect, Steps, run

T = TypeVar("T")

Watch = Callable[[Effect[object], object], None]
"""Sees each effect that succeeded, and its answer (`pipeline.meter.Meter.saw`)."""

THREADS: Final = 16
"""Puts and gets at once: as many as a commit has partitions."""

CLOSING_EFFECTS: Final = (Now, NewToken, ReadHead, WriteHead)
"""What an attempt needs to take its token off the head."""

TOKEN_BYTES: Final = 16
"""Random bytes of a token: 32 hexadecimal digits, within DynamoDB's 36 for a request token."""


class Worker:
    """One process's worker. A shard has one take at a time; different shards may be taken at once.

    `ledger`, `store`, `source` and `core` are the seams of `pipeline.ledger.seams`: several threads
    may call them (boto3's clients are safe for that, boto3 guide, "Multithreading with clients"; so
    are `DynamoLedger`, `S3Store` and `KinesisSource`, which keep nothing else, and the pure core).
    Of its own a worker changes the seen sets alone, each an immutable value under its shard's key:
    a sweep beside a take at worst keeps the older one, whose tag then tells (T2). Threads that it
    starts have ended when a verb returns: a frozen function must not resume them in a later run.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        store: Store,
        source: Source,
        core: Core,
        settings: ProtocolSettings,
        clock_ms: Callable[[], int],
    ) -> None:
        self.ledger = ledger
        self.store = store
        self.source = source
        self.core = core
        self._settings = settings
        self._clock_ms = clock_ms
        self._warm: dict[ShardId, WarmSet] = {}

    def take(
        self,
        shard: ShardId,
        records: Sequence[Record],
        *,
        deadline_ms: int,
        watch: Watch = lambda _, __: None,
    ) -> TakeOutcome:
        """Commit and publish a batch of contiguous records, or what the time until then allows.

        `watch` sees each effect that succeeded, those of a take that raises later too. Raises what
        `pipeline.ledger.protocol.take` raises: the batch is then to come again.
        """
        work = Take(
            shard=shard,
            records=tuple(records),
            deadline_ms=deadline_ms,
            until_ms=self._clock_ms(),
        )
        return self._run(take(work, self._settings), deadline_ms=deadline_ms, watch=watch)

    def sweep(
        self, *, deadline_ms: int, watch: Watch = lambda _, __: None
    ) -> tuple[TakeOutcome, ...]:
        """Finish on every shard what no batch will finish, as far as the time allows (T5).

        A shard in trouble does not keep the others from being swept. Raises the first trouble, a
        broken invariant before others.
        """
        outcomes: list[TakeOutcome] = []
        troubles: list[OperatingError | BrokenInvariant] = []
        listed = self._listed()
        for shard in self._shards(listed):
            if self._clock_ms() >= deadline_ms - self._settings.margin_ms:
                break
            try:
                steps = (
                    sweep(shard, deadline_ms=deadline_ms, settings=self._settings)
                    if shard in listed
                    else retire(shard)
                )
                outcomes.append(self._run(steps, deadline_ms=deadline_ms, watch=watch))
            except Refused:
                continue  # another run has the shard in its hands: there is nothing to sweep
            except (OperatingError, BrokenInvariant) as trouble:
                troubles.append(trouble)
        if troubles:
            raise min(troubles, key=lambda trouble: isinstance(trouble, OperatingError))
        return tuple(outcomes)

    def _run(self, steps: Steps[T], *, deadline_ms: int, watch: Watch) -> T:
        """Drive a verb; near the deadline only what ends an attempt with a word is still done.

        A run that its platform kills in the middle of a stalled call would look like poison.
        """
        last_ms = deadline_ms - self._settings.margin_ms // 2

        def in_time(effect: Effect[object]) -> None:
            if not isinstance(effect, CLOSING_EFFECTS) and self._clock_ms() >= last_ms:
                raise OperatingError(f"no time left for {type(effect).__name__}")

        return run(steps, self, before=in_time, after=watch)

    def restore(
        self, *, rewind: Callable[[ShardId], object] | None = None
    ) -> Iterator[RestoredShard]:
        """Bring a ledger that was restored from a backup up to the journal, shard after shard.

        `rewind` is called with each shard first, if it is still to be rewound. Only with mapping
        and workers stopped for one longest run (T21): neither counters nor random tokens would save
        a ledger that is rewound under a live worker.
        """
        listed = self._listed()
        shards = tuple(dict.fromkeys((*self._shards(listed), *self.store.journaled_shards())))
        for shard in shards:
            if rewind is not None:
                rewind(shard)
            start = self.ledger.read_head(shard)
            done: Counter[type[Effect[object]]] = Counter()
            head = run(restore(shard), self, after=partial(_count, done))
            yield RestoredShard(
                shard=shard,
                started=start.committed if start is not None else None,
                committed=head.committed if head is not None else None,
                put_back=done[PutBack],
                unpublished=head is not None and head.unpublished is not None,
            )

    def pending(self) -> tuple[ShardStatus, ...]:
        """Return where every shard stands, read from ledger and stream; changes nothing."""
        listed = self._listed()
        return tuple(
            self._status(shard, is_listed=shard in listed) for shard in self._shards(listed)
        )

    def _status(self, shard: ShardId, *, is_listed: bool) -> ShardStatus:
        head = self.ledger.read_head(shard)
        start = head or Head(shard=shard, revision="", changed_ms=0)
        ahead = None
        if is_listed and not start.closed:
            ahead = next(iter(run(look_ahead(start), self).records), None)
        return ShardStatus(
            shard=shard,
            committed=start.committed,
            waiting=ahead.position if ahead is not None else None,
            waiting_since_ms=ahead.arrival_ms if ahead is not None else None,
            lag_ms=max(0, self._clock_ms() - ahead.arrival_ms) if ahead is not None else 0,
            unpublished=start.unpublished is not None,
            open=start.open_range is not None,
            closed=start.closed,
        )

    def _listed(self) -> tuple[ShardId, ...]:
        return tuple(info.shard for info in self.source.shards())

    def _shards(self, listed: tuple[ShardId, ...]) -> tuple[ShardId, ...]:
        """Return the shards of stream and ledger; the stream lists parents before children."""
        return tuple(dict.fromkeys((*listed, *self.ledger.shards())))

    def now_ms(self) -> int:
        """Return the clock, in milliseconds since the epoch."""
        return self._clock_ms()

    def new_token(self) -> str:
        """Return a token that nobody else ever draws."""
        return secrets.token_hex(TOKEN_BYTES)

    def recall(self, shard: ShardId, /) -> WarmSet | None:
        """Return the seen set that this process kept for a shard."""
        return self._warm.get(shard)

    def remember(self, shard: ShardId, warm: WarmSet, /) -> None:
        """Keep a shard's seen set."""
        self._warm[shard] = warm

    def forget(self, shard: ShardId, /) -> None:
        """Let go of a shard's seen set: another worker has the shard now."""
        self._warm.pop(shard, None)

    def together(self, effects: Sequence[Effect[T]], /) -> tuple[T, ...]:
        """Perform independent effects in threads, all joined on return. Raises the first error."""
        if len(effects) < 2:
            return tuple(effect.perform(self) for effect in effects)
        with ThreadPoolExecutor(max_workers=min(THREADS, len(effects))) as pool:
            return tuple(pool.map(lambda effect: effect.perform(self), effects))


def _count(done: Counter[type[Effect[object]]], effect: Effect[object], _answer: object) -> None:
    done[type(effect)] += 1

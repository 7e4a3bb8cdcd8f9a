"""One attempt at one range: fence, core, stage, commit, publish; every way out leaves a word."""

from dataclasses import dataclass, replace

from pipeline.core.records import Record, ShardId
from pipeline.core.result import Attempt, CoreResult
from pipeline.errors import BrokenInvariant, OperatingError, SluiceError
from pipeline.ledger.effects import (
    CommitTransaction,
    NewToken,
    Now,
    PutStaged,
    ReadHead,
    Remember,
    RunCore,
    WriteHead,
)
from pipeline.ledger.gaps import Known
from pipeline.ledger.isolation import (
    CLOCK_SKEW_MS,
    CoreCrashed,
    Plan,
    after_success,
    isolate,
    with_phase,
    without_token,
)
from pipeline.ledger.lineage import seen_ids
from pipeline.ledger.publish import publish
from pipeline.ledger.seams import Seen, WarmSet
from pipeline.ledger.settings import ProtocolSettings, Take
from pipeline.ledger.state import Advance, Commit, Head, OpenRange, OpenToken, Phase, StagedFile
from pipeline.ledger.steps import Effect, Steps, Together, ask
from pipeline.names import ids_key, staged_prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What one attempt brought about."""

    commit: Commit
    masked: int
    lost: int
    published_ms: int


def attempt(head: Head, known: Known, work: Take, settings: ProtocolSettings) -> Steps[Committed]:
    """Take one range to its publication.

    The seen set is found before the fence, so that a stalled rebuild is no silent death. A clean
    exception takes the token off the head (T13); a crash of the core leaves it there to count.
    Raises Refused, OutcomeUnknown and what the seams raise; then nothing was learnt (T1).
    """
    now_ms = yield from ask(Now())
    plan = isolate(
        head,
        known.records,
        known.lost,
        now_ms=now_ms,
        masks_in_a_row_max=settings.masks_in_a_row_max,
    )
    arrival_ms = min((r.arrival_ms for r in plan.records), default=now_ms)
    seen = yield from seen_ids(head, arrival_ms=arrival_ms, settings=settings)
    token = yield from ask(NewToken())
    try:
        fenced = yield from fence(head, plan, token=token, deadline_ms=work.deadline_ms)
        if plan.masked and settings.known_good is not None:
            yield from survive(settings.known_good, work.shard, token=token, seen=seen)
        result = yield from run_core(fenced, plan, token=token, seen=seen)
        commit = yield from stage(result, plan, shard=work.shard, token=token)
        yield from commit_under_fence(fenced, plan, commit)
    except Exception as error:
        yield from leave_a_word(work.shard, token, error)
        raise
    yield from remember(commit, result, seen)
    bodies = {f.staged_key: made.body for f, made in zip(commit.files, result.files, strict=True)}
    published_ms = yield from publish(commit, bodies=bodies)
    return Committed(
        commit=commit, masked=len(plan.masked), lost=len(plan.lost), published_ms=published_ms
    )


def fence(head: Head, plan: Plan, *, token: str, deadline_ms: int) -> Steps[Head]:
    """Write the fence if the head is unchanged since it was read. Returns the head as written."""
    opened = OpenToken(token=token, deadline_ms=deadline_ms, phase=plan.opening_phase)
    fenced = replace(
        head,
        fence=token,
        open_range=OpenRange(
            last=plan.last, count=max(1, len(plan.records)), tokens=(*plan.tokens, opened)
        ),
        limit=plan.limit,
        suspect_last=plan.suspect_last,
    )
    return (yield from rewrite(fenced))


def rewrite(head: Head) -> Steps[Head]:
    """Write a changed head under a new revision, if nobody else wrote it since it was read."""
    written = replace(
        head, revision=(yield from ask(NewToken())), changed_ms=(yield from ask(Now()))
    )
    yield from ask(WriteHead(head=written, unchanged_since=head.revision or None))
    return written


def run_core(fenced: Head, plan: Plan, *, token: str, seen: Seen) -> Steps[CoreResult]:
    """Run the core over the range; from the second attempt on, the head says when it is inside.

    Raises CoreCrashed for an exception that is not ours: it counts like a death in the core, for a
    record that always raises must not hold its shard for ever.
    """
    if plan.phased and not plan.masked:
        fenced = yield from note(fenced, token, "core")
    try:
        result = yield from ask(
            RunCore(
                records=plan.records,
                masked=plan.masked,
                lost=plan.lost,
                attempt=Attempt(shard=fenced.shard, first=plan.first, token=token),
                seen=seen,
            )
        )
    except SluiceError:
        raise
    except Exception as error:
        raise CoreCrashed(
            f"the core raised {type(error).__name__}", shard=fenced.shard, position=plan.first
        ) from error
    if not plan.first <= result.last <= plan.last:
        raise BrokenInvariant(f"the core ended at {result.last}, outside of its range")
    if plan.phased and not plan.masked:
        yield from note(fenced, token, "storage")
    return result


def note(head: Head, token: str, phase: Phase) -> Steps[Head]:
    """Note in the head what an attempt is about to do."""
    return (yield from rewrite(with_phase(head, token, phase)))


def survive(known_good: Record, shard: ShardId, *, token: str, seen: Seen) -> Steps[None]:
    """Run the core on a record that is known to be good: if it dies, the record is not to blame."""
    attempt = Attempt(shard=shard, first=known_good.position, token=token)
    try:
        yield from ask(
            RunCore(records=(known_good,), masked=frozenset(), lost=(), attempt=attempt, seen=seen)
        )
    except Exception as error:
        raise OperatingError(
            "the core fails on a record that is known to be good; a bad deploy?",
            shard=shard,
            retryable=False,
        ) from error


def stage(result: CoreResult, plan: Plan, *, shard: ShardId, token: str) -> Steps[Commit]:
    """Put the bytes under hidden keys of this attempt, and return the commit that names them."""
    prefix = staged_prefix(shard=shard, first=plan.first, token=token)
    ids_name = ids_key(shard=shard, first=plan.first, token=token) if result.ids else None
    files = tuple(
        StagedFile(
            table=made.table,
            staged_key=f"{prefix}{index}.parquet",
            final_key=made.final_key,
            sha256=made.sha256,
            rows=made.rows,
        )
        for index, made in enumerate(result.files)
    )
    puts: list[Effect[None]] = [
        PutStaged(f.staged_key, made.body) for f, made in zip(files, result.files, strict=True)
    ]
    if ids_name is not None:
        puts.append(PutStaged(ids_name, result.ids))
    yield from ask(Together(tuple(puts)))
    return Commit(
        shard=shard,
        first=plan.first,
        last=result.last,
        token=token,
        files=files,
        ids_key=ids_name,
        counts=result.counts,
        arrival_ms_max=result.arrival_ms_max,
        committed_ms=(yield from ask(Now())),
    )


def commit_under_fence(fenced: Head, plan: Plan, commit: Commit) -> Steps[None]:
    """Commit: the head advances and the commit appears, both or neither, if the fence holds.

    A reply that does not come is no answer: it raises OutcomeUnknown, and only the next read of the
    head tells (T28, T29). The transaction is never sent again under another token.
    """
    limit, suspect_last = after_success(plan.limit, plan.suspect_last, last=commit.last)
    advance = Advance(
        shard=commit.shard,
        fence=commit.token,
        revision=(yield from ask(NewToken())),
        changed_ms=commit.committed_ms,
        limit=limit,
        suspect_last=suspect_last,
        masks_in_a_row=fenced.masks_in_a_row + 1 if plan.masked else 0,
        settled_ms=max(fenced.settled_ms or 0, commit.arrival_ms_max),
    )
    yield from ask(CommitTransaction(commit=commit, advance=advance))


def remember(commit: Commit, result: CoreResult, seen: Seen) -> Steps[None]:
    """Keep the seen set with the commit's ids, tagged with the commit: only here (T1, T2, I4)."""
    known = seen.with_ids(result.ids) if result.ids else seen
    yield from ask(Remember(commit.shard, WarmSet(commit=commit.ref, seen=known)))


def leave_a_word(shard: ShardId, token: str, error: Exception) -> Steps[None]:
    """Take the token of an attempt that raised off the head, so that it does not count as a death.

    After a crash of the core it stays, marked as over. This is best effort: where it fails, the
    error that is on its way says so.
    """
    try:
        head = yield from ask(ReadHead(shard))
        opened = head.open_range if head is not None else None
        if head is None or opened is None or all(t.token != token for t in opened.tokens):
            return
        if isinstance(error, CoreCrashed):
            over_ms = (yield from ask(Now())) - CLOCK_SKEW_MS - 1
            yield from rewrite(with_phase(head, token, "core", deadline_ms=over_ms))
        else:
            yield from rewrite(without_token(head, token))
    except OperatingError as trouble:
        error.add_note(f"its token is still in the head: {trouble}")

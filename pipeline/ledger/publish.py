"""Publish a commit: by anyone, any number of times; the commit fixes every byte."""

from collections.abc import Mapping

from pipeline.core.records import ShardId
from pipeline.errors import BrokenInvariant
from pipeline.ledger.effects import (
    GetStaged,
    MarkPublished,
    NewToken,
    Now,
    PutDone,
    PutFinalIfAbsent,
    PutJournal,
    ReadCommit,
    ReadDone,
)
from pipeline.ledger.state import Commit, CommitRef
from pipeline.ledger.steps import Steps, Together, ask


def publish_named(shard: ShardId, ref: CommitRef) -> Steps[int]:
    """Publish the commit that a head names. Returns the time of publication in milliseconds.

    Raises BrokenInvariant if the ledger has no such commit, or another one in its place (I2).
    """
    commit = yield from ask(ReadCommit(shard=shard, first=ref.first))
    if commit is None or commit.token != ref.token:
        raise BrokenInvariant(f"head of {shard} names a commit at {ref.first} that is not there")
    return (yield from publish(commit, bodies={}))


def publish(commit: Commit, *, bodies: Mapping[str, bytes]) -> Steps[int]:
    """Make a commit's files visible, then say so.

    `bodies` are staged bytes still in memory, by key. The mark decides whether it is done, not the
    head: a restored head may be older than a compaction (T20). The journal comes before the first
    visible byte, so that a ledger that lost the commit can learn of it. Returns the time of
    publication in milliseconds.
    """
    published_ms = yield from ask(ReadDone(commit))
    if published_ms is None:
        yield from ask(PutJournal(commit))
        missing = tuple(f.staged_key for f in commit.files if f.staged_key not in bodies)
        read = yield from ask(Together(tuple(GetStaged(key) for key in missing)))
        staged = {**bodies, **dict(zip(missing, read, strict=True))}
        yield from ask(
            Together(
                tuple(
                    PutFinalIfAbsent(key=f.final_key, body=staged[f.staged_key], sha256=f.sha256)
                    for f in commit.files
                )
            )
        )
        published_ms = yield from ask(Now())
        yield from ask(PutDone(commit=commit, published_ms=published_ms))
    yield from ask(
        MarkPublished(
            shard=commit.shard,
            ref=commit.ref,
            revision=(yield from ask(NewToken())),
            now_ms=published_ms,
        )
    )
    return published_ms

"""The ancestors of a shard, and the seen set rebuilt from what all of them committed (T16, T18)."""

from pipeline.core.records import ShardId
from pipeline.ledger.effects import GetStaged, ReadCommits, ReadHead, ReadLineage, Recall
from pipeline.ledger.seams import Seen
from pipeline.ledger.settings import ProtocolSettings
from pipeline.ledger.state import Commit, Head, ShardInfo
from pipeline.ledger.steps import Steps, Together, ask


def parents_of(
    shard: ShardId, head: Head | None, listed: tuple[ShardInfo, ...]
) -> tuple[ShardId, ...]:
    """Return a shard's parents: those that the stream lists, and those that the head remembers."""
    named = [parent for info in listed if info.shard == shard for parent in info.parents]
    return tuple(dict.fromkeys((*(head.parents if head is not None else ()), *named)))


def ancestors(shard: ShardId, head: Head | None) -> Steps[tuple[ShardId, ...]]:
    """Return all ancestors of a shard, both parents of a merge included (T16)."""
    listed = yield from ask(ReadLineage())
    found: dict[ShardId, None] = {}
    queue = list(parents_of(shard, head, listed))
    while queue:
        ancestor = queue.pop()
        if ancestor not in found:
            found[ancestor] = None
            queue.extend(parents_of(ancestor, (yield from ask(ReadHead(ancestor))), listed))
    return tuple(found)


def seen_ids(head: Head, *, arrival_ms: int, settings: ProtocolSettings) -> Steps[Seen]:
    """Return the ids that may not be stored again: the warm set if it is true, else a rebuilt one.

    A warm set is true only right after the commit that made it (T2, I4).
    """
    warm = yield from ask(Recall(head.shard))
    if warm is not None and warm.commit == head.last_commit:
        return warm.seen
    return (yield from rebuild(head, arrival_ms=arrival_ms, settings=settings))


def rebuild(head: Head, *, arrival_ms: int, settings: ProtocolSettings) -> Steps[Seen]:
    """Return the ids of the window before an arrival time, of the shard and all its ancestors.

    They come from the ids objects beside the commits, never from lake files, which compaction
    removes (T18). Commits past the head are left out: a zombie must not learn from the very
    commit that fenced it off (T9).
    """
    oldest_ms = arrival_ms - settings.window_ms - settings.clock_skew_ms
    commits: list[Commit] = []
    for ancestor in (yield from ancestors(head.shard, head)):
        commits.extend((yield from ask(ReadCommits(shard=ancestor, arrival_ms=oldest_ms))))
    if head.committed is not None:
        own = yield from ask(ReadCommits(shard=head.shard, arrival_ms=oldest_ms))
        commits.extend(commit for commit in own if commit.last <= head.committed)
    keys = tuple(commit.ids_key for commit in commits if commit.ids_key is not None)
    seen = settings.empty_seen
    for ids in (yield from ask(Together(tuple(GetStaged(key) for key in keys)))):
        seen = seen.with_ids(ids)
    return seen

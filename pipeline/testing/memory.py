"""Ledger and store in memory, with the conditions of DynamoDB and S3: for tests and simulation."""

from dataclasses import dataclass, field, replace

from pipeline.core.records import Position, ShardId
from pipeline.errors import BrokenInvariant, OperatingError, Refused
from pipeline.ledger.state import Advance, Commit, CommitRef, Head, JournalEntry


def advanced(head: Head, commit: Commit, advance: Advance) -> Head:
    """Return the head as the transaction leaves it."""
    return replace(
        head,
        committed=commit.last,
        last_commit=commit.ref,
        open_range=None,
        unpublished=commit.ref,
        limit=advance.limit,
        suspect_last=advance.suspect_last,
        masks_in_a_row=advance.masks_in_a_row,
        settled_ms=advance.settled_ms,
        revision=advance.revision,
        changed_ms=advance.changed_ms,
    )


def fence_holds(head: Head | None, advance: Advance) -> bool:
    """Return whether an attempt may commit: its fence is the head's, and its range is open."""
    return head is not None and head.fence == advance.fence and head.open_range is not None


@dataclass
class MemoryLedger:
    """Heads and commits in two dictionaries; every method is atomic."""

    heads: dict[ShardId, Head] = field(default_factory=dict)
    commits: dict[tuple[ShardId, Position], Commit] = field(default_factory=dict)

    def read_head(self, shard: ShardId, /) -> Head | None:
        """Return the head, None for a shard without one."""
        return self.heads.get(shard)

    def write_head(self, head: Head, *, unchanged_since: str | None) -> None:
        """Replace the head if its revision is still this one. Raises Refused."""
        now = self.heads.get(head.shard)
        if (now.revision if now is not None else None) != unchanged_since:
            raise Refused("the head has changed since it was read", shard=head.shard)
        self.heads[head.shard] = head

    def commit(self, commit: Commit, advance: Advance, /) -> None:
        """Advance the head and add the commit if the fence holds. Raises Refused."""
        head = self.heads.get(commit.shard)
        if head is None or not fence_holds(head, advance):
            raise Refused("the fence is lost", shard=commit.shard, position=commit.first)
        if (commit.shard, commit.first) in self.commits:
            raise Refused("there is a commit already", shard=commit.shard, position=commit.first)
        self.heads[commit.shard] = advanced(head, commit, advance)
        self.commits[commit.shard, commit.first] = commit

    def put_back(self, commit: Commit, /) -> None:
        """Write a commit that a restored ledger lacks."""
        self.commits[commit.shard, commit.first] = commit

    def mark_published(self, shard: ShardId, ref: CommitRef, *, revision: str, now_ms: int) -> None:
        """Clear `unpublished` if it names this commit."""
        head = self.heads.get(shard)
        if head is not None and head.unpublished == ref:
            self.heads[shard] = replace(
                head, unpublished=None, revision=revision, changed_ms=now_ms
            )

    def read_commit(self, shard: ShardId, first: Position, /) -> Commit | None:
        """Return the commit that starts at a position."""
        return self.commits.get((shard, first))

    def commits_since(self, shard: ShardId, *, arrival_ms: int) -> tuple[Commit, ...]:
        """Return the shard's commits with an arrival at or after a time, in order."""
        found = [
            commit
            for (owner, _), commit in self.commits.items()
            if owner == shard and commit.arrival_ms_max >= arrival_ms
        ]
        return tuple(sorted(found, key=lambda commit: commit.first))

    def shards(self) -> tuple[ShardId, ...]:
        """Return every shard that has a head."""
        return tuple(self.heads)


@dataclass
class MemoryStore:
    """Objects by key. `visible` is what a reader of the lake sees."""

    staged: dict[str, bytes] = field(default_factory=dict)
    visible: dict[str, bytes] = field(default_factory=dict)
    entries: dict[tuple[ShardId, CommitRef], Commit] = field(default_factory=dict)
    done: dict[tuple[ShardId, CommitRef], int] = field(default_factory=dict)

    def put_staged(self, key: str, body: bytes, /) -> None:
        """Put hidden bytes."""
        self.staged[key] = body

    def get_staged(self, key: str, /) -> bytes:
        """Return hidden bytes. Raises OperatingError if they are gone."""
        if key not in self.staged:
            raise OperatingError(f"no staged object {key}", retryable=False)
        return self.staged[key]

    def put_final(self, key: str, body: bytes, *, sha256: str) -> None:  # noqa: ARG002
        """Make bytes visible if the key is free. Raises BrokenInvariant if others lie there."""
        if self.visible.setdefault(key, body) != body:
            raise BrokenInvariant(f"{key} holds other bytes than its commit names")

    def put_journal(self, commit: Commit, /) -> None:
        """Write the commit's journal entry."""
        self.entries[commit.shard, commit.ref] = commit

    def put_done(self, commit: Commit, *, published_ms: int) -> None:
        """Mark the commit as published."""
        self.done.setdefault((commit.shard, commit.ref), published_ms)

    def done_ms(self, commit: Commit, /) -> int | None:
        """Return when the commit was published, None if it was not."""
        return self.done.get((commit.shard, commit.ref))

    def journal(self, shard: ShardId, /) -> tuple[JournalEntry, ...]:
        """Return a shard's journal."""
        return tuple(
            JournalEntry(commit=commit, published_ms=self.done_ms(commit))
            for (owner, _), commit in self.entries.items()
            if owner == shard
        )

    def journaled_shards(self) -> tuple[ShardId, ...]:
        """Return every shard that has a journal."""
        return tuple(dict.fromkeys(shard for shard, _ in self.entries))

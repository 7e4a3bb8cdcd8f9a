"""What a process does, in words, for a trace."""

from collections.abc import Callable
from typing import Any

from pipeline.ledger import effects
from pipeline.ledger.state import Commit, Head
from pipeline.ledger.steps import Effect


def of_effect(effect: Effect[Any]) -> str:
    """Return what a process does, as a verb in the third person."""
    return WORDS[type(effect)](effect)


def of_commit(commit: Commit) -> str:
    """Return a commit's shard and range."""
    return f"{commit.shard} {commit.first}..{commit.last}"


def write_head(effect: effects.WriteHead) -> str:
    """Return what a write of a head is for."""
    head: Head = effect.head
    opened = head.open_range
    if head.closed:
        return f"notes that {head.shard} is at its end"
    if opened is None:
        return f"notes where {head.shard} stands: {head.committed}"
    mine = [token for token in opened.tokens if token.token == head.fence]
    if not mine:
        return f"takes its token off {head.shard}"
    if mine[0].phase == "core":
        return f"notes that it is in the core, up to {opened.last} of {head.shard}"
    return f"fences {head.shard} up to {opened.last} (phase: {mine[0].phase})"


def run_core(effect: effects.RunCore) -> str:
    """Return which range is given to the core."""
    first = [loss.first for loss in effect.lost] + [r.position for r in effect.records]
    last = [loss.last for loss in effect.lost] + [r.position for r in effect.records]
    lost = ", some of it lost" if effect.lost else ""
    return f"runs the core on {min(first)}..{max(last)}{', masked' if effect.masked else ''}{lost}"


WORDS: dict[type[Effect[Any]], Callable[[Any], str]] = {
    effects.Now: lambda _: "reads its clock",
    effects.NewToken: lambda _: "draws a token",
    effects.Recall: lambda _: "looks what it remembers",
    effects.Remember: lambda _: "remembers the ids",
    effects.ReadLineage: lambda _: "lists the shards",
    effects.ReadHead: lambda e: f"reads the head of {e.shard}",
    effects.ReadCommit: lambda e: f"reads the commit of {e.shard} at {e.first}",
    effects.ReadCommits: lambda e: f"reads the commits of {e.shard}",
    effects.ReadDone: lambda e: f"looks for the mark of {of_commit(e.commit)}",
    effects.ReadJournal: lambda e: f"reads the journal of {e.shard}",
    effects.ReadAfter: lambda e: f"reads up to {e.records_max} of {e.shard} after {e.after}",
    effects.ReadOnFailurePayload: lambda e: f"looks up what was discarded of {e.shard}",
    effects.GetStaged: lambda e: f"gets {e.key.rpartition('/')[2]}",
    effects.WriteHead: write_head,
    effects.RunCore: run_core,
    effects.CommitTransaction: lambda e: f"commits {of_commit(e.commit)}",
    effects.PutStaged: lambda e: f"stages {e.key.rpartition('/')[2]}",
    effects.PutFinalIfAbsent: lambda e: f"publishes {e.key.removeprefix('lake/')}",
    effects.PutJournal: lambda e: f"journals {of_commit(e.commit)}",
    effects.PutDone: lambda e: f"marks {of_commit(e.commit)} as done",
    effects.MarkPublished: lambda e: f"notes in the head of {e.shard} that {e.ref.first} is public",
    effects.PutBack: lambda e: f"puts {of_commit(e.commit)} back into the ledger",
}

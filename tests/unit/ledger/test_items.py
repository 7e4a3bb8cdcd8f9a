"""Heads and commits survive their way into DynamoDB and S3 and back, whatever they hold."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Position, ShardId
from pipeline.core.result import Counts
from pipeline.ledger.items import (
    commit_from_item,
    commit_to_item,
    commit_to_json,
    head_from_item,
    head_to_item,
    padded,
)
from pipeline.ledger.state import Commit, CommitRef, Head, OpenRange, OpenToken, StagedFile

words = st.text("abcdef0123456789", min_size=1, max_size=32)
positions = st.integers(0, 10**56).map(Position)
times = st.integers(0, 10**13)
refs = st.builds(CommitRef, first=positions, token=words)
tokens = st.builds(
    OpenToken,
    token=words,
    deadline_ms=times,
    phase=st.sampled_from(["unknown", "core", "storage"]),
)
ranges = st.builds(
    OpenRange,
    last=positions,
    count=st.integers(1, 10_000),
    tokens=st.lists(tokens, max_size=3).map(tuple),
)
heads = st.builds(
    Head,
    shard=words.map(ShardId),
    revision=words,
    changed_ms=times,
    parents=st.lists(words.map(ShardId), max_size=2).map(tuple),
    origin=st.none() | positions,
    committed=st.none() | positions,
    last_commit=st.none() | refs,
    fence=st.none() | words,
    open_range=st.none() | ranges,
    limit=st.none() | st.integers(1, 10_000),
    suspect_last=st.none() | positions,
    masks_in_a_row=st.integers(0, 9),
    unpublished=st.none() | refs,
    closed=st.booleans(),
    settled_ms=st.none() | times,
)
files = st.builds(
    StagedFile,
    table=words,
    staged_key=words,
    final_key=words,
    sha256=words,
    rows=st.integers(0, 10**6),
)
counts = st.builds(
    Counts,
    records=st.integers(0, 9),
    received=st.integers(0, 9),
    quarantined_by_reason=st.dictionaries(words, st.integers(1, 9), max_size=3),
)
commits = st.builds(
    Commit,
    shard=words.map(ShardId),
    first=positions,
    last=positions,
    token=words,
    files=st.lists(files, max_size=3).map(tuple),
    ids_key=st.none() | words,
    counts=counts,
    arrival_ms_max=times,
    committed_ms=times,
)


@given(heads)
def test_a_head_survives(head: Head) -> None:
    assert head_from_item(head_to_item(head)) == head


@given(commits)
def test_a_commit_survives(commit: Commit) -> None:
    assert commit_from_item(commit_to_item(commit)) == commit


@given(positions, positions)
def test_positions_sort_as_text_like_numbers(one: Position, other: Position) -> None:
    """T27: beyond DynamoDB's 38 digits."""
    assert (padded(one) < padded(other)) == (one < other)


@given(heads)
def test_no_position_is_stored_as_a_number(head: Head) -> None:
    numbers = [value["N"] for value in head_to_item(head).values() if "N" in value]
    assert all(len(number) <= 38 for number in numbers)


@given(commits)
def test_the_journal_names_positions_as_text_and_files_with_their_checksums(
    commit: Commit,
) -> None:
    document = json.loads(commit_to_json(commit))
    assert document["first"] == str(commit.first)
    assert [file["sha256"] for file in document["files"]] == [f.sha256 for f in commit.files]

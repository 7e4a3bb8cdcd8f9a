"""Heads and commits as DynamoDB items, and commits as JSON; pure."""

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final, cast

from pipeline.core.records import Position, ShardId
from pipeline.core.result import Counts
from pipeline.ledger.state import Commit, CommitRef, Head, OpenRange, OpenToken, Phase, StagedFile

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

POSITION_DIGITS: Final = 64
"""Room for a Kinesis sequence number (56 digits today, up to 128 bits and more in its text)."""

COMMIT_KEEP_MS: Final = 40 * 24 * 3_600_000
"""Longer than point-in-time recovery reaches back (35 days), window and retention (T26)."""


def padded(position: Position) -> str:
    """Return a position as text that sorts like the number."""
    return f"{position:0{POSITION_DIGITS}d}"


def ref_to_text(ref: CommitRef) -> str:
    """Return a commit's name as one word."""
    return f"{padded(ref.first)}-{ref.token}"


def ref_from_text(text: str) -> CommitRef:
    """Return the commit's name that a word stands for."""
    first, _, token = text.partition("-")
    return CommitRef(first=Position(int(first)), token=token)


def head_to_item(head: Head) -> "Item":
    """Return a head as an item; what is None is absent."""
    texts = {
        "pk": f"shard#{head.shard}",
        "sk": "head",
        "revision": head.revision,
        "parents": json.dumps(head.parents),
        "origin": padded(head.origin) if head.origin is not None else None,
        "committed": padded(head.committed) if head.committed is not None else None,
        "last_commit": ref_to_text(head.last_commit) if head.last_commit else None,
        "fence": head.fence,
        "opened": open_to_text(head.open_range) if head.open_range else None,
        "suspect_last": padded(head.suspect_last) if head.suspect_last is not None else None,
        "unpublished": ref_to_text(head.unpublished) if head.unpublished else None,
    }
    numbers = {
        "changed_ms": head.changed_ms,
        "records_limit": head.limit,
        "masks_in_a_row": head.masks_in_a_row,
        "settled_ms": head.settled_ms,
    }
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    item.update({name: {"N": str(n)} for name, n in numbers.items() if n is not None})
    item["closed"] = {"BOOL": head.closed}
    return item


def head_from_item(item: "Item") -> Head:
    """Return the head that an item holds."""
    texts = {name: value["S"] for name, value in item.items() if "S" in value}
    numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value}

    def position(name: str) -> Position | None:
        return Position(int(texts[name])) if name in texts else None

    def ref(name: str) -> CommitRef | None:
        return ref_from_text(texts[name]) if name in texts else None

    return Head(
        shard=ShardId(texts["pk"].removeprefix("shard#")),
        revision=texts["revision"],
        changed_ms=numbers["changed_ms"],
        parents=tuple(ShardId(parent) for parent in json.loads(texts["parents"])),
        origin=position("origin"),
        committed=position("committed"),
        last_commit=ref("last_commit"),
        fence=texts.get("fence"),
        open_range=open_from_text(texts["opened"]) if "opened" in texts else None,
        limit=numbers.get("records_limit"),
        suspect_last=position("suspect_last"),
        masks_in_a_row=numbers.get("masks_in_a_row", 0),
        unpublished=ref("unpublished"),
        closed=bool(item.get("closed", {}).get("BOOL", False)),
        settled_ms=numbers.get("settled_ms"),
    )


def open_to_text(opened: OpenRange) -> str:
    """Return an open range as JSON, its position as text."""
    return json.dumps({**asdict(opened), "last": str(opened.last)})


def open_from_text(text: str) -> OpenRange:
    """Return the open range that a JSON text holds."""
    document = json.loads(text)
    return OpenRange(
        last=Position(int(document["last"])),
        count=document["count"],
        tokens=tuple(
            OpenToken(
                token=t["token"], deadline_ms=t["deadline_ms"], phase=cast("Phase", t["phase"])
            )
            for t in document["tokens"]
        ),
    )


def commit_to_json(commit: Commit) -> str:
    """Return a commit as JSON, positions as text: the ledger's item and the journal's object."""
    plain = replace(commit.counts, quarantined_by_reason={})  # asdict copies only plain mappings
    document = asdict(replace(commit, counts=plain))
    document["first"], document["last"] = str(commit.first), str(commit.last)
    document["counts"]["quarantined_by_reason"] = dict(commit.counts.quarantined_by_reason)
    return json.dumps(document, sort_keys=True)


def commit_from_json(text: str | bytes) -> Commit:
    """Return the commit that a JSON text holds."""
    document = json.loads(text)
    return Commit(
        shard=ShardId(document["shard"]),
        first=Position(int(document["first"])),
        last=Position(int(document["last"])),
        token=document["token"],
        files=tuple(StagedFile(**file) for file in document["files"]),
        ids_key=document["ids_key"],
        counts=Counts(**document["counts"]),
        arrival_ms_max=document["arrival_ms_max"],
        committed_ms=document["committed_ms"],
    )


def commit_to_item(commit: Commit) -> "Item":
    """Return a commit as an item."""
    return {
        "pk": {"S": f"shard#{commit.shard}"},
        "sk": {"S": f"commit#{padded(commit.first)}"},
        "commit": {"S": commit_to_json(commit)},
        "expires_s": {"N": str((commit.committed_ms + COMMIT_KEEP_MS) // 1000)},
    }


def commit_from_item(item: "Item") -> Commit:
    """Return the commit that an item holds."""
    return commit_from_json(item["commit"]["S"])

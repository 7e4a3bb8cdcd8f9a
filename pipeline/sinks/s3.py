"""The store in one S3 bucket: staged bytes, visible files, ids and the journal."""

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline import names
from pipeline.core.records import ShardId
from pipeline.errors import BrokenInvariant, OperatingError, OutcomeUnknown
from pipeline.ledger.items import commit_from_json, commit_to_json
from pipeline.ledger.state import Commit, JournalEntry
from pipeline.sinks.lake_reader import in_parallel

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

CONFLICTS_MAX: Final = 5
"""Conditional writes that S3 may answer with 409 in a row: each means a race with another."""


class S3Store:
    """Objects of the lake bucket.

    Delivery: a visible key is written once, with the bytes that its commit names, by whoever comes.
    Order: within a shard the next commit is made only after this one is published.
    Resume: from the staged bytes; the `.done` mark of the journal says that nothing is left to do.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_staged(self, key: str, body: bytes, /) -> None:
        """Put an object under a key that only this attempt can name. Raises OutcomeUnknown."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
        except (BotoCoreError, ClientError) as error:
            raise OutcomeUnknown(f"no certain answer to: put {key}: {error}") from error

    def get_staged(self, key: str, /) -> bytes:
        """Return an object's bytes. Raises OperatingError."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            gone = is_status(error, 404)
            raise OperatingError(f"cannot read {key}: {error}", retryable=not gone) from error

    def put_final(self, key: str, body: bytes, *, sha256: str) -> None:
        """Make bytes visible if the key is free; equal bytes there are as good.

        Raises BrokenInvariant if the bytes are not those that the commit names, or if others lie
        there: never overwritten, never skipped (I2). Raises OutcomeUnknown.
        """
        if hashlib.sha256(body).hexdigest() != sha256:
            raise BrokenInvariant(f"the staged bytes of {key} are not those that its commit names")
        for _ in range(CONFLICTS_MAX):
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
            except (BotoCoreError, ClientError) as error:
                if is_status(error, 409):
                    continue
                if not is_status(error, 412):
                    raise OutcomeUnknown(f"no certain answer to: put {key}: {error}") from error
                self._compare(key, sha256)
            return
        raise OutcomeUnknown(f"{key} met {CONFLICTS_MAX} conflicting writes in a row")

    def _compare(self, key: str, sha256: str) -> None:
        if hashlib.sha256(self.get_staged(key)).hexdigest() != sha256:
            raise BrokenInvariant(f"{key} holds other bytes than its commit names")

    def put_journal(self, commit: Commit, /) -> None:
        """Write the commit's journal entry. Raises OutcomeUnknown."""
        self.put_staged(f"{journal_key(commit)}.json", commit_to_json(commit).encode())

    def put_done(self, commit: Commit, *, published_ms: int) -> None:
        """Write the mark: the commit's content and `published_ms`. The first one stays.

        Raises OutcomeUnknown.
        """
        document = {**json.loads(commit_to_json(commit)), "published_ms": published_ms}
        key = f"{journal_key(commit)}.done"
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=json.dumps(document, sort_keys=True).encode(),
                IfNoneMatch="*",
            )
        except (BotoCoreError, ClientError) as error:
            if not is_status(error, 412):
                raise OutcomeUnknown(f"no certain answer to: put {key}: {error}") from error

    def journal(self, shard: ShardId, /) -> tuple[JournalEntry, ...]:
        """Return a shard's journal. Raises OperatingError."""
        keys = {
            entry["Key"]
            for page in self._pages(f"{names.JOURNAL_PREFIX}{shard}/")
            for entry in page.get("Contents", [])
        }

        def read(key: str) -> JournalEntry:
            commit = commit_from_json(self.get_staged(key))
            is_done = f"{journal_key(commit)}.done" in keys
            return JournalEntry(
                commit=commit, published_ms=self.done_ms(commit) if is_done else None
            )

        return tuple(in_parallel(read, sorted(key for key in keys if key.endswith(".json"))))

    def journaled_shards(self) -> tuple[ShardId, ...]:
        """Return every shard that has a journal. Raises OperatingError."""
        return tuple(
            ShardId(entry["Prefix"].removeprefix(names.JOURNAL_PREFIX).rstrip("/"))
            for page in self._pages(names.JOURNAL_PREFIX, delimiter="/")
            for entry in page.get("CommonPrefixes", [])
        )

    def _pages(self, prefix: str, *, delimiter: str = "") -> "Iterator[ListObjectsV2OutputTypeDef]":
        paginator = self._client.get_paginator("list_objects_v2")
        try:
            yield from paginator.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter=delimiter)
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot list {prefix}: {error}") from error

    def done_ms(self, commit: Commit, /) -> int | None:
        """Return when the commit was published, None if it was not. Raises OperatingError."""
        key = f"{journal_key(commit)}.done"
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            if is_status(error, 404):
                return None
            raise OperatingError(f"cannot read {key}: {error}") from error
        return int(json.loads(body)["published_ms"])


def journal_key(commit: Commit) -> str:
    """Return the key of a commit's journal entry, without its ending."""
    return names.journal_key(shard=commit.shard, first=commit.first, token=commit.token)


def is_status(error: BotoCoreError | ClientError, status: int) -> bool:
    """Return whether S3 answered with this HTTP status."""
    return (
        isinstance(error, ClientError)
        and error.response["ResponseMetadata"]["HTTPStatusCode"] == status
    )

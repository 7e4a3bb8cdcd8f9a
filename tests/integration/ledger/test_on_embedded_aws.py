"""The protocol on real DynamoDB, S3 and Kinesis calls: conditions, re-runs, reads by position."""

import base64
import hashlib
import json
from typing import Any

import pytest

from pipeline import names
from pipeline.core.result import Counts
from pipeline.errors import BrokenInvariant, OperatingError, OutcomeUnknown, Refused
from pipeline.ledger.effects import CommitTransaction, PutFinalIfAbsent, PutStaged, WriteHead
from pipeline.ledger.protocol import sweep
from pipeline.ledger.state import Commit, Head
from pipeline.ledger.steps import run


def test_a_batch_is_staged_committed_published_and_journaled(aws: Any) -> None:
    records = aws.put("a b@1", "c bad:x")

    outcome = aws.start(aws.worker(), records).finish()

    assert outcome.committed == records[-1].position
    assert outcome.first_uncommitted is None
    assert outcome.counts == Counts(
        records=2, received=4, stored=3, quarantined=1, quarantined_by_reason={"rejected": 1}
    )
    assert aws.lake() == ["a", "b", "c", "x"]
    head = aws.ledger.read_head(aws.shard)
    assert head.unpublished is None
    assert head.open_range is None
    done = next(key for key in aws.keys(names.JOURNAL_PREFIX) if key.endswith(".done"))
    document = json.loads(aws.s3.get_object(Bucket=aws.name, Key=done)["Body"].read())
    assert document["published_ms"] == outcome.published_ms
    assert int(document["last"]) == records[-1].position
    assert {file["final_key"] for file in document["files"]} == set(aws.keys(names.LAKE_PREFIX))


def test_copies_are_dropped_after_a_cold_start(aws: Any) -> None:
    aws.start(aws.worker(), aws.put("a", "b")).finish()

    outcome = aws.start(aws.worker(), aws.put("a c", "b")).finish()

    assert outcome.counts.duplicates == 2
    assert aws.lake() == ["a", "b", "c"]


def test_a_gap_before_the_batch_is_filled_from_the_stream(aws: Any) -> None:
    records = aws.put("a", "b", "c", "d")
    aws.start(aws.worker(), records[:1]).finish()

    aws.start(aws.worker(), records[3:]).finish()

    assert aws.lake() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("stop", [PutStaged, CommitTransaction, PutFinalIfAbsent])
def test_a_zombie_changes_nothing_after_another_took_its_shard(aws: Any, stop: type) -> None:
    records = aws.put("a b@1", "c")
    zombie = aws.start(aws.worker(), records).until(stop)

    aws.start(aws.worker(), records[:1]).finish()
    while not zombie.ended:
        zombie.step()

    if stop is PutFinalIfAbsent:
        assert zombie.error is None
    else:
        assert isinstance(zombie.error, Refused)
    aws.start(aws.worker(), records).finish()
    assert aws.lake() == ["a", "b", "c"]


def test_the_sweeper_finishes_what_was_killed_between_two_copies(aws: Any) -> None:
    aws.start(aws.worker(), aws.put("a b@1")).until(PutFinalIfAbsent, times=2).kill()
    assert len(aws.keys(names.LAKE_PREFIX)) == 1

    outcome = run(
        sweep(aws.shard, deadline_ms=aws.clock_ms + 60_000, settings=aws.settings), aws.worker()
    )

    assert outcome.waits_for is None
    assert aws.lake() == ["a", "b"]


def test_the_sweeper_takes_a_discarded_tail_only_after_the_deadline(aws: Any) -> None:
    aws.start(aws.worker(), aws.put("a", "b")).until(CommitTransaction).kill()

    def swept() -> str | None:
        steps = sweep(aws.shard, deadline_ms=aws.clock_ms + 60_000, settings=aws.settings)
        return run(steps, aws.worker()).waits_for

    assert swept() is not None
    assert aws.lake() == []
    aws.clock_ms += 121_000
    assert swept() is None
    assert aws.lake() == ["a", "b"]


class Twice:
    """A client whose every write reaches the service twice, as a retry of the SDK does."""

    def __init__(self, client: Any, *methods: str) -> None:
        self._client = client
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name not in self._methods:
            return method

        def twice(**request: Any) -> Any:
            method(**request)
            return method(**request)

        return twice


def test_a_retry_that_meets_its_own_effect_is_a_success(aws: Any) -> None:
    """T28: fence and transaction are read back; one's own token there means success."""
    records = aws.put("a")
    ledger = aws.ledger
    ledger._client = Twice(aws.dynamodb, "put_item", "update_item", "transact_write_items")

    outcome = aws.start(aws.worker(ledger=ledger), records).finish()

    assert outcome.committed == records[-1].position
    assert aws.lake() == ["a"]


def test_a_head_written_by_another_is_refused(aws: Any) -> None:
    head = Head(shard=aws.shard, revision="r1", changed_ms=1)
    aws.ledger.write_head(head, unchanged_since=None)

    with pytest.raises(Refused):
        aws.ledger.write_head(
            Head(shard=aws.shard, revision="r2", changed_ms=1), unchanged_since=None
        )
    with pytest.raises(Refused):
        aws.ledger.write_head(
            Head(shard=aws.shard, revision="r2", changed_ms=1), unchanged_since="r0"
        )
    assert aws.ledger.read_head(aws.shard) == head
    assert aws.ledger.shards() == (aws.shard,)


def test_an_unreachable_ledger_leaves_the_outcome_open(aws: Any) -> None:
    ledger = aws.ledger
    ledger._table = "nowhere"
    with pytest.raises(OutcomeUnknown):
        ledger.write_head(Head(shard=aws.shard, revision="r", changed_ms=1), unchanged_since=None)
    with pytest.raises(OperatingError):
        ledger.read_head(aws.shard)


def test_a_final_key_keeps_the_bytes_that_its_commit_names(aws: Any) -> None:
    body = b"rows"
    digest = hashlib.sha256(body).hexdigest()
    aws.store.put_final("lake/x", body, sha256=digest)
    aws.store.put_final("lake/x", body, sha256=digest)
    aws.s3.put_object(Bucket=aws.name, Key="lake/y", Body=b"foreign")

    with pytest.raises(BrokenInvariant):
        aws.store.put_final("lake/y", body, sha256=digest)
    with pytest.raises(BrokenInvariant):
        aws.store.put_final("lake/z", b"other", sha256=digest)
    assert aws.s3.get_object(Bucket=aws.name, Key="lake/y")["Body"].read() == b"foreign"
    assert aws.keys("lake/z") == []


def test_the_first_mark_of_a_publication_stays(aws: Any) -> None:
    commit = Commit(
        shard=aws.shard,
        first=1,
        last=2,
        token="t",
        files=(),
        ids_key=None,
        counts=Counts(),
        arrival_ms_max=1,
        committed_ms=2,
    )
    assert aws.store.done_ms(commit) is None
    aws.store.put_done(commit, published_ms=10)
    aws.store.put_done(commit, published_ms=20)
    assert aws.store.done_ms(commit) == 10


def test_reads_by_position_know_whether_the_position_is_still_held(aws: Any) -> None:
    records = aws.put("a", "b", "c")
    source = aws.source

    one = source.read_after(aws.shard, after=records[0].position, origin=None, records_max=1)
    tip = source.read_after(aws.shard, after=records[2].position, origin=None, records_max=5)
    gone = source.read_after(aws.shard, after=records[0].position - 1, origin=None, records_max=9)

    assert one.records == records[1:2]
    assert one.held
    assert tip.records == ()
    assert tip.at_tip
    assert tip.held
    assert not tip.closed
    assert gone.records == records
    assert not gone.held


def test_a_discarded_batch_is_found_with_its_payload(aws: Any) -> None:
    records = aws.put("a", "b", "c")
    event = {"Records": [kinesis_entry(aws.shard, record) for record in records[:2]]}
    key = f"{names.ON_FAILURE_PREFIX}some-mapping/{aws.shard}/2026/01/01/x"
    body = json.dumps({"version": "1.0", "payload": json.dumps(event)}).encode()
    aws.s3.put_object(Bucket=aws.name, Key=key, Body=body)

    found = aws.source.on_failure(aws.shard, after=None, before=records[2].position)
    none = aws.source.on_failure(aws.shard, after=records[1].position, before=10**60)

    assert found == (records[:2],)
    assert none == ()


def kinesis_entry(shard: str, record: Any) -> dict[str, Any]:
    """Return a record as an event of the mapping holds it."""
    return {
        "eventID": f"{shard}:{record.position}",
        "kinesis": {
            "sequenceNumber": str(record.position),
            "partitionKey": record.partition_key,
            "approximateArrivalTimestamp": record.arrival_ms / 1000,
            "data": base64.b64encode(record.data).decode(),
        },
    }


def test_the_fence_is_written_before_anything_is_staged(aws: Any) -> None:
    aws.start(aws.worker(), aws.put("a")).until(WriteHead).kill()
    assert aws.keys(names.STAGING_PREFIX) == []

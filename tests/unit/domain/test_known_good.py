"""The record that tells bad data from a bad deploy is itself good."""

from pipeline.core.batch import Batch, Limits
from pipeline.core.dedupe import SeenIds
from pipeline.core.process import process
from pipeline.core.records import ShardId
from pipeline.core.result import Attempt
from pipeline.domain import catalog
from pipeline.domain.known_good import KNOWN_GOOD


def test_the_shipped_contracts_store_the_known_good_record() -> None:
    result = process(
        Batch(records=(KNOWN_GOOD,)),
        attempt=Attempt(shard=ShardId("shard-0"), first=KNOWN_GOOD.position, token="t"),
        seen=SeenIds.empty(window_ms=1_000),
        catalog=catalog(),
        limits=Limits(),
    )
    assert (result.counts.stored, result.counts.quarantined) == (1, 0)

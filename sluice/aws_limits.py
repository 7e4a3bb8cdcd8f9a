"""AWS's rates kept for one load of a local stack, and what its shards gave under them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from infra.local.front.control import Front, ShardWritten
from loadtests.progress import Progress
from pipeline.errors import UserError
from sluice.stack import Stack


@contextmanager
def aws_limits(stack: Stack) -> Iterator[Front]:
    """Keep AWS's limits as long as the context lasts. Raises UserError for a stack on AWS."""
    if stack.endpoint is None:
        raise UserError(
            f"stack {stack.name} is on AWS, which keeps its limits: leave the option out"
        )
    front = Front(stack.endpoint)
    front.limits(True)
    try:
        yield front
    finally:
        front.limits(False)


def facts_of(written: Sequence[ShardWritten], load: Progress) -> Mapping[str, str]:
    """Return what the shards took, and how the producers fared, as lines of the report."""
    shards = [shard for shard in written if shard.seconds > 0]
    if not shards:
        return {"AWS's limits": "on; the load was too short to tell a shard's rate"}
    records = sum(shard.records for shard in shards)
    refused = sum(shard.refused for shard in shards)
    held_back = load.held_back_ms / 1_000
    noun = "shard" if len(shards) == 1 else "shards"
    return {
        "AWS's limits": f"on; {len(shards)} {noun} took {records:,} records, {_total(shards)}",
        "A shard gave": "; ".join(f"{shard.shard[-4:]}: {_rate(shard)}" for shard in shards),
        "Throttled": f"{refused:,} records refused, {load.throttles:,} as the producers count",
        "Back-pressure": f"callers waited {held_back:,.1f} s for room in the buffers",
    }


def _rate(shard: ShardWritten) -> str:
    """Return what one shard took a second, from its first record to its last."""
    mb = shard.bytes / shard.seconds / 1_048_576
    return f"{shard.records / shard.seconds:,.0f} records/s, {mb:.2f} MB/s"


def _total(shards: Sequence[ShardWritten]) -> str:
    mb = sum(shard.bytes / shard.seconds for shard in shards) / 1_048_576
    rate = sum(shard.records / shard.seconds for shard in shards)
    return f"{rate:,.0f} records/s and {mb:.2f} MB/s"

"""How far a topic is ahead of what is committed, asked from beside the workers."""

from pipeline import metrics
from pipeline.consumer.streams import TopicSource
from pipeline.ledger.seams import Ledger
from pipeline.probe import Found


def behind(source: TopicSource, ledger: Ledger) -> Found:
    """Find how many records of all partitions come after what the ledger has committed.

    It joins no group: no worker loses a partition to it. Raises OperatingError.
    """
    lags = {}
    for info in source.shards():
        head = ledger.read_head(info.shard)
        after = head.committed if head is not None else None
        lags[info.shard] = source.lag(info.shard, after=after)
    return Found(values={metrics.STREAM_LAG: sum(lags.values())}, properties={"lags": lags})

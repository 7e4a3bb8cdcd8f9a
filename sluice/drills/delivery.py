"""What happens between producers, stream and functions: copies, disorder, resets, refusals."""

import os
import signal
import time
from typing import Any, Final

from infra.local.front.faults import Fault
from sluice.drills.drill import Drill
from sluice.drills.rig import Rig

HALF: Final = 0.5
FIFTH: Final = 0.2
COPIED_SECONDS: Final = 5.0
RECORDS_PER_REQUEST_MAX: Final = 500


def reset_producers(rig: Rig) -> None:
    """Break off every second connection on which a producer puts records."""
    rig.inject(Fault(service="kinesis", operation="PutRecords", kind="reset", share=HALF))


def fail_puts(rig: Rig) -> None:
    """Fail every second put, and some after it took effect: nobody can know which."""
    rig.inject(
        Fault(service="kinesis", operation="PutRecords", kind="lost_answer", share=FIFTH, seed=1),
        Fault(service="kinesis", operation="PutRecords", kind="error", share=HALF, seed=2),
    )


def clear(rig: Rig) -> None:
    """Let the network be well again."""
    rig.clear_faults()


def deliver_copies(rig: Rig) -> None:
    """Put the records of the last seconds again, the newest first, in the midst of new ones.

    Then let the mapping forget where it was: it delivers the stream from its beginning again.
    """
    kinesis, stream = rig.stack.environment.kinesis, rig.stack.environment.settings.stream
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]:
            _copy_newest(kinesis, stream, shard)
    mapping = rig.aws.mapping_pid
    os.kill(mapping, signal.SIGKILL)
    (rig.stack.folder / "checkpoints.json").unlink(missing_ok=True)


def _copy_newest(kinesis: Any, stream: str, shard: dict[str, Any]) -> None:
    """Put a shard's newest records once more on the same shard, backwards."""
    opened = kinesis.get_shard_iterator(
        StreamName=stream,
        ShardId=shard["ShardId"],
        ShardIteratorType="AT_TIMESTAMP",
        Timestamp=time.time() - COPIED_SECONDS,
    )
    records = kinesis.get_records(ShardIterator=opened["ShardIterator"])["Records"]
    copies = [
        {
            "Data": record["Data"],
            "PartitionKey": record["PartitionKey"],
            "ExplicitHashKey": shard["HashKeyRange"]["StartingHashKey"],
        }
        for record in reversed(records[-RECORDS_PER_REQUEST_MAX:])
    ]
    if copies:
        kinesis.put_records(StreamName=stream, Records=copies)


DELIVERY: Final = (
    Drill(
        id="copies-and-disorder",
        fault="records come again, newest first, and the mapping delivers all from the beginning",
        by_design="ids within the window and positions before the head are known",
        break_it=deliver_copies,
    ),
    Drill(
        id="producer-resets",
        fault="every second connection of a producer is broken off",
        by_design="a record whose fate is unknown is sent again, the same bytes to the same shard",
        break_it=reset_producers,
        heal=clear,
    ),
    Drill(
        id="kinesis-failing",
        fault="half of the puts fail with 500, a fifth of them after they took effect",
        by_design="unknown outcomes are sent again, and copies are dropped by their ids",
        break_it=fail_puts,
        heal=clear,
    ),
)

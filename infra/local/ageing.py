"""Lets the records of a stream grow old at once: hours of a stall without waiting for them.

A tag of the stream, `local:age-seconds`, moves the arrival of every record that is in it now by so
many seconds into the past, once each time that the tag is set: what lies unread comes close to its
retention, or expires. AWS has no such thing; it is for drills on the local AWS alone.
"""
# ruff: noqa: SLF001 - replacing private functions of the pinned version is this module's purpose

from typing import Any, Final

from infra.local import shards

AGE_TAG: Final = "local:age-seconds"

Request = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def age(stream: shards.Stream, seconds: float) -> None:
    """Move the arrival of every record, and the closing of every closed shard, into the past."""
    for shard in stream["shards"].values():
        for record in shard["records"]:
            record["ApproximateArrivalTimestamp"] = round(shards.arrival(record) - seconds, 3)
        for name in ("opened_at", "closed_at"):
            if name in shard:
                shard[name] -= seconds


def install() -> None:
    """Let ministack's Kinesis look at the tag."""
    from ministack.services import kinesis  # only in the emulator: it is slow to import

    tag = kinesis._add_tags

    def add_tags(data: Request) -> Answer:
        """Tag a stream, and age its records if the tag says so."""
        tags = data.get("Tags", {})
        _, stream = kinesis._resolve_stream(data)
        if stream and AGE_TAG in tags:
            age(stream, float(tags[AGE_TAG]))
        answer: Answer = tag(data)
        return answer

    kinesis._add_tags = add_tags

"""Taking records in: a bare message is read as it would be inside an aggregate."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.aggregate import UserRecord, aggregate
from pipeline.core.batch import Batch, Limits
from pipeline.core.intake import Intake, take_in
from pipeline.core.records import Position, Record
from pipeline.names import REPLAY_KEY_PREFIX

LIMITS = Limits(decoded_bytes_max=60, events_max=6)


def taken(key: str, data: bytes, *, masked: bool = False) -> Intake:
    record = Record(position=Position(1), partition_key=key, arrival_ms=0, data=data)
    masks = frozenset((record.position,)) if masked else frozenset()
    return take_in(Batch(records=(record,), masked=masks), LIMITS)


@given(
    st.lists(st.sampled_from([b"{", b"}", b"\n", b"\r\n", b" ", b'{"a":1}', b"x"]), max_size=20),
    st.sampled_from(["k", REPLAY_KEY_PREFIX + "k"]),
)
def test_a_bare_message_is_taken_in_as_one_inside_an_aggregate(parts, key):
    body = b"".join(parts)
    bare = taken(key, body)
    inside = taken(key, aggregate([UserRecord(partition_key=key, payload=body)]))

    assert bare.payloads == inside.payloads
    assert [each.reason for each in bare.refused] == [each.reason for each in inside.refused]
    assert all(each.raw == body for each in bare.refused)


def test_a_masked_message_is_not_looked_into():
    intake = taken("k", b'{"a":1}', masked=True)

    assert intake.payloads == []
    assert [each.reason.code for each in intake.refused] == ["masked"]

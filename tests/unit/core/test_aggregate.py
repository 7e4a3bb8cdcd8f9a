"""The KPL's format both ways, against the published implementation, and every way it can break."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.aggregate import NotDeaggregable, UserRecord, aggregate, deaggregate

USER_RECORDS = st.lists(
    st.builds(
        UserRecord,
        partition_key=st.text(min_size=1, max_size=5),
        explicit_hash_key=st.none() | st.integers(0, 2**128 - 1).map(str),
        payload=st.binary(max_size=50),
    ),
    min_size=1,
    max_size=20,
)


@given(USER_RECORDS)
def test_user_records_come_back_as_they_were_put(records):
    assert deaggregate(aggregate(records), "outer") == records


def test_a_record_without_the_magic_is_one_user_record():
    assert deaggregate(b"plain", "k") == [UserRecord(partition_key="k", payload=b"plain")]


@given(USER_RECORDS)
def test_the_published_deaggregator_reads_what_we_write(records):
    import base64

    from aws_kinesis_agg import deaggregator

    event = {
        "kinesis": {
            "data": base64.b64encode(aggregate(records)).decode(),
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 1,
            "partitionKey": "outer",
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "1",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "",
        "awsRegion": "",
        "eventSourceARN": "",
    }
    read = deaggregator.deaggregate_records([event])
    assert [base64.b64decode(each["kinesis"]["data"]) for each in read] == [
        each.payload for each in records
    ]


def test_we_read_what_the_published_aggregator_writes():
    from aws_kinesis_agg.aggregator import RecordAggregator

    aggregator = RecordAggregator()
    for number in range(5):
        aggregator.add_user_record(f"k{number % 2}", b"payload %d" % number, str(number % 2))
    _, _, data = aggregator.clear_and_get().get_contents()
    assert deaggregate(data, "outer") == [
        UserRecord(
            partition_key=f"k{number % 2}",
            explicit_hash_key=str(number % 2),
            payload=b"payload %d" % number,
        )
        for number in range(5)
    ]


def sealed(body: bytes) -> bytes:
    return b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body, usedforsecurity=False).digest()


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"\xf3\x89\x9a\xc2", "cut short"),
        (b"\xf3\x89\x9a\xc2" + bytes(30), "checksum"),
        (sealed(b""), "no user record"),
        (sealed(b"\xff\xff\xff"), "protobuf"),
        (sealed(b"\x1a\x05\x08\x03\x1a\x01x"), "names a key"),
    ],
)
def test_a_broken_aggregate_says_what_is_broken(data, cause):
    with pytest.raises(NotDeaggregable, match=cause) as error:
        deaggregate(data, "k")
    assert error.value.reason.code == "bad-aggregate"


@given(USER_RECORDS, st.data())
def test_no_flipped_bit_goes_unnoticed(records, data):
    whole = bytearray(aggregate(records))
    place = data.draw(st.integers(4, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(NotDeaggregable):
        deaggregate(bytes(whole), "k")

"""The KPL's aggregated record format, both ways: many user records in one stream record.

Format: magic, a protobuf message `AggregatedRecord`, the MD5 of that message (its source:
amazon-kinesis-producer, aggregation-format.md). `aws_kinesis_agg` gives the two constants; its
generated module is imported only by putting its folder on `sys.path`, so the message stands here.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from aws_kinesis_agg import DIGEST_SIZE, MAGIC
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from pipeline.core.reasons import Reason, ReasonCode


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecord:
    """What a producer put; its explicit hash key, else its partition key, picks the shard."""

    partition_key: str
    explicit_hash_key: str | None = None
    payload: bytes


class NotDeaggregable(ValueError):
    """The record bears the magic but cannot be split; `reason` goes to quarantine with it."""

    def __init__(self, detail: str, code: ReasonCode = ReasonCode.BAD_AGGREGATE) -> None:
        super().__init__(detail)
        self.reason = Reason(code=code, detail=detail)


_FIELD = descriptor_pb2.FieldDescriptorProto


def _message_class() -> type[Message]:
    """Return the class of `AggregatedRecord`, declared in a pool of its own."""
    file = descriptor_pb2.FileDescriptorProto(
        name="sluice/aggregated_record.proto", package="sluice", syntax="proto2"
    )
    record = file.message_type.add(name="Record")
    for number, name, kind, label in (
        (1, "partition_key_index", _FIELD.TYPE_UINT64, _FIELD.LABEL_REQUIRED),
        (2, "explicit_hash_key_index", _FIELD.TYPE_UINT64, _FIELD.LABEL_OPTIONAL),
        (3, "data", _FIELD.TYPE_BYTES, _FIELD.LABEL_REQUIRED),
    ):
        record.field.add(number=number, name=name, type=kind, label=label)
    aggregated = file.message_type.add(name="AggregatedRecord")
    for number, name in ((1, "partition_key_table"), (2, "explicit_hash_key_table")):
        aggregated.field.add(
            number=number, name=name, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_REPEATED
        )
    aggregated.field.add(
        number=3,
        name="records",
        type=_FIELD.TYPE_MESSAGE,
        type_name=".sluice.Record",
        label=_FIELD.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made: type[Message] = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("sluice.AggregatedRecord")
    )
    return made


_AggregatedRecord = _message_class()


def aggregate(records: Iterable[UserRecord]) -> bytes:
    """Return one stream record's data that carries `records` in their order.

    Put it under the first record's keys, and put the same bytes under the same keys again when the
    outcome is unknown (protocol.md, T17).
    """
    message = _AggregatedRecord()
    partition_keys: dict[str, int] = {}
    hash_keys: dict[str, int] = {}
    for record in records:
        inner = message.records.add()
        inner.data = record.payload
        inner.partition_key_index = partition_keys.setdefault(
            record.partition_key, len(partition_keys)
        )
        if record.explicit_hash_key is not None:
            inner.explicit_hash_key_index = hash_keys.setdefault(
                record.explicit_hash_key, len(hash_keys)
            )
    message.partition_key_table.extend(partition_keys)
    message.explicit_hash_key_table.extend(hash_keys)
    body = message.SerializeToString()
    return b"".join((MAGIC, body, hashlib.md5(body, usedforsecurity=False).digest()))


def deaggregate(
    data: bytes, partition_key: str, *, records_max: int | None = None
) -> list[UserRecord]:
    """Return the user records in `data`; one, under `partition_key`, when it bears no magic.

    Raises:
        NotDeaggregable: the magic is there, but the checksum, the message or an index is broken,
            or there are more than `records_max` user records.
    """
    if not data.startswith(MAGIC):
        return [UserRecord(partition_key=partition_key, payload=data)]
    body, digest = data[len(MAGIC) : -DIGEST_SIZE], data[-DIGEST_SIZE:]
    if len(data) < len(MAGIC) + DIGEST_SIZE:
        raise NotDeaggregable("aggregated record is cut short")
    if hashlib.md5(body, usedforsecurity=False).digest() != digest:
        raise NotDeaggregable("aggregation checksum does not match")
    try:
        message = _AggregatedRecord.FromString(body)
    except DecodeError:
        raise NotDeaggregable("aggregated record is not the protobuf message it claims") from None
    if not message.records:
        raise NotDeaggregable("aggregated record holds no user record")
    if records_max is not None and len(message.records) > records_max:
        detail = f"holds more than {records_max} user records"
        raise NotDeaggregable(detail, ReasonCode.TOO_MANY_EVENTS)
    keys, hash_keys = list(message.partition_key_table), list(message.explicit_hash_key_table)
    try:
        return [
            UserRecord(
                partition_key=keys[record.partition_key_index],
                explicit_hash_key=(
                    hash_keys[record.explicit_hash_key_index]
                    if record.HasField("explicit_hash_key_index")
                    else None
                ),
                payload=record.data,
            )
            for record in message.records
        ]
    except IndexError:
        raise NotDeaggregable("user record names a key that its table lacks") from None

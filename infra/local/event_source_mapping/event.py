"""The JSON in which a function receives Kinesis records (Lambda developer guide, "Kinesis")."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.event_source_mapping.rules import Record


@dataclass(frozen=True, kw_only=True)
class Source:
    """What all events of one shard have in common."""

    stream_arn: str
    shard_id: str
    region: str
    role_arn: str


def record(source: Source, read: Mapping[str, Any]) -> Record:
    """Turn a record of a GetRecords answer into the JSON that the function gets.

    Its members are written out by hand: base64 needs no escaping, and this is the hot path.
    """
    sequence, arrival = read["SequenceNumber"], read["ApproximateArrivalTimestamp"].timestamp()
    body = (
        f'{{"kinesis":{{"kinesisSchemaVersion":"1.0",'
        f'"partitionKey":{json.dumps(read["PartitionKey"])},'
        f'"sequenceNumber":"{sequence}",'
        f'"data":"{base64.b64encode(read["Data"]).decode()}",'
        f'"approximateArrivalTimestamp":{arrival:.3f}}},'
        f'"eventSource":"aws:kinesis","eventVersion":"1.0",'
        f'"eventID":"{source.shard_id}:{sequence}","eventName":"aws:kinesis:record",'
        f'"invokeIdentityArn":"{source.role_arn}","awsRegion":"{source.region}",'
        f'"eventSourceARN":"{source.stream_arn}"}}'
    )
    return Record(sequence=int(sequence), arrival=arrival, body=body.encode())

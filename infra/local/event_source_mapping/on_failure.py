"""What an on-failure destination gets of records that a mapping gave up.

Shape and key: Lambda developer guide, "Retain discarded batch records for a Kinesis Data Streams
event source". SQS and SNS get the metadata; S3 gets the payload too, the event's JSON as a string.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.event_source_mapping.rules import Batch, Condition
from infra.local.event_source_mapping.settings import Mapping
from pipeline.names import ON_FAILURE_PREFIX


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    """Records of one shard that the mapping will not deliver any more; `at` in seconds."""

    mapping: Mapping
    shard_id: str
    batch: Batch
    condition: Condition
    at: float


def metadata(given_up: GivenUp) -> dict[str, Any]:
    """Return the invocation record without the payload."""
    batch = given_up.batch
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": given_up.mapping.function_arn,
            "condition": given_up.condition.value,
            "approximateInvokeCount": batch.invocations,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": _iso(given_up.at),
        "KinesisBatchInfo": {
            "shardId": given_up.shard_id,
            "startSequenceNumber": str(batch.records[0].sequence),
            "endSequenceNumber": str(batch.records[-1].sequence),
            "approximateArrivalOfFirstRecord": _iso(batch.records[0].arrival),
            "approximateArrivalOfLastRecord": _iso(batch.records[-1].arrival),
            "batchSize": len(batch.records),
            "streamArn": given_up.mapping.stream_arn,
        },
    }


def with_payload(given_up: GivenUp) -> dict[str, Any]:
    """Return the invocation record as S3 gets it."""
    return {**metadata(given_up), "payload": given_up.batch.payload.decode()}


def object_key(given_up: GivenUp) -> str:
    """Return the S3 key: mapping, shard, date, time and a random id."""
    at = datetime.fromtimestamp(given_up.at, UTC)
    return (
        f"{ON_FAILURE_PREFIX}{given_up.mapping.uuid}/{given_up.shard_id}/"
        f"{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
    )


def send(given_up: GivenUp, clients: Any) -> None:
    """Send the record to the mapping's destination, if any; `clients(service)` returns a client.

    Raises botocore's ClientError or BotoCoreError if the destination does not take it.
    """
    arn = given_up.mapping.destination_arn
    if arn is None:
        return
    service, name = arn.split(":")[2], arn.split(":")[-1]
    if service == "s3":
        body = json.dumps(with_payload(given_up)).encode()
        clients("s3").put_object(Bucket=name, Key=object_key(given_up), Body=body)
    elif service == "sns":
        clients("sns").publish(TopicArn=arn, Message=json.dumps(metadata(given_up)))
    else:
        url = clients("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        clients("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(metadata(given_up)))


def _iso(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Records to Kinesis: one PutRecords a batch, each record by its own outcome."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import UserError
from pipeline.producer.outcomes import Outcome, of_entry, of_error
from pipeline.producer.queues import Shipment

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef


class KinesisTransport:
    """Puts records on one Kinesis stream, each at its lane's own hash key."""

    def __init__(self, client: "KinesisClient", stream_name: str) -> None:
        """Take a client that does not retry by itself: see `settings.client_config`.

        Raises:
            UserError: the client retries by itself.
        """
        retries = getattr(client.meta.config, "retries", None) or {}
        if retries.get("total_max_attempts") != 1:
            raise UserError(
                "the producer's Kinesis client retries by itself, which hides unknown outcomes;"
                " make it with config=pipeline.producer.settings.client_config(settings)"
            )
        self._client = client
        self._stream_name = stream_name

    def send(self, batch: Sequence[Shipment[Any]], /) -> list[Outcome]:
        """Attempt one request."""
        entries: list[PutRecordsRequestEntryTypeDef] = [
            {
                "Data": shipment.data,
                "PartitionKey": shipment.address.partition_key,
                "ExplicitHashKey": shipment.address.explicit_hash_key,
            }
            for shipment in batch
        ]
        try:
            answer = self._client.put_records(StreamName=self._stream_name, Records=entries)
        except (BotoCoreError, ClientError) as error:
            return [of_error(error)] * len(batch)
        # A body that is no JSON comes through botocore as an answer without entries.
        outcomes = [of_entry(entry.get("ErrorCode")) for entry in answer.get("Records", ())]
        return outcomes if len(outcomes) == len(batch) else [Outcome.UNKNOWN] * len(batch)

    def close(self) -> None:
        """Hold nothing of our own: the client is the caller's."""

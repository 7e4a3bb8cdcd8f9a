"""Claims on quarantine: who replays which rows, so that nobody replays them twice (T24)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import OutcomeUnknown, Refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION: Final = "replay"


class ClaimState(StrEnum):
    """Claimed: being sent. Sent: all acknowledged by the stream. Done: all committed."""

    CLAIMED = "claimed"
    SENT = "sent"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim on the rows of one quarantine file that were put there for one reason."""

    file: str
    reason: str
    state: ClaimState
    token: str
    deadline_ms: int

    @property
    def key(self) -> str:
        """Return the name under which the ledger keeps it."""
        return f"{self.file}#{self.reason}"


class Claims:
    """The ledger's claims; the client comes with time-outs and bounded retries."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def take(self, claim: Claim, *, now_ms: int) -> None:
        """Claim rows that nobody claims, or whose claimer's deadline is over.

        Raises Refused when somebody else holds them or they were sent, OutcomeUnknown without a
        certain answer.
        """
        self._put(
            claim,
            condition="attribute_not_exists(pk) OR "
            "(#state = :claimed AND deadline_ms < :now) OR #token = :token",
            values={":claimed": {"S": ClaimState.CLAIMED}, ":now": {"N": str(now_ms)}},
        )

    def advance(self, claim: Claim) -> None:
        """Write a later state of one's own claim. Raises as `take` does."""
        self._put(claim, condition="#token = :token", values={})

    def _put(self, claim: Claim, *, condition: str, values: dict[str, dict[str, str]]) -> None:
        names = {"#token": "token"} | ({"#state": "state"} if "#state" in condition else {})
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": PARTITION},
                    "sk": {"S": claim.key},
                    "file": {"S": claim.file},
                    "reason": {"S": claim.reason},
                    "state": {"S": claim.state},
                    "token": {"S": claim.token},
                    "deadline_ms": {"N": str(claim.deadline_ms)},
                },
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={":token": {"S": claim.token}, **values},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise Refused(f"{claim.key} is claimed or was replayed") from error
            raise OutcomeUnknown(f"no certain answer to a claim: {error}") from error
        except BotoCoreError as error:
            raise OutcomeUnknown(f"no certain answer to a claim: {error}") from error

    def all(self) -> tuple[Claim, ...]:
        """Return every claim there is. Raises OutcomeUnknown when the ledger cannot be read."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": PARTITION}},
        )
        try:
            return tuple(
                Claim(
                    file=item["file"]["S"],
                    reason=item["reason"]["S"],
                    state=ClaimState(item["state"]["S"]),
                    token=item["token"]["S"],
                    deadline_ms=int(item["deadline_ms"]["N"]),
                )
                for page in pages
                for item in page["Items"]
            )
        except (BotoCoreError, ClientError) as error:
            raise OutcomeUnknown(f"the ledger's claims cannot be read: {error}") from error

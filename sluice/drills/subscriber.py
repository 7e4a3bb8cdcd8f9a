"""A subscriber of a stack's alarms: a queue on its topic, as a pager would be."""

import json
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any, Final, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.environment import CLIENT_CONFIG
from pipeline.errors import OperatingError
from sluice.drills.waiting import until
from sluice.stack import Stack

WAIT_SECONDS: Final = 1
"""How long one look at the queue waits for a message."""
FAILURES_MAX: Final = 30


@dataclass(frozen=True, kw_only=True)
class AlarmMessage:
    """One message about an alarm: its id, its new state and why; `at` is monotonic seconds."""

    alarm: str
    state: str
    reason: str
    at: float


class Subscriber(threading.Thread):
    """Collects what the topic says, from the moment it is entered."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(name="drill-subscriber", daemon=True)
        self._topic = stack.outputs["topic_arn"]
        self._prefix = f"{stack.prefix}-"
        self._sqs: Any = boto3.client("sqs", config=CLIENT_CONFIG, **stack.where)
        self._sns: Any = boto3.client("sns", config=CLIENT_CONFIG, **stack.where)
        self._over = threading.Event()
        self._messages: list[AlarmMessage] = []
        self._failure: Exception | None = None
        self._queue = self._subscription = ""

    def __enter__(self) -> Self:
        """Subscribe. Raises OperatingError where the stack's account does not let us."""
        try:
            self._subscribe()
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot subscribe to {self._topic}: {error}") from error
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        self._sns.unsubscribe(SubscriptionArn=self._subscription)
        self._sqs.delete_queue(QueueUrl=self._queue)

    @property
    def messages(self) -> tuple[AlarmMessage, ...]:
        """Return every message so far, oldest first."""
        return tuple(self._messages)

    def wait_for(self, alarm: str, state: str, *, since: float, seconds_max: float) -> AlarmMessage:
        """Return the first message since then that an alarm is in a state. Raises NotKept."""

        def found() -> list[AlarmMessage]:
            if self._failure is not None:
                raise OperatingError(f"cannot read the alarms' messages: {self._failure}")
            return [
                m for m in self.messages if m.alarm == alarm and m.state == state and m.at >= since
            ]

        until(found, seconds_max=seconds_max, what=f"a message that {alarm} is {state}")
        return found()[0]

    def run(self) -> None:
        """Read the queue until the drill is over; a few failures in a row are forgiven."""
        failures = 0
        while not self._over.is_set():
            try:
                self._read()
                failures = 0
            except (BotoCoreError, ClientError) as error:
                failures += 1
                if failures >= FAILURES_MAX:
                    self._failure = error
                    return
                self._over.wait(WAIT_SECONDS)

    def _subscribe(self) -> None:
        name = f"sluice-drill-{secrets.token_hex(4)}"
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        arn = asked["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": self._topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        self._subscription = self._sns.subscribe(
            TopicArn=self._topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
        )["SubscriptionArn"]

    def _read(self) -> None:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS
        )
        for message in answer.get("Messages", []):
            said = json.loads(json.loads(message["Body"])["Message"])
            self._messages.append(
                AlarmMessage(
                    alarm=said["AlarmName"].removeprefix(self._prefix),
                    state=said["NewStateValue"],
                    reason=said.get("NewStateReason", ""),
                    at=time.monotonic(),
                )
            )
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])

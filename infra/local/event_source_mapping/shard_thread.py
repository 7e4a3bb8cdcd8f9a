"""Carry out for one shard what the rules say: read, invoke, give up, wait."""

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.event_source_mapping import event, on_failure, rules
from infra.local.event_source_mapping.checkpoints import Checkpoints
from infra.local.event_source_mapping.metrics import Observed
from infra.local.event_source_mapping.settings import Mapping

_log = logging.getLogger(__name__)
_READ_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all shards of a poller share; `own` and `role(arn)` give a service's client."""

    own: Callable[[str], Any]
    role: Callable[[str], Callable[[str], Any]]
    checkpoints: Checkpoints
    observed: Observed
    region: str
    poll_seconds: float
    wake: threading.Event


class ShardThread(threading.Thread):
    """Deliver one shard of a mapping, from its checkpoint to its end.

    `defect` is what ended it that should not have.
    """

    def __init__(
        self, shard_id: str, mapping: Mapping, *, role_arn: str, around: Surroundings
    ) -> None:
        super().__init__(daemon=True, name=f"{mapping.function_name}/{shard_id}")
        self.mapping = mapping
        self.defect: Exception | None = None
        self._shard_id = shard_id
        self._role_arn = role_arn
        self._around = around
        self._source = event.Source(
            stream_arn=mapping.stream_arn,
            shard_id=shard_id,
            region=around.region,
            role_arn=role_arn,
        )
        self._stopping = threading.Event()
        self._iterator: str | None = None
        self._state = rules.Shard(
            mapping.settings, checkpoint=around.checkpoints.delivered(mapping.uuid, shard_id)
        )

    def stop(self) -> None:
        """Deliver nothing more after the batch at work."""
        self._stopping.set()

    def run(self) -> None:
        """Do what the rules say until the shard's end."""
        try:
            while not self._stopping.is_set() and self._step():
                pass
        except Exception as error:
            self.defect = error
        self._around.wake.set()

    def _step(self) -> bool:
        self._state.settings = self.mapping.settings
        match self._state.next(time.time()):
            case rules.Read(not_before=at):
                if not self._wait_until(at):
                    self._read()
            case rules.Wait(until=at):
                self._wait_until(at)
            case rules.Invoke(batch=batch):
                self._invoke(batch)
            case rules.Discard(batch=batch, condition=condition):
                self._discard(batch, condition)
            case rules.Finished():
                self._around.checkpoints.finish(self.mapping.uuid, self._shard_id)
                return False
        return True

    def _wait_until(self, at: float) -> bool:
        """Return whether the thread was told to stop meanwhile."""
        return self._stopping.wait(max(0.0, at - time.time()))

    def _read(self) -> None:
        try:
            kinesis = self._around.role(self._role_arn)("kinesis")
            if self._iterator is None:
                self._iterator = self._open(kinesis)
            answer = kinesis.get_records(
                ShardIterator=self._iterator, StreamARN=self.mapping.stream_arn
            )
        except (BotoCoreError, ClientError) as error:
            if _code(error) != "ExpiredIteratorException":
                _log.warning("cannot read %s of %s: %s", self._shard_id, self.mapping.uuid, error)
                self._wait_until(time.time() + _READ_AGAIN_SECONDS)
            self._iterator = None
            return
        self._iterator = answer.get("NextShardIterator")
        now = time.time()
        behind = answer["Records"] and answer["MillisBehindLatest"] > 0
        self._state.read(
            [event.record(self._source, read) for read in answer["Records"]],
            now=now,
            ended=self._iterator is None,
            next_read=now if behind else now + self._around.poll_seconds,
        )

    def _open(self, kinesis: Any) -> str:
        """Return an iterator after what was read, else where the mapping starts."""
        start_at = self._around.checkpoints.start(self.mapping, now=time.time())
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if self._state.position is not None:
            number = str(self._state.position)
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": number}
        elif start_at is not None:
            where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": start_at}
        opened = kinesis.get_shard_iterator(
            StreamARN=self.mapping.stream_arn, ShardId=self._shard_id, **where
        )
        return str(opened["ShardIterator"])

    def _invoke(self, batch: rules.Batch) -> None:
        age_ms = (time.time() - batch.records[-1].arrival) * 1000
        self._around.observed.sent(self.mapping.function_name, age_ms=age_ms)
        try:
            response = self._around.own("lambda").invoke(
                FunctionName=self.mapping.function_arn, Payload=batch.payload
            )
            answer = _answer(response)
        except (BotoCoreError, ClientError) as error:
            _log.warning("%s could not be invoked: %s", self.mapping.function_arn, error)
            self._state.not_invoked(now=time.time())
            return
        if answer.failed:
            _log.warning(
                "%s failed on %d records of %s: %s",
                self.mapping.function_arn,
                len(batch.records),
                self._shard_id,
                str(answer.result)[:500],
            )
        self._state.answered(answer, now=time.time())
        self._save()

    def _discard(self, batch: rules.Batch, condition: rules.Condition) -> None:
        given_up = on_failure.GivenUp(
            mapping=self.mapping,
            shard_id=self._shard_id,
            batch=batch,
            condition=condition,
            at=time.time(),
        )
        try:
            on_failure.send(given_up, self._around.role(self._role_arn))
        except (BotoCoreError, ClientError) as error:
            _log.warning("%s did not take a record: %s", self.mapping.destination_arn, error)
            self._state.not_discarded(now=time.time())
            return
        _log.warning("gave up %d records of %s: %s", len(batch.records), self._shard_id, condition)
        self._around.observed.gave_up(
            self.mapping.uuid,
            records=len(batch.records),
            delivered=self.mapping.destination_arn is not None,
        )
        self._state.discarded()
        self._save()

    def _save(self) -> None:
        if self._state.checkpoint is not None:
            self._around.checkpoints.advance(
                self.mapping.uuid, self._shard_id, self._state.checkpoint
            )


def _answer(response: dict[str, Any]) -> rules.Answer:
    body = response["Payload"].read()
    try:
        result = json.loads(body) if body else None
    except ValueError:
        return rules.Answer(failed=True, result=body[:200])
    return rules.Answer(failed="FunctionError" in response, result=result)


def _code(error: Exception) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else ""

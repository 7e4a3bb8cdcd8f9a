"""Run every enabled Kinesis mapping of the emulator: which shards are read, by which threads."""

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.event_source_mapping import rules
from infra.local.event_source_mapping.settings import Mapping, from_api
from infra.local.event_source_mapping.shard_thread import ShardThread, Surroundings
from pipeline.errors import UserError

_log = logging.getLogger(__name__)
TICK_SECONDS = 0.5
SHARDS_AGAIN_SECONDS = 10.0
STOP_SECONDS_MAX = 2.0
BACKOFF_SHARE_MAX = 1 / 6
"""The longest pause between retries, as a share of a minute: several fall into each, as on AWS."""


@dataclass(kw_only=True)
class _Running:
    """One mapping at work: what was last said of it, when its shards were last listed."""

    described: dict[str, Any] = field(default_factory=dict)
    listed_at: float = 0.0
    threads: dict[str, ShardThread] = field(default_factory=dict)
    problem: str = ""


class Poller:
    """Keep one thread a shard at work for every mapping, until stopped."""

    def __init__(self, around: Surroundings, *, metric_period_seconds: float) -> None:
        self._around = around
        self._period_seconds = metric_period_seconds
        self._running: dict[str, _Running] = {}

    def run(self, stop: threading.Event) -> None:
        """Poll until told to stop, then let the batches at work end for a short while.

        Raises what ended a shard's thread: the supervisor starts the poller again.
        """
        period = self._period_seconds
        publish_at = _next_multiple(period)
        while not stop.is_set():
            try:
                self._refresh()
                if time.time() >= publish_at:
                    # In the middle of its period, wherever this thread was at its end.
                    middle = publish_at - period / 2
                    self._around.observed.publish(self._around.own("cloudwatch"), at=middle)
                    publish_at = _next_multiple(period)
            except (BotoCoreError, ClientError) as error:
                _log.warning("the emulator does not answer as it should: %s", error)
            self._around.checkpoints.flush()
            self._around.wake.wait(min(TICK_SECONDS, max(0.0, publish_at - time.time())))
            self._around.wake.clear()
        self._stop_all()
        self._around.checkpoints.flush()

    def _refresh(self) -> None:
        """Start and stop threads so that they are those of the enabled mappings' shards."""
        described = {mapping["UUID"]: mapping for mapping in self._described()}
        self._around.checkpoints.keep_only(set(described))
        for uuid, running in list(self._running.items()):
            _reap(running)
            if described.get(uuid, {}).get("State") not in ("Enabled", "Enabling"):
                running.listed_at = 0.0
                _stop(running)
                if not running.threads:
                    del self._running[uuid]
                described.pop(uuid, None)
        for uuid, mapping in described.items():
            if mapping["State"] in ("Enabled", "Enabling"):
                self._refresh_mapping(self._running.setdefault(uuid, _Running()), mapping)

    def _described(self) -> list[dict[str, Any]]:
        pages = self._around.own("lambda").get_paginator("list_event_source_mappings")
        return [
            mapping
            for page in pages.paginate()
            for mapping in page["EventSourceMappings"]
            if ":kinesis:" in mapping.get("EventSourceArn", "")
        ]

    def _refresh_mapping(self, running: _Running, described: dict[str, Any]) -> None:
        due = time.monotonic() - running.listed_at > SHARDS_AGAIN_SECONDS
        if not due and described == running.described:
            return
        try:
            self._start_shards(running, described)
        except (ClientError, UserError) as error:
            # Said once, and again only when it changes: it is looked at every tick. Stream or
            # function may be gone, or may not be read any more: nothing is delivered until it may.
            if running.problem != str(error):
                _log.warning("mapping %s: %s", described["UUID"], error)
            running.problem = str(error)
            _stop(running)
            return
        running.problem = ""
        running.described = described
        running.listed_at = time.monotonic()

    def _start_shards(self, running: _Running, described: dict[str, Any]) -> None:
        role_arn = str(
            self._around.own("lambda").get_function_configuration(
                FunctionName=described["FunctionArn"]
            )["Role"]
        )
        kinesis = self._around.role(role_arn)("kinesis")
        stream = {"StreamARN": described["EventSourceArn"]}
        hours = kinesis.describe_stream_summary(**stream)["StreamDescriptionSummary"][
            "RetentionPeriodHours"
        ]
        mapping = from_api(
            described,
            retention_seconds=hours * 3600.0,
            backoff_seconds_max=self._period_seconds * BACKOFF_SHARE_MAX,
        )
        self._around.checkpoints.start(mapping, now=time.time())
        for thread in running.threads.values():
            thread.mapping = mapping
        finished = self._around.checkpoints.finished(mapping.uuid)
        for shard_id in rules.shards_to_start(_parents(kinesis, mapping), finished):
            if shard_id not in running.threads:
                thread = ShardThread(shard_id, mapping, role_arn=role_arn, around=self._around)
                running.threads[shard_id] = thread
                thread.start()

    def _stop_all(self) -> None:
        for running in self._running.values():
            _stop(running)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for running in self._running.values():
            for thread in running.threads.values():
                thread.join(max(0.0, deadline - time.monotonic()))


def _next_multiple(period_seconds: float) -> float:
    """Return the end of the current period, counted from the epoch as CloudWatch does."""
    return (time.time() // period_seconds + 1) * period_seconds


def _reap(running: _Running) -> None:
    """Forget threads that ended; their shards' children may start now."""
    for shard_id, thread in list(running.threads.items()):
        if thread.defect is not None:
            raise thread.defect
        if not thread.is_alive():
            del running.threads[shard_id]
            running.listed_at = 0.0


def _stop(running: _Running) -> None:
    for thread in running.threads.values():
        thread.stop()


def _parents(kinesis: Any, mapping: Mapping) -> dict[str, list[str]]:
    """Return the parents of each listed shard."""
    pages = kinesis.get_paginator("list_shards")
    return {
        shard["ShardId"]: [
            shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if name in shard
        ]
        for page in pages.paginate(StreamARN=mapping.stream_arn)
        for shard in page["Shards"]
    }

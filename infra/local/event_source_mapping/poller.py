"""Run every enabled Kinesis mapping of the emulator: which shards are read when, and by whom."""

import logging
import threading
import time
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.event_source_mapping import rules
from infra.local.event_source_mapping.checkpoints import Checkpoints
from infra.local.event_source_mapping.iterator_age import IteratorAges
from infra.local.event_source_mapping.settings import Mapping, from_api
from infra.local.event_source_mapping.shard_thread import ShardThread, Surroundings
from pipeline.errors import UserError

_log = logging.getLogger(__name__)
TICK_SECONDS = 0.5
FUNCTION_SECONDS_MAX = 900.0
"""No function runs longer (Lambda quotas): an answer is awaited a little longer than that."""


class Clients:
    """Clients of the emulator, one a service; Invoke is never repeated by the SDK."""

    def __init__(self, *, endpoint: str, region: str) -> None:
        session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=region
        )
        self._lock = threading.Lock()
        self._client = cache(
            lambda service: session.client(
                service,
                endpoint_url=endpoint,
                config=Config(
                    read_timeout=FUNCTION_SECONDS_MAX + 30 if service == "lambda" else 30,
                    retries={"total_max_attempts": 1 if service == "lambda" else 3},
                    max_pool_connections=256,
                ),
            )
        )

    def __call__(self, service: str) -> Any:
        """Return the client of a service."""
        with self._lock:
            return self._client(service)


class Poller:
    """Keep one thread a shard at work for every mapping, until stopped."""

    def __init__(self, around: Surroundings, *, metric_period_seconds: float) -> None:
        self._around = around
        self._period_seconds = metric_period_seconds
        self._threads: dict[str, dict[str, ShardThread]] = {}
        self._refused: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Poll until told to stop, then let the batches at work end for a short while.

        Raises what ended a shard's thread: the supervisor starts the poller again.
        """
        publish_at = time.time() + self._period_seconds
        while not stop.is_set():
            try:
                self._refresh()
                if time.time() >= publish_at:
                    publish_at += self._period_seconds
                    self._around.ages.publish(self._around.clients("cloudwatch"), now=time.time())
            except (BotoCoreError, ClientError) as error:
                _log.warning("the emulator does not answer as it should: %s", error)
            self._around.checkpoints.flush()
            self._around.wake.wait(TICK_SECONDS)
            self._around.wake.clear()
        for uuid in list(self._threads):
            self._stop(uuid)
        self._around.checkpoints.flush()

    def _refresh(self) -> None:
        """Start and stop threads so that they are those of the enabled mappings' shards."""
        described = self._described()
        self._around.checkpoints.keep_only({mapping["UUID"] for mapping in described})
        enabled = {m["UUID"]: m for m in described if m["State"] in ("Enabled", "Enabling")}
        for uuid in self._threads.keys() - enabled.keys():
            self._stop(uuid)
        for uuid, mapping in enabled.items():
            try:
                self._refresh_mapping(mapping)
            except UserError as error:
                if uuid not in self._refused:
                    _log.error("%s", error)
                self._refused.add(uuid)
            except ClientError as error:
                _log.warning("mapping %s: %s", uuid, error)
                self._stop(uuid)

    def _described(self) -> list[dict[str, Any]]:
        pages = self._around.clients("lambda").get_paginator("list_event_source_mappings")
        return [
            mapping
            for page in pages.paginate()
            for mapping in page["EventSourceMappings"]
            if ":kinesis:" in mapping.get("EventSourceArn", "")
        ]

    def _refresh_mapping(self, described: dict[str, Any]) -> None:
        mapping = self._mapping(described)
        threads = self._threads.setdefault(mapping.uuid, {})
        for shard_id, thread in list(threads.items()):
            if thread.defect is not None:
                raise thread.defect
            thread.mapping = mapping
            if not thread.is_alive():
                del threads[shard_id]
        self._around.checkpoints.start(mapping, now=time.time())
        finished = self._around.checkpoints.finished(mapping.uuid)
        role_arn = ""
        for shard_id in rules.shards_to_start(self._parents(mapping), finished):
            if shard_id not in threads:
                role_arn = role_arn or self._role_arn(mapping)
                threads[shard_id] = ShardThread(
                    shard_id, mapping, role_arn=role_arn, around=self._around
                )
                threads[shard_id].start()

    def _mapping(self, described: dict[str, Any]) -> Mapping:
        name = described["EventSourceArn"].split("/", 1)[1]
        summary = self._around.clients("kinesis").describe_stream_summary(StreamName=name)
        hours = summary["StreamDescriptionSummary"]["RetentionPeriodHours"]
        return from_api(described, retention_seconds=hours * 3600.0)

    def _parents(self, mapping: Mapping) -> dict[str, list[str]]:
        pages = self._around.clients("kinesis").get_paginator("list_shards")
        return {
            shard["ShardId"]: [
                shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if name in shard
            ]
            for page in pages.paginate(StreamName=mapping.stream_name)
            for shard in page["Shards"]
        }

    def _role_arn(self, mapping: Mapping) -> str:
        function = self._around.clients("lambda").get_function_configuration(
            FunctionName=mapping.function_arn
        )
        return str(function["Role"])

    def _stop(self, uuid: str) -> None:
        threads = self._threads.pop(uuid, {})
        for thread in threads.values():
            thread.stop()
        deadline = time.monotonic() + 2.0
        for thread in threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))


def surroundings(
    *, endpoint: str, region: str, checkpoints: Checkpoints, poll_seconds: float
) -> Surroundings:
    """Return what the shards of a poller share."""
    return Surroundings(
        clients=Clients(endpoint=endpoint, region=region),
        checkpoints=checkpoints,
        ages=IteratorAges(),
        region=region,
        poll_seconds=poll_seconds,
        wake=threading.Event(),
    )

"""A function that fails for a while under bounded retries: what was set aside comes back."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pipeline.audit.verdict import Verdict
from pipeline.environment import wall_clock_ms
from pipeline.names import ON_FAILURE_PREFIX
from sluice.functions import client, schedules
from tests.faults.stack.conftest import Rig, Rigs, Variant, all_stored
from tests.waiting import until

RETENTION_MS = 3_000
"""How long the stream keeps records, as far as the function of a test here can tell."""


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose being there makes every run of the function fail."""
    return tmp_path_factory.mktemp("trouble") / "trouble"


@pytest.fixture(scope="module")
def failing(trouble: Path) -> tuple[str, str]:
    """A change of the function: while there is trouble it raises before it does anything."""
    opening = "    shard, records = records_by_shard(event)\n"
    exists = f"__import__('os').path.exists({str(trouble)!r})"
    return opening, f"    if {exists}:\n        raise OSError('trouble')\n{opening}"


@pytest.fixture(scope="module")
def rig(rigs: Rigs, variant: Variant, failing: tuple[str, str]) -> Rig:
    package = variant({"pipeline/functions.py": failing})
    return rigs("failing", package, shard_count="1", retry_attempts_max="1")


def set_aside(rig: Rig) -> set[str]:
    """Return the sequence numbers of the records that the mapping gave up."""
    environment = rig.stack.environment
    bucket = environment.settings.lake_bucket
    found = environment.s3.list_objects_v2(Bucket=bucket, Prefix=ON_FAILURE_PREFIX)
    documents: list[dict[str, Any]] = [
        json.loads(environment.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
        for entry in found.get("Contents", [])
    ]
    return {
        record["kinesis"]["sequenceNumber"]
        for document in documents
        for record in json.loads(document["payload"])["Records"]
    }


def test_what_was_set_aside_is_read_from_the_stream_again_by_the_next_batch(
    rig: Rig, trouble: Path
) -> None:
    load = rig.load(
        (0.3, trouble.touch),
        (0.7, lambda: until(lambda: set_aside(rig))),
        (0.7, trouble.unlink),
        rate=1_000,
        seconds=8,
    )
    assert all_stored(rig.verdict(load), 8_000)


def test_what_the_stream_has_lost_by_then_comes_from_the_on_failure_objects(
    rig: Rig, variant: Variant, failing: tuple[str, str], trouble: Path, tmp_path: Path
) -> None:
    read = '            for record in map(record_from_api, answer["Records"]):\n'
    young = (
        f"                if time.time() * 1000 - record.arrival_ms > {RETENTION_MS}: continue\n"
    )
    known = "            known_good=KNOWN_GOOD,\n"
    bounds = f"            retention_ms={RETENTION_MS}, clock_skew_ms=0,\n"
    functions = variant({"pipeline/functions.py": failing})
    forgetful = variant(
        {
            "pipeline/assembly.py": (known, known + bounds),
            "pipeline/sources/kinesis.py": (read, read + young),
        },
        functions,
    )
    rig.deploy(forgetful)
    # A sweep in the midst of it would find records gone that the mapping still has in its hands:
    # only a stream that forgets within seconds does that.
    events, swept = client(rig.stack, "events"), schedules(rig.stack)
    for rule in swept:
        events.disable_rule(Name=rule)
    before = set_aside(rig)
    mapping = rig.aws.mapping_pid
    load = rig.load(
        (0.3, trouble.touch),
        (0.7, lambda: until(lambda: set_aside(rig) - before)),
        (0.7, lambda: os.kill(mapping, signal.SIGSTOP)),
        (0.7, trouble.unlink),
        rate=1_000,
        seconds=8,
    )
    forgotten_ms = wall_clock_ms() + RETENTION_MS
    until(lambda: wall_clock_ms() > forgotten_ms)
    os.kill(mapping, signal.SIGCONT)
    rig.drain()
    for rule in swept:
        events.enable_rule(Name=rule)
    verdict = rig.verdict(load)
    assert nothing_is_lost(verdict, 8_000)


def nothing_is_lost(verdict: Verdict, events: int) -> bool:
    """Return whether all is stored, whatever ranges are on record as lost.

    Positions are not dense, so a range that held nothing may be among them.
    """
    account = verdict.account
    assert verdict.validity == "valid", verdict.summary()
    assert account.stored == account.rows == account.acknowledged == events
    return all(reason.startswith("lost: ") for reason in verdict.quarantined_by_reason)

"""S3, DynamoDB, their key and the disk: slow, throttling, failing, shut, heard too late, full."""

import resource
from contextlib import suppress
from functools import partial
from typing import Final

from infra.local.front.faults import Fault
from sluice.drills.drill import Drill
from sluice.drills.rig import Rig

SLOW_MS: Final = 3_000.0
"""A take needs several answers of S3 one after another."""
LOST_ANSWERS: Final = 6


def come_back(rig: Rig) -> None:
    """Let the services come back; producers rest, for the runbook waits for a drained stack."""
    rig.put_right()
    rig.traffic.rate = 0


def slow_sink(rig: Rig) -> None:
    """Let S3 take its time for every call."""
    rig.inject(Fault(service="s3", kind="latency", latency_ms=SLOW_MS))


def s3_throttles(rig: Rig) -> None:
    """Let S3 answer 503 SlowDown to all."""
    rig.inject(Fault(service="s3", kind="throttle"))


def s3_fails(rig: Rig) -> None:
    """Let S3 answer 500 to all."""
    rig.inject(Fault(service="s3", kind="error"))


def dynamodb_throttles(rig: Rig) -> None:
    """Let DynamoDB refuse all for want of throughput."""
    rig.inject(Fault(service="dynamodb", kind="throttle"))


def dynamodb_fails(rig: Rig) -> None:
    """Let DynamoDB answer 500 to all."""
    rig.inject(Fault(service="dynamodb", kind="error"))


def lose_commits_answers(rig: Rig) -> None:
    """Let transactions take effect and their answers get lost, one in three."""
    rig.inject(
        Fault(
            service="dynamodb",
            operation="TransactWriteItems",
            kind="lost_answer",
            share=1 / 3,
            count_max=LOST_ANSWERS,
        )
    )


def disable_key(rig: Rig) -> None:
    """Disable the key under which the lake is encrypted."""
    key = rig.stack.outputs["key_arn"]
    kms = rig.client("kms")
    rig.undo.append(lambda: kms.enable_key(KeyId=key))
    kms.disable_key(KeyId=key)


def fill_disk(rig: Rig) -> None:
    """Let no byte more be written where the emulator keeps functions, logs and checkpoints."""
    for pid in (rig.aws.emulator_pid, rig.aws.mapping_pid):
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        rig.undo.append(partial(_let_write, pid, limits))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    rig.kill_workers()


def _let_write(pid: int, limits: tuple[int, int]) -> None:
    """Take a limit off a process, unless it ended of it: its successor has none."""
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


STORES: Final = (
    Drill(
        id="slow-sink",
        fault="every call of S3 takes three seconds",
        alarm="function-duration",
        cause="A store is slow",
        break_it=slow_sink,
        heal=come_back,
    ),
    Drill(
        id="s3-throttled",
        fault="S3 refuses every call: 503 SlowDown",
        alarm="function-errors",
        cause="A store refuses",
        break_it=s3_throttles,
        heal=come_back,
    ),
    Drill(
        id="s3-failing",
        fault="S3 fails every call: 500",
        alarm="function-errors",
        cause="A store refuses",
        break_it=s3_fails,
        heal=come_back,
    ),
    Drill(
        id="dynamodb-throttled",
        fault="DynamoDB refuses every call: throughput exceeded",
        alarm="function-errors",
        cause="A store refuses",
        break_it=dynamodb_throttles,
        heal=come_back,
    ),
    Drill(
        id="dynamodb-failing",
        fault="DynamoDB fails every call: 500",
        alarm="function-errors",
        cause="A store refuses",
        break_it=dynamodb_fails,
        heal=come_back,
    ),
    Drill(
        id="lost-commit-answer",
        fault="transactions take effect and their answers are lost, one in three",
        by_design="a repeated transaction has the same token; the next read of the head decides",
        break_it=lose_commits_answers,
        heal=come_back,
    ),
    Drill(
        id="key-disabled",
        fault="the key under which the lake is encrypted is disabled",
        alarm="function-errors",
        cause="The key cannot be used",
        break_it=disable_key,
    ),
    Drill(
        id="disk-full",
        fault="the disk where the local AWS keeps its files is full, and functions start anew",
        alarm="function-errors",
        cause="A store refuses",
        break_it=fill_disk,
        heal=come_back,
    ),
)

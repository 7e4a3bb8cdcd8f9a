"""A minute of a run as the report knows it: steady, with a stall of five seconds in the middle."""

from collections import Counter
from dataclasses import replace

import pytest

from loadtests.latency import Latency, Slice, distribution
from loadtests.report import Facts, Happening
from pipeline.audit.verdict import Account, Example, Validity, Verdict, Violation
from pipeline.sinks.lake_reader import TableFiles

T0 = 1_790_000_000_000
RATE = 2_000
SECONDS = 60


def waits(second: int) -> Counter[int]:
    """Latencies of the events that were due in a second: about 0.6 s, longer in the stall."""
    stall_ms = max(0, 31 - second) * 1_000 if 25 <= second <= 31 else 0
    usual = {400 + (37 * second) % 90: 900, 700: 800, 1_100: 280, 1_500: 19, 1_900: 1}
    return Counter({ms + stall_ms: count for ms, count in usual.items()})


@pytest.fixture(scope="session")
def latency() -> Latency:
    everything: Counter[int] = Counter()
    slices = []
    for second in range(SECONDS + 3):
        due = second < SECONDS
        counts = waits(second) if due else Counter[int]()
        everything += counts
        stored = 0 if 25 <= second < 31 else RATE * (7 if second == 31 else 1)
        slices.append(
            Slice(
                start_ms=T0 + second * 1_000,
                intended=RATE if due else 0,
                acknowledged=RATE if due else 0,
                stored=stored if 0 < second <= SECONDS else 0,
                latency=distribution(counts.items()) if due else None,
            )
        )
    return Latency(
        run="20261124-130500",
        overall=distribution(everything.items(), plotted=True),
        by_table={
            "actions": distribution(waits(3).items()),
            "departures": distribution(everything.items()),
        },
        slices=tuple(slices),
        slice_ms=1_000,
        unmeasured=0,
        send_rate=1_996.0,
    )


@pytest.fixture(scope="session")
def facts() -> Facts:
    return Facts(
        run="20261124-130500",
        stack="local",
        stream="sluice-local-events",
        shape="steady",
        rate=RATE,
        seconds=SECONDS,
        events=RATE * SECONDS,
        started_ms=T0,
        ended_ms=T0 + SECONDS * 1_000,
        machine="2 cores, 24 GiB, Linux x86_64, Python 3.11.7",
        tables={
            "actions": TableFiles(files=62, bytes=1_400_000),
            "departures": TableFiles(files=118, bytes=7_900_000),
            "quarantine": TableFiles(files=2, bytes=9_000),
        },
        happenings=(Happening(at_ms=T0 + 25_000, text="worker killed"),),
        notes={"Shards": "4", "Function": "memory 512 MB"},
    )


@pytest.fixture(scope="session")
def valid() -> Verdict:
    return Verdict(
        run="20261124-130500",
        validity=Validity.VALID,
        account=Account(
            sends=120_000,
            sent=120_000,
            acknowledged=119_990,
            unknown=10,
            poison=4,
            stored=119_996,
            quarantined=4,
            quarantined_poison=4,
            unknown_stored=10,
            rows=119_996,
            quarantine_rows=4,
        ),
        violations=dict.fromkeys(Violation, 0),
        quarantined_by_reason={"not-json": 1, "wrong-type": 2, "out-of-range": 1},
        stored_by_table={"actions": 6_000, "departures": 113_996},
    )


@pytest.fixture(scope="session")
def invalid(valid: Verdict) -> Verdict:
    account = replace(valid.account, stored=119_993, lost=3, duplicated=1, surplus_rows=1)
    file = "departures/dt=2026-09-21/hour=13/shardId-000000000001-4964012.parquet"
    return replace(
        valid,
        validity=Validity.INVALID,
        account=account,
        violations=dict.fromkeys(Violation, 0) | {Violation.LOST: 3, Violation.DUPLICATED: 1},
        examples=(
            Example(
                kind=Violation.LOST,
                id="20261124-130500-departures-0-000000000042",
                table="departures",
                detail="sent by departures-0 as sequence 42, due at 2026-09-21 14:13:20.042 UTC",
            ),
            Example(
                kind=Violation.DUPLICATED,
                id="20261124-130500-departures-0-<b>77</b>",
                table="departures",
                file=f"{file}, {file}",
                position="4964012, 4964013",
            ),
        ),
    )

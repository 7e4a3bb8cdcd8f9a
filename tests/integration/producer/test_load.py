"""A whole load by real Locust processes: what the history says is what the stream holds."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loadtests import run
from loadtests.plan import Plan
from loadtests.progress import State
from pipeline.audit.checksum import checksum
from pipeline.audit.history import HISTORY_SCHEMA
from pipeline.domain.contracts import CONTRACTS
from pipeline.errors import OperatingError, UserError
from pipeline.sources.connections import KinesisConnection

BY_TABLE = {contract.table: contract for contract in CONTRACTS}


def history(load: Path) -> list[dict[str, Any]]:
    files = list((load / "history").glob("*.parquet"))
    return pa.concat_tables(pq.read_table(f, schema=HISTORY_SCHEMA) for f in files).to_pylist()


def ids_in(lines: Iterable[bytes]) -> list[str]:
    return [line.split(b'"id":"', 1)[1].split(b'"', 1)[0].decode() for line in lines]


STARTER = """
import sys
from pathlib import Path

from loadtests import run
from loadtests.plan import Plan

with run.start(Plan.model_validate_json(sys.argv[1]), Path(sys.argv[2])) as load:
    while load.pause(0.2):
        print(load.progress().acknowledged, flush=True)
"""


def start_in_a_process(stream: Any, load: Path) -> subprocess.Popen[bytes]:
    """Start a load of two minutes in a process of its own, and wait until it sends."""
    plan = Plan.of(
        run="r",
        connection=KinesisConnection(stream=stream.name),
        where=stream.where,
        rate=500,
        seconds=120,
    )
    command = [sys.executable, "-c", STARTER, plan.model_dump_json(), str(load)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    next(line for line in process.stdout if int(line) > 0)
    return process


def test_a_load_accounts_for_every_event_that_it_put_into_the_stream(
    stream: Any, tmp_path: Path
) -> None:
    plan = Plan.of(
        run="run1",
        connection=KinesisConnection(stream=stream.name),
        where=stream.where,
        shape="ramp",
        rate=2_000,
        events=4_000,
        producers=2,
        web_users=4,
        poison=4,
    )
    with run.start(plan, tmp_path / "load") as load:
        done = load.wait(240)
    assert (done.state, done.sent, done.acknowledged) == (State.FINISHED, 4_000, 4_000)
    rows = {row["id"]: row for row in history(load.folder)}
    lines = [line for lines in stream.lines().values() for line in lines]
    assert sorted(ids_in(lines)) == sorted(rows)
    assert sum(row["poison"] for row in rows.values()) == 4
    assert {row["table"] for row in rows.values()} == set(BY_TABLE)
    for line, event_id in zip(lines, ids_in(lines), strict=True):
        row = rows[event_id]
        assert row["intended_us"] <= row["sent_us"] <= row["answered_us"]
        if not row["poison"]:
            event = json.loads(line)
            contract = BY_TABLE[row["table"]]
            assert checksum(event, contract) == row["checksum"]
            assert event[contract.key_field] == row["key"]
            assert event["event_time"] == row["intended_us"] // 1_000
    note = json.loads((load.folder / run.LOAD_FILE).read_text(encoding="utf-8"))
    assert (note["run"], note["sent"], note["state"]) == ("run1", 4_000, "finished")
    assert note["started_us"] == min(row["intended_us"] for row in rows.values())
    assert sum(producer["events"] for producer in note["producers"]) == 4_000
    with pytest.raises(UserError, match="holds a load already"):
        run.start(plan, tmp_path / "load")


def test_ctrl_c_leaves_a_complete_history_and_no_process(stream: Any, tmp_path: Path) -> None:
    process = start_in_a_process(stream, tmp_path / "load")
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT
    assert psutil.wait_procs(family, timeout=60)[1] == []
    rows = history(tmp_path / "load")
    lines = [line for lines in stream.lines().values() for line in lines]
    assert sorted(ids_in(lines)) == sorted(
        row["id"] for row in rows if row["answer"] == "acknowledged"
    )
    note = json.loads((tmp_path / "load" / run.LOAD_FILE).read_text(encoding="utf-8"))
    assert (note["state"], note["sent"]) == ("stopped", len(rows))


def test_a_load_ends_by_itself_when_whoever_started_it_is_killed(
    stream: Any, tmp_path: Path
) -> None:
    process = start_in_a_process(stream, tmp_path / "load")
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert psutil.wait_procs(family, timeout=120)[1] == []
    assert history(tmp_path / "load")


def test_a_load_that_cannot_start_says_why_and_leaves_no_process(tmp_path: Path) -> None:
    plan = Plan.of(
        run="r",
        connection=KinesisConnection(stream="s"),
        where={"region_name": "nowhere at all"},
        rate=10,
        events=10,
    )
    before = psutil.Process().children()
    with pytest.raises(OperatingError, match="nowhere at all"):
        run.start(plan, tmp_path / "load")
    assert psutil.Process().children() == before

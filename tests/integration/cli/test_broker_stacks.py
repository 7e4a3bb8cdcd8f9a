"""A stack on Kafka or Pulsar by the command line: real broker, real workers, the same promise."""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infra.local import processes, stream_broker, supervisor
from infra.local.stream_broker import Kind
from tests.integration.cli.conftest import Cli, last_report
from tests.waiting import until

STACK = ("--stack", "topic")
LOAD = ("load", *STACK, "--rate", "300", "--duration", "4", "--web-users", "0")


@pytest.fixture(scope="module", params=stream_broker.KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """What carries the events."""
    found: Kind = request.param
    return found


@pytest.fixture(scope="module")
def made(home: Path, cli: Cli, kind: Kind) -> Iterator[dict[str, Any]]:
    """The stack, with a worker at work on two partitions, and a watcher."""
    settings = ("--set", f"stream={kind}", "--set", "partition_count=2")
    done = cli(home, "up", *STACK, *settings, "--compress-time", "30", "--json")
    assert done.returncode == 0, done.stderr
    outputs: dict[str, Any] = json.loads(done.stdout)
    until(lambda: workers(home) and len(tasks(home)) == 2)
    yield outputs
    cli(home, "down", *STACK, "--force", "--delete")


def tasks(home: Path, module: str = "") -> list[int]:
    """Return the processes of the tasks that run, workers and watcher, or those of a module."""
    aws = supervisor.running(home / "topic")
    assert aws is not None
    return aws.task_pids(module)


def workers(home: Path) -> list[int]:
    """Return the processes of the workers that run."""
    return tasks(home, "pipeline.consumer")


def status(home: Path, cli: Cli) -> dict[str, Any]:
    done = cli(home, "status", *STACK, "--json")
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def account(home: Path) -> dict[str, Any]:
    """Return the last load's account, which must be valid."""
    verdict = last_report(home / "topic")["verdict"]
    assert verdict["validity"] == "valid"
    found: dict[str, Any] = verdict["account"]
    return found


def test_every_event_of_a_load_is_stored(home: Path, cli: Cli, made: dict[str, Any]) -> None:
    done = cli(home, *LOAD)
    assert done.returncode in (0, 1), done.stderr  # a busy machine may be late
    assert account(home)["stored"] == 1_200


def test_status_tells_of_partitions_workers_and_watcher(
    home: Path, cli: Cli, made: dict[str, Any]
) -> None:
    facts = status(home, cli)
    assert facts["stream"] == made["connection"]["topic"].rpartition("/")[2]
    assert [shard["shard"] for shard in facts["shards"]] == [
        f"{facts['stream']}-0",
        f"{facts['stream']}-1",
    ]
    assert facts["workers"]["desired"] == facts["workers"]["running"] == 1
    assert facts["watcher"]["desired"] == facts["watcher"]["running"] == 1
    # Canaries come without end: one that has just arrived may be on its way at any one look.
    until(lambda: status(home, cli)["drained"])
    logs = cli(home, "logs", *STACK, "--function", "worker")
    assert f"assigned: {facts['stream']}-" in logs.stdout
    logs = cli(home, "logs", *STACK, "--function", "watcher")
    assert f"watching {facts['stream']}" in logs.stdout


def test_the_watcher_s_canaries_are_found_in_the_lake(
    home: Path, cli: Cli, made: dict[str, Any]
) -> None:
    sql = "SELECT count(*) FROM canaries"

    def found() -> bool:
        done = cli(home, "query", *STACK, "--csv", sql)
        return done.returncode == 0 and int(done.stdout.split()[1]) > 1

    until(found)


def test_a_killed_worker_and_a_restarted_broker_lose_nothing(
    home: Path, cli: Cli, kind: Kind, made: dict[str, Any]
) -> None:
    [before] = workers(home)
    os.kill(before, signal.SIGKILL)
    broker = stream_broker.find(kind, home / "topic")
    assert broker is not None
    assert f"runs as process {broker.pid}" in cli(home, "broker", *STACK).stdout
    broker.kill()
    assert "has ended" in cli(home, "broker", *STACK).stdout
    done = cli(home, "broker", *STACK, "--restart", "1")
    assert done.stdout == "broker 1 had ended, and serves again\n"
    done = cli(home, *LOAD)
    assert done.returncode in (0, 1), done.stderr
    assert account(home)["stored"] == 1_200
    assert before not in workers(home)


def test_a_replayed_event_comes_back_by_its_own_partition(
    home: Path, cli: Cli, tmp_path: Path, made: dict[str, Any]
) -> None:
    lines = tmp_path / "events.jsonl"
    broken = [
        {"type": "departures", "id": f"broken-{n:02}", "aircraft": f"N{n}"} for n in range(12)
    ]
    lines.write_text("".join(f"{json.dumps(event)}\n" for event in broken))
    assert "acknowledged  12" in cli(home, "send", *STACK, str(lines)).stdout
    done = cli(home, "replay", *STACK)
    assert done.returncode == 0, done.stderr
    assert "sent again       12" in done.stdout
    sql = "SELECT event_id, shard, replay FROM quarantine ORDER BY ALL"
    rows = cli(home, "query", *STACK, "--csv", sql).stdout.split()[1:]
    came, replayed = rows[0::2], rows[1::2]
    assert [row.partition(",")[0] for row in came] == [event["id"] for event in broken]
    assert [row.replace("False", "True") for row in came] == replayed
    assert len({row.split(",")[1] for row in came}) == 2


def test_paused_workers_leave_events_where_they_are_until_resumed(
    home: Path, cli: Cli, made: dict[str, Any]
) -> None:
    assert cli(home, "pause", *STACK).returncode == 0
    assert tasks(home) == []
    facts = status(home, cli)
    assert facts["workers"]["paused"] is facts["watcher"]["paused"] is True
    done = cli(home, "resume", *STACK)
    assert "workers: 1 wanted, none was\nwatcher: was stopped\n" in done.stdout
    until(lambda: len(tasks(home)) == 2)
    assert cli(home, "drain", *STACK).returncode == 0


def test_a_deploy_rolls_the_workers(home: Path, cli: Cli, made: dict[str, Any]) -> None:
    [before] = workers(home)
    done = cli(home, "deploy", *STACK, "worker_grace_seconds=20")
    assert done.returncode == 0, done.stderr
    until(lambda: len(workers(home)) == 1 and before not in workers(home))
    facts = status(home, cli)
    assert facts["workers"]["deployment"] == facts["watcher"]["deployment"] == "COMPLETED"
    shown = cli(home, "rollback", "--show", *STACK).stdout
    assert shown.count("live") == 3  # the column's head, workers and watcher
    done = cli(home, "rollback", *STACK)
    assert done.returncode == 2
    assert f"./dev sluice deploy {' '.join(STACK)}" in done.stderr
    logs = partial(cli, home, "logs", *STACK, "--function", "worker")
    until(lambda: "left in good order" in logs().stdout)


def test_partitions_are_shown_and_not_split(home: Path, cli: Cli, made: dict[str, Any]) -> None:
    assert f"{made['stream_name']}-1" in cli(home, "shards", "show", *STACK).stdout
    done = cli(home, "shards", "split", *STACK)
    assert done.returncode == 2
    assert "partition_count=" in done.stderr


def test_another_kind_of_stream_is_another_stack(
    home: Path, cli: Cli, made: dict[str, Any]
) -> None:
    done = cli(home, "up", *STACK, "--set", "stream=kinesis")
    assert done.returncode == 2
    assert "sluice down --stack topic" in done.stderr


def test_down_leaves_no_process(home: Path, cli: Cli, kind: Kind, made: dict[str, Any]) -> None:
    broker = stream_broker.find(kind, home / "topic")
    assert broker is not None
    pids = [*tasks(home), broker.pid]
    assert len(pids) == 3
    assert cli(home, "down", *STACK).returncode == 0
    assert not [pid for pid in pids if processes.find(pid)]

"""Processes are known by id and start time, so that no stranger is taken for one of ours."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local import processes
from infra.local.processes import Process
from tests.waiting import until

Start = Callable[[str], subprocess.Popen[bytes]]
SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(code: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(child)
        assert child.stdout is not None
        child.stdout.readline()
        return child

    yield run
    for child in started:
        child.kill()
        child.communicate()


def test_a_process_is_alive_until_its_end_even_before_it_is_collected(start: Start) -> None:
    child = start(SLEEP)
    found = processes.find(child.pid)
    assert found is not None
    assert processes.alive(found)
    processes.end([found], grace_seconds=60)
    assert not processes.alive(found)
    assert processes.find(child.pid) is None
    assert child.wait() == -signal.SIGTERM


def test_a_process_that_ignores_the_request_is_killed_after_the_grace(start: Start) -> None:
    child = start(STUBBORN)
    found = processes.find(child.pid)
    assert found is not None
    processes.end([found], grace_seconds=0.2)
    assert child.wait() == -signal.SIGKILL


def test_another_process_under_the_same_id_is_neither_alive_nor_ended(start: Start) -> None:
    child = start(SLEEP)
    stranger = Process(pid=child.pid, started="long ago")
    assert not processes.alive(stranger)
    processes.end([stranger], grace_seconds=0)
    assert child.poll() is None


def test_function_workers_are_the_emulators_children_that_run_the_worker_script(
    start: Start, tmp_path: Path
) -> None:
    script = tmp_path / "_worker.py"
    script.write_text(SLEEP)
    parent = start(
        "import subprocess, sys, time; quiet = {'stdout': subprocess.DEVNULL};"
        f"one = subprocess.Popen([sys.executable, {str(script)!r}], **quiet);"
        f"two = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], **quiet);"
        "print('up', flush=True); sys.stdin.read();"
        "one.kill(); two.kill(); one.wait(); two.wait()"
    )
    (worker,) = processes.function_workers(parent.pid)
    assert processes.find(worker) is not None
    parent.communicate()
    assert processes.find(worker) is None


def test_a_process_follows_its_parent_into_death(start: Start, tmp_path: Path) -> None:
    child = "import os, time; from infra.local import lifeline; lifeline.follow(os.getppid());"
    child += f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    parent = start(
        "import subprocess, sys, time;"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.DEVNULL);"
        "print('up', flush=True);"
        "time.sleep(600)"
    )
    pid = tmp_path / "pid"
    until(lambda: pid.exists() and pid.read_text())
    follower = processes.find(int(pid.read_text()))
    assert follower is not None
    parent.kill()
    until(lambda: not processes.alive(follower))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="compares ps with /proc")
def test_ps_tells_the_same_where_there_is_no_proc(start: Start) -> None:
    child = start(SLEEP)
    by_ps = {row.pid: row for row in processes._from_ps()}
    assert by_ps[child.pid].parent == os.getpid()
    assert not by_ps[child.pid].zombie
    assert "time.sleep(600)" in by_ps[child.pid].command


def test_memory_is_that_of_a_process_alone_and_of_live_ones_only() -> None:
    held = bytearray(os.urandom(1)) * (64 * 1024 * 1024)
    found = processes.memory_bytes([os.getpid(), 2**22])
    assert found.keys() == {os.getpid()}
    assert len(held) < found[os.getpid()] < 64 * 1024**3


def test_where_there_is_no_proc_ps_tells_the_memory() -> None:
    assert processes._memory_by_ps([os.getpid()])[os.getpid()] > 1024 * 1024
    assert processes._memory_by_ps([]) == {}

"""Measure the whole path on this machine: producers, stream, mapping, function, lake, verdict.

    python -m tests.performance.bench_end_to_end --rate 40000 --seconds 60 --shards 4
    python -m tests.performance.bench_end_to_end --rate 2000 --seconds 60
    python -m tests.performance.bench_end_to_end --stream kafka --rate 60000 --seconds 60
    python -m tests.performance.bench_end_to_end --stream pulsar --rate 5000 --seconds 600
    python -m tests.performance.bench_end_to_end --stream kafka --set window_seconds=60

It brings up a stack of its own in a temporary folder on a free port, sends real departures through
the project's own load, accounts for every event, prints one JSON document and stops everything.
A load of `--warm-up` seconds goes before the one that is measured: its first batches, `cold_ms`,
wait for the functions to start. `cpu_seconds` is by process, from the start of the producers until
every shard is drained; the verifier runs after that. `lake_events_per_second_min` adds the longest
wait to the time of sending. `resident_mb_by_third` is the median of the memory that all processes
of a kind hold together, in each third of the load: in a soak the last is to be like the middle one,
whose ratio is `resident_growth`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil  # type: ignore[import-untyped]

from infra.local import supervisor
from sluice.accounting import conclude
from sluice.console import progress
from sluice.down import stop_local
from sluice.drain import DRAIN_SECONDS_MAX, drain_stack
from sluice.load import plan_for, send
from sluice.stack import Stack, folder_of
from sluice.up import bring_up, merged

STACK: Final = "bench"
WORKER: Final = "pipeline.consumer"
WATCHER: Final = "pipeline.watcher"
SAMPLE_SECONDS: Final = 0.2
MB: Final = 2**20


def peak_mb(pid: int) -> float:
    """Return the greatest resident memory that a process has had, in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class Meter:
    """Watches the stack's processes and this program's own children while it is entered."""

    def __init__(self, stack: Stack) -> None:
        self._folder = stack.folder
        self._broker_pids = [stack.broker.pid] if stack.broker is not None else []
        self._cpu: dict[tuple[str, int], float] = {}
        self._first: dict[tuple[str, int], float] = {}
        self._peak: dict[str, float] = defaultdict(float)
        self._resident: dict[str, list[float]] = defaultdict(list)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._sample(first=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._sample()

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time of each kind of process since the meter was entered."""
        spent: dict[str, float] = defaultdict(float)
        for (kind, pid), seconds in self._cpu.items():
            spent[kind] += seconds - self._first.get((kind, pid), 0.0)
        return {kind: round(seconds, 1) for kind, seconds in sorted(spent.items())}

    def peak_mb(self) -> dict[str, int]:
        """Return the greatest resident memory of one process of each kind, in MB."""
        return {kind: round(peak) for kind, peak in sorted(self._peak.items())}

    def resident_mb_by_third(self) -> dict[str, list[int]]:
        """Return the median of what the processes of each kind held together, in MB."""
        thirds = {}
        for kind, samples in sorted(self._resident.items()):
            third = len(samples) // 3
            if third:
                parts = (samples[:third], samples[third:-third], samples[-third:])
                thirds[kind] = [round(statistics.median(part)) for part in parts]
        return thirds

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self._sample()

    def _sample(self, *, first: bool = False) -> None:
        resident: dict[str, float] = defaultdict(float)
        for kind, process in self._processes():
            try:
                times = process.cpu_times()
                peak = peak_mb(process.pid)
                resident[kind] += process.memory_info().rss / MB
            except (psutil.Error, OSError, IndexError):
                continue  # it ended meanwhile: its last sample stands
            self._cpu[kind, process.pid] = times.user + times.system
            self._peak[kind] = max(self._peak[kind], peak)
            if first:
                self._first[kind, process.pid] = times.user + times.system
        for kind, held in resident.items():
            self._resident[kind].append(held)

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        aws = supervisor.running(self._folder)
        if aws is not None:
            pids = {"emulator": [aws.emulator_pid], "mapping": [aws.mapping_pid]}
            pids |= {"function": aws.worker_pids(), "worker": aws.task_pids(WORKER)}
            pids["watcher"] = aws.task_pids(WATCHER)
            for kind, of_kind in {**pids, "broker": self._broker_pids}.items():
                yield from ((kind, psutil.Process(p)) for p in of_kind if psutil.pid_exists(p))
        for child in psutil.Process().children():
            try:
                if any("locust" in word for word in child.cmdline()):
                    yield "producers", child
            except psutil.Error:
                continue  # it ended meanwhile


@contextmanager
def stack_of_its_own(settings: dict[str, str]) -> Iterator[Stack]:
    """Bring up a stack in a temporary folder; nothing of it is left behind, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as scratch:
        home = Path(scratch)
        try:
            yield bring_up(home, STACK, settings, None)
        finally:
            stop_local(folder_of(home, STACK))


def measure(stack: Stack, **wanted: Any) -> dict[str, Any]:
    """Send one load, account for it and return the figures."""
    plan = plan_for(stack, **wanted)
    folder = stack.loads / plan.run
    with Meter(stack) as meter:
        with progress() as bars:
            done = send(plan, folder, bars=bars)
        drain_stack(stack, seconds_max=DRAIN_SECONDS_MAX, on_wait=lambda _: None)
    evaluation, paths = conclude(stack, folder)
    report = json.loads(paths.json.read_text(encoding="utf-8"))
    note = json.loads((folder / "load.json").read_text(encoding="utf-8"))
    thirds = meter.resident_mb_by_third()
    latency, tables = report["latency"], report["facts"]["tables"]
    send_seconds = (note["ended_us"] - note["started_us"]) / 1_000_000
    seconds_max = send_seconds + latency["overall"]["max_ms"] / 1_000
    return {
        "machine": report["facts"]["machine"],
        "events": done.sent,
        "bytes_per_event": round(done.event_bytes / done.sent, 1),
        "bytes_per_event_on_the_stream": round(done.sent_bytes / done.sent, 1),
        "sent_events_per_second": round(done.acknowledged / send_seconds),
        "lake_events_per_second_min": round(latency["overall"]["count"] / seconds_max),
        "verdict": report["validity"],
        "objectives": str(evaluation.outcome),
        "latency_ms": _percentiles(latency["overall"]),
        "latency_ms_p50_by_second": [
            slice_["latency"]["p50_ms"] for slice_ in latency["slices"] if slice_["latency"]
        ],
        "files": sum(table["files"] for table in tables.values()),
        "cpu_seconds": meter.cpu_seconds(),
        "peak_mb": meter.peak_mb(),
        "resident_mb_by_third": thirds,
        "resident_growth": {kind: round(mb[2] / mb[1], 3) for kind, mb in thirds.items()},
    }


def _percentiles(distribution: dict[str, Any]) -> dict[str, int]:
    names = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
    return {name.removesuffix("_ms"): distribution[name] for name in names}


def main() -> None:
    """Measure what the arguments ask for and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=40_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--warm-up", type=float, default=10)
    parser.add_argument("--stream", choices=("kinesis", "kafka", "pulsar"), default="kinesis")
    parser.add_argument("--shards", type=int, default=2, help="or partitions of a topic")
    parser.add_argument("--producers", type=int, default=1)
    parser.add_argument("--web-users", type=int, default=0)
    parser.add_argument("--set", dest="pairs", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    count = "shard_count" if options.stream == "kinesis" else "partition_count"
    settings = {"stream": options.stream, count: str(options.shards)}
    settings = merged(settings, tuple(options.pairs))
    with redirect_stdout(sys.stderr), stack_of_its_own(settings) as stack:
        wanted = {
            "rate": options.rate,
            "producers": options.producers,
            "web_users": options.web_users,
        }
        cold = measure(stack, seconds=options.warm_up, **wanted)
        figures = measure(stack, seconds=options.seconds, **wanted)
    figures["cold_ms"] = cold["latency_ms"]
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Sluice, Quix Streams and Spark Structured Streaming write one Kafka topic to Parquet, in turn.

    ./dev run python -m tests.performance.compare_kafka --events 300000 --rounds 2

Each reads the same plain JSON events (one a message) from the topic's start, alone on the machine,
until every event is in a Parquet file that a reader may open; the ratios are to Sluice of the same
round. Sluice's worker writes to the embedded AWS over HTTP, whose CPU time is told apart; the
others write to the local disk. Quix and Spark get environments of their own, made by uv once.
What each of them guarantees stands beside its numbers in docs/performance.md.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import confluent_kafka
import psutil  # type: ignore[import-untyped]

from infra.local import supervisor
from infra.local.brokers import artifacts, kafka
from infra.local.brokers.kafka import LocalKafka
from infra.local.supervisor import LocalAws
from loadtests.plan import SourcePlan
from loadtests.scripts import script_of
from pipeline.core.contract import Contract
from pipeline.domain.contracts import DEPARTURES
from pipeline.sources.connections import KafkaConnection
from tests.performance.contenders.process import HERE, TOPIC, Contender, Script, Sluice

SECONDS_MAX: Final = 120.0
SAMPLE_SECONDS: Final = 0.2
CHUNK: Final = 5_000
MB: Final = 2**20
DDL: Final = {"string": "STRING", "int64": "BIGINT", "timestamp_ms": "BIGINT", "bool": "BOOLEAN"}


def fill(broker: LocalKafka, events: int) -> int:
    """Put real departures on the topic, one a message; return the bytes of all bodies."""
    source = SourcePlan(producer="departures-0", kind="departures", events=events)
    script = script_of("compare", source)
    failed: list[str] = []

    def told(error: confluent_kafka.KafkaError | None, _: confluent_kafka.Message) -> None:
        if error is not None:
            failed.append(str(error))

    producer = confluent_kafka.Producer(
        {"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 20, "compression.type": "lz4"}
    )
    size = 0
    for first in range(0, events, CHUNK):
        now_ms = time.time_ns() // 1_000_000
        rendered = script.render(first, [now_ms] * min(CHUNK, events - first))
        for key, body in zip(rendered.keys, rendered.bodies, strict=True):
            producer.produce(TOPIC, body, key.encode(), on_delivery=told)
            size += len(body)
        producer.flush(60)
    if failed:
        raise SystemExit(f"{len(failed)} messages were not taken: {failed[0]}")
    return size


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[psutil.Process]:
    """End a process with all its children, whatever happens."""
    root = psutil.Process(process.pid)
    try:
        yield root
    finally:
        tree = [*root.children(recursive=True), root] if psutil.pid_exists(root.pid) else []
        for each in tree:
            each.terminate()
        _, alive = psutil.wait_procs(tree, timeout=30)
        for each in alive:
            each.kill()
        process.wait()


def spent(root: psutil.Process) -> tuple[float, float]:
    """Return CPU seconds and resident MB of a process and its children."""
    cpu = memory = 0.0
    for each in [root, *root.children(recursive=True)]:
        try:
            times, held = each.cpu_times(), each.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # a child that ended meanwhile
        cpu += times.user + times.system
        memory += held / MB
    return cpu, memory


def measure(contender: Contender, events: int, aws: LocalAws) -> dict[str, float]:
    """Run a contender until all is in its files, and return what it took."""
    emulator = psutil.Process(aws.emulator_pid)
    emulator_before = sum(emulator.cpu_times()[:2])
    began = time.monotonic()
    seen: list[tuple[float, int]] = []
    peak_mb = 0.0
    with ended(contender.start()) as root:
        rows = 0
        while rows < events:
            time.sleep(SAMPLE_SECONDS)
            rows = contender.rows()
            cpu, memory = spent(root)
            peak_mb = max(peak_mb, memory)
            seen.append((time.monotonic() - began, rows))
            if seen[-1][0] > SECONDS_MAX or root.status() == psutil.STATUS_ZOMBIE:
                said = contender.log.read_text(errors="replace")[-2_000:]
                raise SystemExit(f"{said}\nonly {rows:,} rows after {seen[-1][0]:.0f} s")
    first_seconds, first_rows = next((at, rows) for at, rows in seen if rows)
    seconds = seen[-1][0]
    steady = (rows - first_rows) / (seconds - first_seconds) if seconds > first_seconds else 0.0
    return {
        "seconds": round(seconds, 1),
        "first_rows_seconds": round(first_seconds, 1),
        "events_per_second": round(events / seconds),
        "events_per_second_after_the_first": round(steady),
        "cpu_seconds": round(cpu, 1),
        "events_per_cpu_second": round(events / cpu),
        "emulator_cpu_seconds": round(sum(emulator.cpu_times()[:2]) - emulator_before, 1),
        "peak_mb": round(peak_mb),
    }


def ddl(contract: Contract) -> str:
    """Return a contract's columns as Spark names their types."""
    return ", ".join(f"{field.name} {DDL[field.type]}" for field in contract.fields)


def compare(events: int, partitions: int, rounds: int, chosen: list[str]) -> Mapping[str, Any]:
    """Run everybody, round after round, on one topic.

    Each runs until its first rows before that, unmeasured: nobody pays for compiling its sources.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in chosen}
    with tempfile.TemporaryDirectory(prefix="sluice_compare_") as scratch:
        folder = Path(scratch)
        broker = kafka.start(folder / "kafka")
        aws = supervisor.start(folder / "aws")
        try:
            broker.create_topic(TOPIC, partitions)
            size = fill(broker, events)
            for name in chosen:
                first = contender_of(name, broker.bootstrap_servers, aws, folder / f"{name}first")
                measure(first, 1, aws)
            for number in range(rounds):
                for name in chosen:
                    out = folder / f"{name}{number}"
                    contender = contender_of(name, broker.bootstrap_servers, aws, out)
                    found[name].append(measure(contender, events, aws))
                    sys.stderr.write(f"{name} {number}: {json.dumps(found[name][-1])}\n")
        finally:
            supervisor.stop(folder / "aws")
            broker.kill()
    return {
        "events": events,
        "bytes_per_event": round(size / events),
        "partitions": partitions,
        "rounds": found,
        "times_faster_than": {
            f"{name}, {figure}": ratio(found, name, figure)
            for name in chosen
            if name != "sluice"
            for figure in (
                "events_per_second",
                "events_per_second_after_the_first",
                "events_per_cpu_second",
            )
        },
    }


def contender_of(name: str, servers: str, aws: LocalAws, out: Path) -> Contender:
    """Return somebody who has read nothing yet and writes under a name of its own."""
    if name == "sluice":
        connection = KafkaConnection(bootstrap_servers=servers, topic=TOPIC, group=out.name)
        return Sluice(aws, connection, out.with_suffix(".log"), out.name)
    more = []
    if name == "spark":
        jars = artifacts.folder_of("spark", lists=HERE).glob("*.jar")
        more = [",".join(map(str, jars)), ddl(DEPARTURES)]
    out.mkdir()
    return Script(name, servers, out, *more)


def ratio(found: Mapping[str, list[dict[str, float]]], name: str, figure: str) -> float:
    """Return the median over rounds of Sluice's figure through the other's."""
    rounds = zip(found["sluice"], found[name], strict=True)
    return round(statistics.median(ours[figure] / theirs[figure] for ours, theirs in rounds), 2)


def main() -> None:
    """Compare as the arguments ask and print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="sluice,quix,spark", help="with commas; sluice first")
    given = parser.parse_args()
    chosen = re.split(r",\s*", given.only)
    figures = compare(given.events, given.partitions, given.rounds, chosen)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()

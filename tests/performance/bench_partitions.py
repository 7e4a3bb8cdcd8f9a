"""How fast one worker is over the number of partitions, on a real broker of this machine.

    ./dev run python -m tests.performance.bench_partitions
    ./dev run python -m tests.performance.bench_partitions --streams pulsar --single --events 100000

For each number of partitions a topic is filled by the project's own producer, many events in a
message, or each in one of its own (`--single`); then a worker with nothing in its ledger reads all
of it into the lake of the embedded AWS. `events_per_second` has the worker's start in it,
`..._after_the_first` begins with the first rows; a point of the curve is the median of its rounds.
Broker, worker and AWS share the machine: its cores stand in the answer, and past them no partition
helps. It prints a line a run and one JSON document.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from infra.local import supervisor
from infra.local.brokers import kafka, pulsar
from infra.local.brokers.kafka import LocalKafka
from infra.local.brokers.pulsar import LocalPulsar
from infra.local.supervisor import LocalAws
from loadtests.plan import SourcePlan
from loadtests.scripts import script_of
from pipeline.audit.history import Answer
from pipeline.producer.answers import Answered
from pipeline.producer.producer import Producer
from pipeline.producer.settings import ProducerSettings
from pipeline.producer.transports import transport_for
from pipeline.sources.connections import Connection, KafkaConnection, PulsarConnection
from sluice.load import PLAIN_LANES
from tests.performance.compare_kafka import measure
from tests.performance.contenders.process import Sluice

CHUNK: Final = 5_000
SINGLE: Final = ProducerSettings(record_events=1, lanes=PLAIN_LANES)
FILL_SECONDS_MAX: Final = 300.0
SHOWN: Final = ("events_per_second", "events_per_second_after_the_first", "events_per_cpu_second")


class Stream:
    """A broker of one kind with topics of its own."""

    def __init__(self, kind: str, broker: LocalKafka | LocalPulsar) -> None:
        self.kind = kind
        self._broker = broker

    def make_topic(self, partitions: int) -> None:
        """Make the topic of so many partitions."""
        self._broker.create_topic(f"events-{partitions}", partitions)

    def connection(self, partitions: int, reader: str) -> Connection:
        """Return the way to that topic for somebody who has read nothing yet."""
        topic = f"events-{partitions}"
        if isinstance(self._broker, LocalKafka):
            servers = self._broker.bootstrap_servers
            return KafkaConnection(bootstrap_servers=servers, topic=topic, group=reader)
        return PulsarConnection(
            service_url=self._broker.service_url,
            topic=pulsar.full_name(topic),
            subscription=reader,
        )


@contextmanager
def stream_of_its_own(kind: str, folder: Path) -> Iterator[Stream]:
    """Start a broker in a folder; it ends with the block."""
    broker = {"kafka": kafka.start, "pulsar": pulsar.start}[kind](folder)
    try:
        yield Stream(kind, broker)
    finally:
        broker.kill()


def fill(connection: Connection, events: int, settings: ProducerSettings) -> None:
    """Put real departures on a topic; each is acknowledged, or the bench ends here."""
    source = SourcePlan(producer="departures-0", kind="departures", events=events)
    script = script_of("partitions", source)
    refused: list[Answer] = []

    def told(answered: Answered[int]) -> None:
        if answered.answer is not Answer.ACKNOWLEDGED:
            refused.append(answered.answer)

    with Producer[int](transport_for(connection, settings, where={}), settings, told) as producer:
        for first in range(0, events, CHUNK):
            count = min(CHUNK, events - first)
            rendered = script.render(first, [time.time_ns() // 1_000_000] * count)
            producer.put_many(
                table="departures",
                keys=rendered.keys,
                bodies=rendered.bodies,
                tags=range(first, first + count),
            )
        producer.flush(FILL_SECONDS_MAX)
    if refused:
        raise SystemExit(f"{len(refused)} shipments were not taken: {refused[0]}")


def curve(
    stream: Stream, numbers: list[int], *, events: int, rounds: int, aws: LocalAws, folder: Path
) -> list[Mapping[str, Any]]:
    """Run a worker over each full topic, round after round, and return a point for each."""
    found: dict[int, list[dict[str, float]]] = {number: [] for number in numbers}
    for lap in range(rounds):
        for number in numbers:
            name = f"{stream.kind}-{number}-{lap}"
            connection = stream.connection(number, name)
            worker = Sluice(aws, connection, folder / f"{name}.log", name)
            figures = measure(worker, events, aws)
            found[number].append(figures)
            told = ", ".join(f"{figures[each]:,.0f} {each}" for each in SHOWN)
            sys.stderr.write(f"{stream.kind}, {number} partitions: {told}\n")
    return [
        {"partitions": number}
        | {each: statistics.median(lap[each] for lap in laps) for each in laps[0]}
        for number, laps in found.items()
    ]


def main() -> None:
    """Measure what the arguments ask for and print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--streams", default="kafka,pulsar", help="with commas")
    parser.add_argument("--partitions", default="1,2,4,8", help="with commas")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--single", action="store_true", help="each event in its own message")
    given = parser.parse_args()
    settings = SINGLE if given.single else ProducerSettings()
    numbers = [int(number) for number in given.partitions.split(",")]
    curves: dict[str, list[Mapping[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="sluice-partitions-") as scratch:
        folder = Path(scratch)
        try:
            aws = supervisor.start(folder / "aws")
            for kind in given.streams.split(","):
                with stream_of_its_own(kind, folder / kind) as stream:
                    for number in numbers:
                        stream.make_topic(number)
                        fill(stream.connection(number, "filled"), given.events, settings)
                    curves[kind] = curve(
                        stream,
                        numbers,
                        events=given.events,
                        rounds=given.rounds,
                        aws=aws,
                        folder=folder,
                    )
        finally:
            supervisor.stop(folder / "aws")
    answer = {"single": given.single, "events": given.events, "rounds": given.rounds}
    answer |= {"cores": os.cpu_count(), **curves}
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")


if __name__ == "__main__":
    main()

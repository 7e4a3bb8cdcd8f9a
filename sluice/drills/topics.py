"""A stack on a topic in trouble: its workers, their watcher, and the broker itself."""

from typing import Final

from infra.local import stream_broker
from pipeline.canary import newest_canary_ms
from pipeline.environment import wall_clock_ms
from sluice import workers
from sluice.drills.drill import Drill
from sluice.drills.processes import kill_workers
from sluice.drills.rig import RATE, Rig
from sluice.drills.stores import come_back, slow_sink
from sluice.drills.waiting import NotKept, until
from sluice.pause import stop_watching
from sluice.resume import resume_stack

SMALL_LAG: Final = {"worker_lag_max": "200", "workers_max": "2"}
"""Three seconds of a drill's traffic: ten times what waits while all is well."""
THREE_BROKERS: Final = {"broker_count": "3"}
SMALL_QUOTA: Final = {"pulsar_backlog_gb_max": "0.001"}
FULL_RATE: Final = 5 * RATE
"""Fills that quota within half a minute."""
CANARY_SECONDS_MAX: Final = 120.0
RESTART_MINUTE_SECONDS: Final = 6.0
"""A broker or worker that starts takes real seconds, of which a short minute has too few."""


def stop_workers(rig: Rig) -> None:
    """Set the number of workers to none by hand, and tell nobody."""
    rig.undo.append(lambda: resume_stack(rig.stack))
    workers.stop_workers(rig.stack)


def fill_backlog(rig: Rig) -> None:
    """Stop the workers, and let more come than before, until the broker would hold producers."""
    stop_workers(rig)
    rig.traffic.rate = FULL_RATE


def rest(rig: Rig) -> None:
    """Let the producer send as before."""
    rig.traffic.rate = RATE


def stop_watcher(rig: Rig) -> None:
    """Stop the watcher by hand once a canary of its has come through; the workers go on."""
    began_ms, environment = wall_clock_ms(), rig.stack.environment
    bucket = environment.settings.lake_bucket

    def has_come() -> bool:
        sent_ms = newest_canary_ms(environment.s3, bucket, now_ms=wall_clock_ms())
        return sent_ms is not None and sent_ms >= began_ms

    until(has_come, seconds_max=CANARY_SECONDS_MAX, what="a canary is in the lake")
    rig.undo.append(lambda: resume_stack(rig.stack))
    stop_watching(rig.stack)


def kill_broker(rig: Rig) -> None:
    """Kill the first broker, as its machine's end would; as a rule there is no other."""
    rig.undo.append(lambda: start_broker(rig))
    broker = rig.stack.broker
    if broker is None:
        raise NotKept("no broker runs that could be killed")
    broker.kill()


def start_broker(rig: Rig) -> None:
    """Start each broker on what it had kept, unless it runs."""
    kind = rig.stack.connection.kind
    if kind != "kinesis":
        stream_broker.start(kind, rig.stack.folder)


def restart_broker(rig: Rig) -> None:
    """Kill the broker, and have it started again at once."""
    kill_broker(rig)
    start_broker(rig)


TOPICS: Final = (
    Drill(
        id="workers-stopped",
        streams=("kafka",),
        fault="somebody set the number of workers to none",
        alarm="oldest-event-age",
        cause="Workers stand still",
        break_it=stop_workers,
        anywhere=True,
    ),
    Drill(
        id="watcher-stopped",
        streams=("kafka",),
        fault="somebody stopped the watcher of a topic",
        alarm="canary-not-seen",
        cause="The watcher does not run",
        break_it=stop_watcher,
        anywhere=True,
    ),
    Drill(
        id="broker-killed",
        streams=("kafka", "pulsar"),
        fault="the broker is killed and stays dead",
        alarm="broker-down",
        cause="A broker has ended",
        break_it=kill_broker,
    ),
    Drill(
        id="broker-of-three-killed",
        streams=("kafka",),
        fault="one of three brokers is killed and stays dead; the others go on",
        alarm="under-replicated",
        cause="A server is away, or was",
        break_it=kill_broker,
        settings=THREE_BROKERS,
    ),
    Drill(
        id="workers-behind",
        streams=("kafka",),
        fault="every call of S3 takes three seconds, and workers fall behind",
        alarm="consumer-lag",
        cause="A store is slow",
        break_it=slow_sink,
        heal=come_back,
        settings=SMALL_LAG,
    ),
    Drill(
        id="backlog-fills",
        streams=("pulsar",),
        fault="workers are stopped until unread messages come near the quota of the broker",
        alarm="backlog-near-quota",
        cause="Workers are stopped",
        break_it=fill_backlog,
        heal=rest,
        settings=SMALL_QUOTA,
    ),
    Drill(
        id="workers-killed",
        streams=("kafka",),
        fault="all workers are killed at once",
        by_design="ECS starts others, which go on behind the last commit",
        break_it=kill_workers,
        minute_seconds=RESTART_MINUTE_SECONDS,
    ),
    Drill(
        id="broker-restarted",
        streams=("kafka",),
        fault="the broker is killed under load and started again at once",
        by_design="producers and workers try again, and a record that comes twice is dropped by id",
        break_it=restart_broker,
        minute_seconds=RESTART_MINUTE_SECONDS,
    ),
)

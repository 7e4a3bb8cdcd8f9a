"""Locust's users: a replayer that sends a tick's worth of events at once, and visitors of a site.

Only ever imported by Locust, in a process of its own: importing it patches sockets and threads.
"""

import sys
import time
from argparse import Namespace
from itertools import count
from pathlib import Path
from typing import Final

import boto3
import gevent  # type: ignore[import-untyped]
import numpy as np
from gevent.select import select  # type: ignore[import-untyped]
from locust import LoadTestShape, User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser

from loadtests.actions import Visitor
from loadtests.plan import Plan
from loadtests.progress import ProgressFile, State
from loadtests.scripts import render_events
from loadtests.sending import EVENTS_PER_STEP_MAX, Sending, Source
from pipeline.audit.history import Answer
from pipeline.domain.contracts import ACTIONS
from pipeline.environment import CLIENT_CONFIG
from pipeline.errors import OperatingError
from pipeline.producer.published import PublishedMetrics
from pipeline.producer.transports import transport_for

TICK_SECONDS: Final = 0.02
PROGRESS_SECONDS: Final = 0.5
CLOSE_SECONDS_MAX: Final = 150.0
"""Longer than the producer retries: every event gets its own answer."""
STOP_SECONDS_MAX: Final = 5.0

_sending: list[Sending] = []
"""The one part that this process sends, once it is set up; Locust makes the users, not we."""
_published: list[PublishedMetrics] = []
"""Where its producer's figures go, if the plan says that they are published."""
_visitors = count()
_turns = count()


def _now_us() -> int:
    return time.time_ns() // 1_000


def _add_arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument("--load-dir", required=True, help="Folder of the load, with its plan.json")
    parser.add_argument("--part", required=True, help="Which part of the plan this process sends")


def _set_up(environment: Environment, **_: object) -> None:
    """Make everything ready, say so, and wait for the moment at which all processes start."""
    options: Namespace = environment.parsed_options  # type: ignore[assignment]
    load = Path(options.load_dir)
    plan = Plan.read(load)
    part = next(part for part in plan.parts if part.name == options.part)

    def on_record(table: str, answer: Answer, count_: int, seconds: float) -> None:
        environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type="put",
            name=table,
            response_time=seconds * 1_000,
            response_length=count_,
            exception=None if answer is Answer.ACKNOWLEDGED else RuntimeError(answer.value),
            context={},
        )

    transport = transport_for(plan.connection, plan.settings, where=plan.where)
    sending = Sending(plan, part, load, transport, on_record)
    progress = ProgressFile(load, part.name)
    progress.append(sending.progress(_now_us(), State.READY))
    line = sys.stdin.readline()
    if not line:
        sys.exit("the load was stopped before it started")
    sending.start_us = int(line)
    _sending.append(sending)
    gevent.spawn(_report, sending, progress)
    gevent.spawn(_quit_in_time, environment, sending)
    if plan.metrics_seconds is not None:
        gevent.spawn(_publish_regularly, _published_of(plan), sending, plan.metrics_seconds)


def _finish(environment: Environment, **_: object) -> None:
    """Wait for the last answers and complete the history; a failed put is no failed process."""
    environment.process_exit_code = 0
    for sending in _sending:
        state = State.FINISHED if sending.finished else State.STOPPED
        sending.close(CLOSE_SECONDS_MAX if sending.finished else STOP_SECONDS_MAX)
        for published in _published:
            _publish(published, sending)
        ProgressFile(sending.load, sending.part.name).append(sending.progress(_now_us(), state))


def _report(sending: Sending, progress: ProgressFile) -> None:
    while not sending.stopping:
        progress.append(sending.progress(_now_us(), State.RUNNING))
        gevent.sleep(PROGRESS_SECONDS)


def _published_of(plan: Plan) -> PublishedMetrics:
    """Return where this process publishes its producer's figures, also once at its end."""
    client = boto3.session.Session().client("cloudwatch", config=CLIENT_CONFIG, **plan.where)
    _published.append(PublishedMetrics(client, stream=plan.connection.name))
    return _published[-1]


def _publish_regularly(published: PublishedMetrics, sending: Sending, seconds: float) -> None:
    while not sending.stopping:
        gevent.sleep(seconds)
        _publish(published, sending)


def _publish(published: PublishedMetrics, sending: Sending) -> None:
    """Publish the producer's figures; trouble with that is said and must not stop a load."""
    try:
        published.put(sending.metrics())
    except OperatingError as trouble:
        sys.stderr.write(f"{trouble}\n")


def _quit_in_time(environment: Environment, sending: Sending) -> None:
    """End the run once all is sent, or when standard input closes: the parent says so, or is gone.

    Locust asks the shape for the end only once a second.
    """
    while not sending.finished and not sending.stopping:
        closed, _, _ = select([sys.stdin], [], [], TICK_SECONDS)
        sending.stopping = bool(closed)
    if environment.runner:
        environment.runner.quit()


class PlanShape(LoadTestShape):
    """Gives Locust the number of users over time, until every planned event is on its way."""

    def tick(self) -> tuple[int, float, list[type[User]]] | None:
        """Return users, spawn rate (users/s) and their class; None at the end."""
        sending = _sending[0]
        if sending.finished or sending.stopping:
            return None
        if sending.part.sources[0].kind != "actions":
            return 1, 1.0, [ReplayUser]
        seconds = (_now_us() - sending.start_us) / 1_000_000
        users = sending.plan.whole.users(max(seconds, 0.0), sending.part.users)
        return users, float(users), [WebActionsUser]


class ReplayUser(User):
    """Replays a part's departures and changes of planes; there is one in its process."""

    @task
    def replay(self) -> None:
        """Send what is due by now."""
        sending = _sending[0]
        if sending.finished or sending.stopping:
            raise StopUser
        behind = sending.step(_now_us()) >= EVENTS_PER_STEP_MAX
        gevent.sleep(0 if behind else TICK_SECONDS)


class WebActionsUser(User):
    """Acts as a visitor, each time that the schedule has an action due, whoever's turn it is."""

    def on_start(self) -> None:
        """Become a visitor of one's own and wait for the first turn."""
        self.visitor = Visitor(
            run=_sending[0].plan.run,
            producer=_sending[0].sources[0].plan.producer,
            number=next(_visitors),
        )
        gevent.sleep(self.wait_time())

    def wait_time(self) -> float:
        """Take the next turn of all users and return the seconds until it is due."""
        self.turn = next(_turns)
        sending = _sending[0]
        source = sending.sources[0]
        if sending.stopping or self.turn >= source.plan.events:
            raise StopUser
        return max(0, _due_us(sending, source, self.turn) - _now_us()) / 1_000_000

    @task
    def act(self) -> None:
        """Send the visitor's next action."""
        sending = _sending[0]
        source = sending.sources[0]
        # Users that are due together may wake in any order; sequence and due time grow together.
        sequence = source.history.sent
        intended_us = _due_us(sending, source, sequence)
        action = self.visitor.act(sequence, intended_us // 1_000)
        sending.put(source, render_events([action], ACTIONS), np.array([intended_us]))


def _due_us(sending: Sending, source: Source, sequence: int) -> int:
    seconds = float(source.shape.times(sequence, sequence + 1)[0])
    return sending.start_us + int(seconds * 1_000_000)


events.init_command_line_parser.add_listener(_add_arguments)  # type: ignore[no-untyped-call]
events.init.add_listener(_set_up)  # type: ignore[no-untyped-call]
events.quitting.add_listener(_finish)  # type: ignore[no-untyped-call]

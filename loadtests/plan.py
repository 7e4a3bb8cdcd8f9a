"""The plan of a load: what is sent where, and how it is shared out between processes."""

from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadtests.shapes import SPIKE_TIMES, Shape, ShapeName, seconds_for, shape_of
from pipeline.errors import UserError
from pipeline.producer.settings import ProducerSettings
from pipeline.sources.connections import Connection

PLAN_FILE: Final = "plan.json"
PLANES_SHARE: Final = 0.02
"""Changes of planes among all events: a table changes far less often than it is used."""
WEB_USER_RATE_MAX: Final = 20.0
"""Actions/s of one user at most: a visitor is no replayer, and each costs Locust 0.2 ms."""

SourceKind = Literal["departures", "planes", "actions"]


class SourcePlan(BaseModel):
    """One producer of the load, under its own name and with its own sequence from 0."""

    model_config = ConfigDict(frozen=True)

    producer: str
    kind: SourceKind
    events: int
    poison: int = 0
    slice: int = 0
    slices: int = 1
    """The aircraft whose departures it replays: one aircraft is never replayed by two producers."""


class Part(BaseModel):
    """What one process of the load sends; `users` are its Locust users."""

    model_config = ConfigDict(frozen=True)

    name: str
    sources: tuple[SourcePlan, ...]
    users: int = 1


class Plan(BaseModel):
    """A whole load; `where` is what a boto3 client needs (region_name, endpoint_url, ...)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str = Field(pattern=r"^[A-Za-z0-9_-]{1,24}$")
    connection: Connection
    where: dict[str, Any] = Field(default_factory=dict)
    shape: ShapeName = "steady"
    rate: float = Field(gt=0, le=10_000_000)
    """Events/s of all producers together, as `loadtests.shapes.shape_of` takes it."""
    spike_times: float = Field(default=SPIKE_TIMES, gt=1, le=1_000)
    """How many times the rate a spike reaches; other shapes have none."""
    seconds: float = Field(gt=0)
    producers: int = Field(default=1, ge=1, le=64)
    web_users: int = Field(default=0, ge=0, le=10_000)
    web_share: float = Field(default=0.05, gt=0, le=0.5)
    """Web actions among all events, as far as there are users to act."""
    poison: int = Field(default=0, ge=0)
    metrics_seconds: float | None = Field(default=None, gt=0)
    """How often each process publishes its producer's figures to CloudWatch; None: never."""
    settings: ProducerSettings = ProducerSettings()

    @classmethod
    def of(cls, *, events: int | None = None, seconds: float | None = None, **rest: object) -> Self:
        """Return a validated plan of so many events or so many seconds.

        Raises:
            UserError: neither or both were given, or a value is out of its bounds.
        """
        if (events is None) == (seconds is None):
            raise UserError("a load takes a number of events or a duration, one of them")
        try:
            plan = cls.model_validate({"seconds": seconds or 1.0, **rest})
        except ValidationError as error:
            wrong = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
            raise UserError(f"the plan of the load is wrong: {wrong}") from None
        if events is not None:
            if events < 1:
                raise UserError("a load has at least one event")
            exact = seconds_for(
                plan.shape, rate=plan.rate, events=events, spike_times=plan.spike_times
            )
            plan = plan.model_copy(update={"seconds": exact})
        if plan.poison >= plan.parts[0].sources[0].events:
            raise UserError(f"{plan.poison} poison events do not fit into {plan.events} events")
        return plan

    @classmethod
    def read(cls, load: Path) -> Self:
        """Return the plan of a load's folder."""
        return cls.model_validate_json((load / PLAN_FILE).read_text(encoding="utf-8"))

    def write(self, load: Path) -> None:
        """Keep the plan in the load's folder, where each process reads it."""
        (load / PLAN_FILE).write_text(self.model_dump_json(indent=2), encoding="utf-8")

    @property
    def whole(self) -> Shape:
        """Return the shape of all producers together."""
        return shape_of(
            self.shape, rate=self.rate, seconds=self.seconds, spike_times=self.spike_times
        )

    @property
    def shape_in_words(self) -> str:
        """Return the shape as a report names it."""
        return f"spike to {self.spike_times:g} times" if self.shape == "spike" else self.shape

    @property
    def events(self) -> int:
        """Return the exact number of events of the load."""
        return self.whole.events

    @property
    def parts(self) -> tuple[Part, ...]:
        """Share the events out: departures by aircraft, planes beside the first, web by itself."""
        total = self.events
        fastest = self.web_users * WEB_USER_RATE_MAX * self.seconds
        web = round(min(total * self.web_share, fastest))
        planes = round(total * PLANES_SHARE)
        departures = total - web - planes
        counts = [
            departures // self.producers + (number < departures % self.producers)
            for number in range(self.producers)
        ]
        parts = [
            Part(name=f"departures-{number}", sources=(self._departures(number, count),))
            for number, count in enumerate(counts)
            if count
        ]
        if planes:
            change = SourcePlan(producer="planes-0", kind="planes", events=planes)
            parts[0] = parts[0].model_copy(update={"sources": (*parts[0].sources, change)})
        if web:
            action = SourcePlan(producer="web-0", kind="actions", events=web)
            parts.append(Part(name="web-0", sources=(action,), users=self.web_users))
        return tuple(parts)

    def _departures(self, number: int, count: int) -> SourcePlan:
        return SourcePlan(
            producer=f"departures-{number}",
            kind="departures",
            events=count,
            poison=self.poison if number == 0 else 0,
            slice=number,
            slices=self.producers,
        )

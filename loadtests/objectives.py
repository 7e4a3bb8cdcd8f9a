"""Objectives of a load test: read from TOML, held against what was measured, told by exit code."""

import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadtests.latency import Latency
from pipeline.audit.verdict import Account, Validity, Verdict
from pipeline.errors import UserError

DEFAULT_FILE: Final = Path(__file__).with_name("objectives.toml")
EXIT_MET: Final = 0
EXIT_NOT_MET: Final = 1
EXIT_UNKNOWN: Final = 4


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventObjectives(_Section):
    """Most events of each kind. `quarantined_good` were not sent as poison."""

    lost_max: int | None = Field(default=None, ge=0)
    duplicated_max: int | None = Field(default=None, ge=0)
    altered_max: int | None = Field(default=None, ge=0)
    out_of_order_max: int | None = Field(default=None, ge=0)
    never_sent_max: int | None = Field(default=None, ge=0)
    stored_poison_max: int | None = Field(default=None, ge=0)
    stored_and_quarantined_max: int | None = Field(default=None, ge=0)
    quarantined_twice_max: int | None = Field(default=None, ge=0)
    quarantined_good_max: int | None = Field(default=None, ge=0)
    indeterminate_max: int | None = Field(default=None, ge=0)


class LatencyObjectives(_Section):
    """Longest wait in milliseconds, by percentile."""

    p50_ms_max: int | None = Field(default=None, gt=0)
    p90_ms_max: int | None = Field(default=None, gt=0)
    p99_ms_max: int | None = Field(default=None, gt=0)
    p99_9_ms_max: int | None = Field(default=None, gt=0)
    max_ms_max: int | None = Field(default=None, gt=0)


class ThroughputObjectives(_Section):
    """Least share of the planned rate, in percent."""

    achieved_percent_min: float | None = Field(default=None, gt=0, le=100)


class Objectives(_Section):
    """All objectives of a load; what is left out is not judged."""

    events: EventObjectives = EventObjectives()
    latency: LatencyObjectives = LatencyObjectives()
    throughput: ThroughputObjectives = ThroughputObjectives()


class Outcome(StrEnum):
    """Whether an objective was met; unknown where it could not be measured."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One objective, what was measured, and the outcome; `sign` is <= or >=."""

    name: str
    sign: str
    wanted: float
    measured: float | None
    unit: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All objectives of a load, judged. `validity` is the verdict's own."""

    validity: Validity
    judged: tuple[Judged, ...]

    @property
    def outcome(self) -> Outcome:
        """Return not met if an objective was not met, else unknown if one could not be judged.

        An invalid verdict is not met and an unknown one unknown, whatever the objectives leave out.
        """
        outcomes = {each.outcome for each in self.judged}
        if Outcome.NOT_MET in outcomes or self.validity is Validity.INVALID:
            return Outcome.NOT_MET
        if Outcome.UNKNOWN in outcomes or self.validity is Validity.UNKNOWN:
            return Outcome.UNKNOWN
        return Outcome.MET

    @property
    def exit_code(self) -> int:
        """Return 0 met, 1 not met, 4 unknown."""
        codes = {
            Outcome.MET: EXIT_MET,
            Outcome.NOT_MET: EXIT_NOT_MET,
            Outcome.UNKNOWN: EXIT_UNKNOWN,
        }
        return codes[self.outcome]

    def to_json(self) -> dict[str, object]:
        """Return the evaluation as plain JSON values."""
        return {**asdict(self), "outcome": self.outcome, "exit_code": self.exit_code}

    def summary(self) -> str:
        """Return one line an objective."""
        return "\n".join(
            f"  {each.outcome:8}{each.name}: "
            f"{'not measured' if each.measured is None else f'{each.measured:,g} {each.unit}'}"
            f" ({each.sign} {each.wanted:,g})"
            for each in self.judged
        )


def read_objectives(path: Path = DEFAULT_FILE) -> Objectives:
    """Return the objectives of a TOML file.

    Raises:
        UserError: the file cannot be read, or names an objective that there is not, or a bad value.
    """
    try:
        with path.open("rb") as file:
            return Objectives.model_validate(tomllib.load(file))
    except OSError as error:
        raise UserError(f"cannot read the objectives {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not TOML: {error}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UserError(f"objectives in {path} are wrong: {wrong}") from None


def evaluate(
    objectives: Objectives, verdict: Verdict, latency: Latency | None, *, planned_rate: float | None
) -> Evaluation:
    """Hold a run against its objectives; `planned_rate` in events/s, over the whole load.

    Counts of an unknown verdict and percentiles that leave rows out judge nothing: unknown.
    """
    judged = (
        *_events(objectives.events, verdict),
        *_latency(objectives.latency, latency),
        *_throughput(objectives.throughput, latency, planned_rate),
    )
    return Evaluation(validity=verdict.validity, judged=judged)


def _events(objectives: EventObjectives, verdict: Verdict) -> Iterator[Judged]:
    counts = asdict(verdict.account) | {"quarantined_good": quarantined_good(verdict.account)}
    for name, wanted in objectives:
        if wanted is not None:
            kind = name.removesuffix("_max")
            known = verdict.validity is not Validity.UNKNOWN
            yield _most(kind.replace("_", " "), wanted, counts[kind] if known else None, "events")


def quarantined_good(account: Account) -> int:
    """Return how many events were quarantined that were not sent as poison."""
    return account.quarantined - account.quarantined_poison


def _latency(objectives: LatencyObjectives, latency: Latency | None) -> Iterator[Judged]:
    whole = latency.overall if latency and not latency.unmeasured else None
    for name, wanted in objectives:
        if wanted is not None:
            field = name.removesuffix("_max")
            label = field.removesuffix("_ms").replace("_", ".")
            measured = getattr(whole, field) if whole else None
            yield _most(f"latency {label}", wanted, measured, "ms")


def _throughput(
    objectives: ThroughputObjectives, latency: Latency | None, planned_rate: float | None
) -> Iterator[Judged]:
    wanted = objectives.achieved_percent_min
    if wanted is None:
        return
    measured = None
    if latency and latency.send_rate is not None and planned_rate:
        measured = round(100 * latency.send_rate / planned_rate, 2)
    outcome = Outcome.UNKNOWN
    if measured is not None:
        outcome = Outcome.MET if measured >= wanted else Outcome.NOT_MET
    yield Judged(
        name="achieved rate",
        sign=">=",
        wanted=wanted,
        measured=measured,
        unit="% of the plan",
        outcome=outcome,
    )


def _most(name: str, wanted: int, measured: int | None, unit: str) -> Judged:
    """Return an objective that allows so much and no more."""
    outcome = Outcome.UNKNOWN
    if measured is not None:
        outcome = Outcome.MET if measured <= wanted else Outcome.NOT_MET
    return Judged(
        name=name, sign="<=", wanted=wanted, measured=measured, unit=unit, outcome=outcome
    )

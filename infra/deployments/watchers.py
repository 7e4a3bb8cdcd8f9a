"""The functions on a timer: sweeper, probe, and where a stack wants them auditor and scaler."""

from typing import Final

import pulumi

from infra import policies
from infra.alarm_rule import Source
from infra.deployments.functions import Functions
from infra.naming import Names
from infra.scheduled_function import ScheduledFunction, ScheduledFunctionArgs
from infra.settings import Settings
from infra.shard_scaling import WIDGET, shard_scaler
from infra.widget import Panel, Widget, aws_series, own_series
from pipeline import metrics

SWEEP_MINUTES: Final = 1
PROBE_MINUTES: Final = 1
"""The alarms count minutes without a canary: one is sent and looked for in each."""

CONCURRENCY_MAX: Final = 1
"""Two sweepers would fence each other (protocol.md, 2), two auditors count the same twice."""

_AGES: Final = (
    Widget(title="Age of the oldest event (ms)", lines=own_series("Maximum", metrics.OLDEST_MS)),
    Widget(title="Age of the newest canary (ms)", lines=own_series("Maximum", metrics.CANARY_MS)),
)
_AUDITS: Final = Widget(
    title="Found by the auditor",
    lines=own_series(
        "Maximum",
        metrics.AUDIT_LOST,
        metrics.AUDIT_DUPLICATED,
        metrics.AUDIT_ALTERED,
        metrics.CONSERVATION_GAP,
    ),
)


class Watchers:
    """Finish what no batch will, measure from outside, and hold the lake against the stream."""

    def __init__(self, settings: Settings, names: Names, functions: Functions) -> None:
        """Make the functions and their schedules."""
        self._made: dict[Source, ScheduledFunction] = {
            "sweeper": _sweeper(names, functions),
            "probe": _probe(names, functions),
        }
        if settings.audit_minutes:
            self._made["auditor"] = _auditor(names, functions, settings.audit_minutes)
        if settings.scaling is not None:
            self._made["scaler"] = shard_scaler(names, functions, settings.scaling)

    @property
    def outputs(self) -> dict[str, pulumi.Output[str]]:
        """What a client needs to know: the functions' names."""
        return {f"{kind}_function_name": made.function_name for kind, made in self._made.items()}

    @property
    def panel(self) -> Panel:
        """What they saw from outside, and whether they run."""
        audits = (_AUDITS,) if "auditor" in self._made else ()
        shards = (WIDGET,) if "scaler" in self._made else ()
        running = tuple(
            line for kind in self._made for line in aws_series("AWS/Lambda", kind, "Sum", "Errors")
        )
        return Panel(
            title="Seen from outside",
            widgets=(
                *_AGES,
                *audits,
                *shards,
                Widget(title="Watchers' failed runs", lines=running),
            ),
        )

    @property
    def sources(self) -> dict[Source, pulumi.Input[str]]:
        """The value of each one's dimension."""
        return {kind: made.function_name for kind, made in self._made.items()}


def reserved_runs(settings: Settings) -> int:
    """Return how many concurrent runs the functions of a stack keep for themselves, all together.

    A topic has workers in place of functions.
    """
    if settings.stream != "kinesis":
        return 0
    single = [True, settings.audit_minutes > 0, settings.scaling is not None]
    return CONCURRENCY_MAX * sum(single) + (settings.concurrency_max or 0)


def _sweeper(names: Names, functions: Functions) -> ScheduledFunction:
    return ScheduledFunction(
        "sweeper",
        ScheduledFunctionArgs(
            kind="sweeper",
            function=functions.args(
                names.ledger_sweeper,
                "lambdas.sweep_ledger.handler.handler",
                "Finishes what no further batch will",
                policies.sweep_ledger,
                concurrency_max=CONCURRENCY_MAX,
            ),
            rule=names.ledger_sweeper,
            minutes=SWEEP_MINUTES,
        ),
    )


def _probe(names: Names, functions: Functions) -> ScheduledFunction:
    return ScheduledFunction(
        "probe",
        ScheduledFunctionArgs(
            kind="probe",
            function=functions.args(
                names.freshness_probe,
                "lambdas.probe_freshness.handler.handler",
                "Measures how late the lake is, and follows a canary into it",
                policies.probe_freshness,
            ),
            rule=names.freshness_probe,
            minutes=PROBE_MINUTES,
        ),
    )


def _auditor(names: Names, functions: Functions, minutes: int) -> ScheduledFunction:
    return ScheduledFunction(
        "auditor",
        ScheduledFunctionArgs(
            kind="auditor",
            function=functions.args(
                names.lake_auditor,
                "lambdas.audit_lake.handler.handler",
                "Holds the lake against the stream, event by event",
                policies.audit_lake,
                concurrency_max=CONCURRENCY_MAX,
            ),
            rule=names.lake_auditor,
            minutes=minutes,
        ),
    )

"""The alarms of functions and stream at work: errors, refusals, and time that runs out. Pure."""

from typing import Final

from infra.alarm_rule import MS_PER_SECOND, Objectives, Rule, Series, Source, minutes

WATCHED_MINUTES: Final = 10


def operation_rules(objectives: Objectives) -> tuple[Rule, ...]:
    """Return what an operator hears of functions and stream."""
    return (
        _function_errors(objectives),
        _FUNCTION_THROTTLES,
        _function_duration(objectives),
        _watcher_errors(objectives),
        _WRITE_THROTTLES,
        _READ_THROTTLES,
    )


def _of_lambda(metric: str, source: Source) -> Series:
    return Series(namespace="AWS/Lambda", metric=metric, source=source, statistic="Sum")


def _of_stream(metric: str) -> Series:
    return Series(namespace="AWS/Kinesis", metric=metric, source="stream", statistic="Sum")


def _function_errors(objectives: Objectives) -> Rule:
    # A run that times out fails once in as long as it lasts: three of those must fit.
    lasting = 1 + 3 * minutes(objectives.run_seconds_max)
    return Rule(
        id="function-errors",
        summary="Runs of the stream processor fail.",
        series={"errors": _of_lambda("Errors", "function")},
        threshold=0,
        unit="runs a period",
        threshold_reason=(
            f"a batch is retried by design, but three minutes with failures within {lasting} are "
            "more than isolating one record takes."
        ),
        missing="notBreaching",
        missing_reason="Without runs there are no errors.",
        periods=lasting,
    )


_FUNCTION_THROTTLES: Final = Rule(
    id="function-throttles",
    summary="Runs of the stream processor are refused for want of concurrency.",
    series={"throttles": _of_lambda("Throttles", "function")},
    threshold=0,
    unit="runs a period",
    threshold_reason="one run a shard is all it needs, so any lasting refusal is a limit.",
    missing="notBreaching",
    missing_reason="Without runs there are no refusals.",
)


def _function_duration(objectives: Objectives) -> Rule:
    percent, seconds = objectives.duration_percent_max, objectives.run_seconds_max
    return Rule(
        id="function-duration",
        summary="Runs of the stream processor come close to their time-out.",
        series={
            "duration": Series(
                namespace="AWS/Lambda",
                metric="Duration",
                source="function",
                statistic="Maximum",
            )
        },
        threshold=seconds * MS_PER_SECOND * percent / 100,
        unit="milliseconds",
        threshold_reason=(
            f"{percent:g} % of the {seconds} s after which Lambda kills a run: the longest run "
            "counts, for it is the next one killed."
        ),
        missing="notBreaching",
        missing_reason="Without runs none is long.",
        # Kept on between two runs of the greatest length.
        periods=1 + 2 * minutes(seconds),
        periods_to_alarm=1,
    )


def _watcher_errors(objectives: Objectives) -> Rule:
    watchers: tuple[Source, ...] = ("sweeper", "probe")
    if objectives.audit_minutes:
        watchers = (*watchers, "auditor")
    if objectives.scales_shards:
        watchers = (*watchers, "scaler")
    return Rule(
        id="watcher-errors",
        summary="Runs of the sweeper, the probe, the auditor or the scaler fail.",
        series={watcher: _of_lambda("Errors", watcher) for watcher in watchers},
        expression=" + ".join(f"FILL({watcher}, 0)" for watcher in watchers),
        threshold=0,
        unit="runs a period",
        threshold_reason=(
            "the next run makes good what one left, and Lambda retries each failed one: two "
            f"minutes with failures within {WATCHED_MINUTES} are no accident."
        ),
        missing="notBreaching",
        missing_reason="Without runs there are no errors; canary-not-seen sees that none run.",
        periods=WATCHED_MINUTES,
        periods_to_alarm=2,
    )


_WRITE_THROTTLES: Final = Rule(
    id="write-throttles",
    summary="Producers are refused by the stream.",
    series={"refused": _of_stream("WriteProvisionedThroughputExceeded")},
    threshold=0,
    unit="records a period",
    threshold_reason="producers retry a short burst; three minutes of it are too few shards.",
    missing="notBreaching",
    missing_reason="Without writes nothing is refused: an idle stream is healthy.",
)

_READ_THROTTLES: Final = Rule(
    id="read-throttles",
    summary="Readers of the stream are refused.",
    series={"refused": _of_stream("ReadProvisionedThroughputExceeded")},
    threshold=0,
    unit="reads a period",
    threshold_reason=(
        "a refused read comes again within a second, and an audit may crowd a minute; five in a "
        "row are more readers than a shard's 5 reads a second serve."
    ),
    missing="notBreaching",
    missing_reason="Without reads nothing is refused; age-against-retention sees a lost reader.",
    periods=5,
    periods_to_alarm=5,
)

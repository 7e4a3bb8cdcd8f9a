"""The scaler of a stream's shards: one small function on a timer, told its limits."""

from typing import Final

from infra import policies
from infra.deployments.functions import Functions
from infra.naming import Names
from infra.scheduled_function import ScheduledFunction, ScheduledFunctionArgs
from infra.widget import Widget, own_series
from pipeline import metrics
from pipeline import names as seams
from pipeline.scaling import Scaling

HANDLER: Final = "lambdas.scale_shards.handler.handler"
MINUTES: Final = 1
CONCURRENCY_MAX: Final = 1
"""Two at once would take one step twice."""

WIDGET: Final = Widget(
    title="Shards", lines=own_series("Maximum", metrics.SHARDS, metrics.SHARDS_WANTED)
)


def shard_scaler(names: Names, functions: Functions, scaling: Scaling) -> ScheduledFunction:
    """Make the scaler.

    Application Auto Scaling does not know Kinesis streams (its user guide, "AWS services that you
    can use with Application Auto Scaling"): by a custom resource it takes an API, and a function
    behind it that calls UpdateShardCount as this one does.
    """
    return ScheduledFunction(
        "scaler",
        ScheduledFunctionArgs(
            kind="scaler",
            function=functions.args(
                names.shard_scaler,
                HANDLER,
                "Gives the stream as many shards as the load or the clock asks for",
                policies.scale_shards,
                concurrency_max=CONCURRENCY_MAX,
                more={seams.ENV_SHARD_SCALING: scaling.to_text()},
            ),
            rule=names.shard_scaler,
            minutes=MINUTES,
        ),
    )

"""The stream processor: its function and the mapping that feeds it batches of the stream."""

from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_aws as aws

from infra.function import Function, FunctionArgs
from infra.widget import Panel, Widget, aws_series, own_series
from pipeline import metrics

HANDLER: Final = "lambdas.process_stream.handler.handler"

PARALLELIZATION_FACTOR: Final = 1
"""More batches of a shard at once would fence each other without end (protocol.md, T30)."""

PANEL: Final = Panel(
    title="Processing",
    widgets=(
        Widget(
            title="Events",
            lines=own_series(
                "Sum",
                metrics.RECEIVED,
                metrics.STORED,
                metrics.QUARANTINED,
                metrics.DUPLICATES,
            ),
        ),
        Widget(
            title="Runs",
            lines=aws_series("AWS/Lambda", "function", "Sum", "Invocations", "Errors", "Throttles"),
        ),
        Widget(
            title="Duration of a run (ms)",
            lines=(
                *aws_series("AWS/Lambda", "function", "Maximum", "Duration"),
                *aws_series("AWS/Lambda", "function", "p99", "Duration"),
                *own_series("p50", metrics.BATCH_MS),
            ),
        ),
        Widget(
            title="Age of what the function gets (ms)",
            lines=aws_series("AWS/Lambda", "function", "Maximum", "IteratorAge"),
        ),
        Widget(
            title="Given up, lost or masked",
            lines=(
                *aws_series(
                    "AWS/Lambda", "mapping", "Sum", "OnFailureDestinationDeliveredEventCount"
                ),
                *own_series("Sum", metrics.LOST, metrics.MASKED),
            ),
        ),
        Widget(
            title="Cold starts",
            lines=own_series("Sum", metrics.COLD_STARTS),
        ),
    ),
)
"""What becomes of events, and how the function fares with them."""


@dataclass(frozen=True, kw_only=True)
class MappingArgs:
    """How batches are made of the stream: settings of Lambda's event source mapping."""

    batch_size: int
    batch_window_seconds: int
    starting_position: Literal["TRIM_HORIZON", "LATEST"]
    retry_attempts_max: int
    """-1 retries until the records expire."""
    record_age_seconds_max: int
    """-1 sets no record aside for its age."""
    bisect_on_error: bool


@dataclass(frozen=True, kw_only=True)
class ProcessingArgs:
    """What the processor is made from."""

    function: FunctionArgs
    mapping: MappingArgs
    stream_arn: pulumi.Input[str]
    on_failure_arn: pulumi.Input[str]
    """The bucket that keeps, payload and all, what a batch gives up."""


class Processing(pulumi.ComponentResource):
    """A function under an alias, and the one mapping that invokes it."""

    function_name: pulumi.Output[str]
    alias_name: pulumi.Output[str]
    mapping_uuid: pulumi.Output[str]

    def __init__(
        self, name: str, args: ProcessingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make function and mapping."""
        super().__init__("sluice:processing:Processing", name, None, opts)
        function = Function(name, args.function, pulumi.ResourceOptions(parent=self))
        mapping = aws.lambda_.EventSourceMapping(
            f"{name}-mapping",
            function_name=function.alias_arn,
            event_source_arn=args.stream_arn,
            starting_position=args.mapping.starting_position,
            batch_size=args.mapping.batch_size,
            maximum_batching_window_in_seconds=args.mapping.batch_window_seconds,
            maximum_retry_attempts=args.mapping.retry_attempts_max,
            maximum_record_age_in_seconds=args.mapping.record_age_seconds_max,
            bisect_batch_on_function_error=args.mapping.bisect_on_error,
            parallelization_factor=PARALLELIZATION_FACTOR,
            function_response_types=["ReportBatchItemFailures"],
            destination_config={"on_failure": {"destination_arn": args.on_failure_arn}},
            metrics_config={"metrics": ["EventCount"]},
            enabled=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.function_name = function.function_name
        self.alias_name = function.alias_name
        self.mapping_uuid = mapping.uuid
        self.register_outputs(
            {
                "function_name": self.function_name,
                "alias_name": self.alias_name,
                "mapping_uuid": self.mapping_uuid,
            }
        )

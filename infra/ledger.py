"""The ledger: the table in which heads and commits live."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.widget import Panel, Widget, aws_series, own_series
from pipeline import metrics

PARTITION_KEY: Final = "pk"
SORT_KEY: Final = "sk"
EXPIRY: Final = "expires_s"
"""Seconds since the epoch; on commits alone: a head never expires (protocol.md, T26)."""

PANEL: Final = Panel(
    title="Ledger",
    widgets=(
        Widget(
            title="Capacity used",
            lines=aws_series(
                "AWS/DynamoDB",
                "table",
                "Sum",
                "ConsumedReadCapacityUnits",
                "ConsumedWriteCapacityUnits",
            ),
        ),
        Widget(
            title="Throttled",
            lines=aws_series(
                "AWS/DynamoDB", "table", "Sum", "ReadThrottleEvents", "WriteThrottleEvents"
            ),
        ),
        Widget(
            title="Heads lost to another attempt",
            lines=(
                *aws_series("AWS/DynamoDB", "table", "Sum", "TransactionConflict"),
                *own_series("Sum", metrics.CONFLICTS),
            ),
        ),
    ),
)
"""What the protocol asks of its table, and where attempts met."""


@dataclass(frozen=True, kw_only=True)
class LedgerArgs:
    """What a ledger is made from."""

    table: str
    key_arn: pulumi.Input[str]
    backup_days: int
    """How far back the table can be restored."""
    retain: bool
    """Whether the table refuses to be destroyed."""
    destroy: bool
    """Whether DynamoDB itself lets the table be deleted."""


class Ledger(pulumi.ComponentResource):
    """One on-demand table with point-in-time recovery."""

    table_name: pulumi.Output[str]
    table_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: LedgerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the table."""
        super().__init__("sluice:ledger:Ledger", name, None, opts)
        table = aws.dynamodb.Table(
            name,
            name=args.table,
            billing_mode="PAY_PER_REQUEST",
            hash_key=PARTITION_KEY,
            range_key=SORT_KEY,
            attributes=[
                {"name": PARTITION_KEY, "type": "S"},
                {"name": SORT_KEY, "type": "S"},
            ],
            ttl={"attribute_name": EXPIRY, "enabled": True},
            point_in_time_recovery={
                "enabled": True,
                "recovery_period_in_days": args.backup_days,
            },
            server_side_encryption={"enabled": True, "kms_key_arn": args.key_arn},
            deletion_protection_enabled=not args.destroy,
            opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
        )
        self.table_name = table.name
        self.table_arn = table.arn
        self.register_outputs({"table_name": self.table_name, "table_arn": self.table_arn})

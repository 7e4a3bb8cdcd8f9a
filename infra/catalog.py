"""The Glue catalog: a table for every contract and for quarantine, read without any crawling."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.widget import Panel, Widget, own_series
from pipeline import names
from pipeline.core.contract import (
    QUARANTINE_FIELDS,
    SYSTEM_FIELDS,
    Contract,
    Field,
    FieldType,
)
from pipeline.metrics import BY_STREAM, Metric

COLUMN_TYPES: Final[dict[FieldType, str]] = {
    "string": "string",
    "int64": "bigint",
    "float64": "double",
    "bool": "boolean",
    "timestamp_ms": "timestamp",
    "binary": "binary",
}
FIRST_DAY: Final = "2024-01-01"
"""Partitions before this day are not read; events reach back 30 days at most (`past_ms_max`)."""

SERDE: Final = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
INPUT_FORMAT: Final = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
OUTPUT_FORMAT: Final = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"


def panel(measures: Iterable[Metric]) -> Panel:
    """Return what the tables' own measures show: a graph each, of its median."""
    return Panel(
        title="Business",
        widgets=tuple(
            Widget(
                title=f"{measure.name} ({measure.unit.lower()})", lines=own_series("p50", measure)
            )
            for measure in measures
            if BY_STREAM in measure.dimensions
        ),
    )


@dataclass(frozen=True, kw_only=True)
class CatalogArgs:
    """What a catalog is made from."""

    database: str
    bucket: pulumi.Input[str]
    contracts: Sequence[Contract]


class Catalog(pulumi.ComponentResource):
    """One database; its tables' columns are the contracts'."""

    database_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: CatalogArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the database and every table."""
        super().__init__("sluice:catalog:Catalog", name, None, opts)
        database = aws.glue.CatalogDatabase(
            name,
            name=args.database,
            description="The lake's tables, partitioned by day and hour in UTC",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.database_name = database.name
        bucket = pulumi.Output.from_input(args.bucket)
        for contract in args.contracts:
            self._table(
                name,
                contract.table,
                bucket,
                fields=(*contract.fields, *contract.enriched, *SYSTEM_FIELDS),
                version=str(contract.version),
            )
        self._table(name, names.QUARANTINE_TABLE, bucket, fields=QUARANTINE_FIELDS)
        self.register_outputs({"database_name": self.database_name})

    def _table(
        self,
        name: str,
        table: str,
        bucket: pulumi.Output[str],
        *,
        fields: Iterable[Field],
        version: str = "",
    ) -> None:
        location = bucket.apply(lambda value: f"s3://{value}/{names.LAKE_PREFIX}{table}")
        about = {"contract.version": version} if version else {}
        aws.glue.CatalogTable(
            f"{name}-{table.replace('_', '-')}",
            name=table,
            database_name=self.database_name,
            table_type="EXTERNAL_TABLE",
            parameters=location.apply(lambda at: {**projection(at), **about}),
            partition_keys=[
                {"name": "dt", "type": "string", "comment": "Day, UTC."},
                {"name": "hour", "type": "int", "comment": "Hour, UTC."},
            ],
            storage_descriptor={
                "location": location,
                "input_format": INPUT_FORMAT,
                "output_format": OUTPUT_FORMAT,
                "ser_de_info": {
                    "name": "parquet",
                    "serialization_library": SERDE,
                    "parameters": {"serialization.format": "1"},
                },
                "columns": [column(field) for field in fields],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )


def column(field: Field) -> aws.glue.CatalogTableStorageDescriptorColumnArgsDict:
    """Return a Glue column of a contract's field."""
    return {
        "name": field.name,
        "type": COLUMN_TYPES[field.type],
        "comment": field.description or None,
    }


def projection(location: str) -> dict[str, str]:
    """Return the table parameters by which Athena works partitions out instead of listing them.

    Source: Amazon Athena user guide, "Supported types for partition projection".
    """
    return {
        "classification": "parquet",
        "parquet.compression": "ZSTD",
        "projection.enabled": "true",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": f"{FIRST_DAY},NOW+1DAYS",
        "projection.dt.interval": "1",
        "projection.dt.interval.unit": "DAYS",
        "projection.hour.type": "integer",
        "projection.hour.range": "0,23",
        "projection.hour.digits": "2",
        "storage.location.template": f"{location}/dt=${{dt}}/hour=${{hour}}",
    }

"""Ask the lake a question in SQL: every table is a view, quarantine included."""

import csv
import sys
import tempfile
from pathlib import Path

import duckdb
import rich_click as click
from rich.table import Table

from pipeline.errors import UserError
from pipeline.sinks.lake_reader import copy_lake
from sluice import stack as stacks
from sluice.console import OUT
from sluice.options import stack_option


def ask(lake: Path, sql: str) -> duckdb.DuckDBPyRelation | None:
    """Return the answer over a local copy of the lake, None for a statement without one.

    Raises UserError for SQL that DuckDB refuses, with its reason.
    """
    connection = duckdb.connect()
    tables = [folder for folder in sorted(lake.iterdir()) if any(folder.glob("dt=*"))]
    for folder in tables:
        files = f"{folder}/**/*.parquet".replace("'", "''")
        connection.execute(
            f"CREATE VIEW \"{folder.name}\" AS SELECT * FROM read_parquet('{files}', "
            "hive_partitioning = true, union_by_name = true)"
        )
    try:
        return connection.sql(sql)
    except duckdb.Error as error:
        names = ", ".join(folder.name for folder in tables) or "none yet"
        said = str(error).splitlines()[0]
        raise UserError(f"{said} (the lake's tables: {names})") from None


@click.command(help=__doc__)
@stack_option
@click.option(
    "--lake", type=click.Path(path_type=Path, exists=True), help="A local copy of a lake."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, for a script.")
@click.argument("sql")
@click.pass_obj
def query(home: Path, stack: str, lake: Path | None, as_csv: bool, sql: str) -> None:
    """Read the lake, run SQL on it and print the rows."""
    with tempfile.TemporaryDirectory(prefix="sluice-query-") as folder:
        if lake is None:
            found = stacks.find(home, stack)
            lake = Path(folder)
            copy_lake(found.environment.s3, found.environment.settings.lake_bucket, lake)
        answer = ask(lake, sql)
        if answer is None:
            return
        rows = answer.fetchall()
        if as_csv:
            csv.writer(sys.stdout).writerows((answer.columns, *rows))
            return
        table = Table(*answer.columns)
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        OUT.print(table)

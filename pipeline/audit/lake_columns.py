"""A foreign lake's columns: how a value of the stream reads in a column's type, as DuckDB SQL."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FILLER: Final = "_sluice_filler"
"""Column of a file that has none of the fields that are asked for: its rows still count."""

_INTEGERS: Final = {
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
}
_UNIT_US: Final = {"TIMESTAMP_S": 1_000_000, "TIMESTAMP_MS": 1_000}
"""Microseconds in the unit of a time column that holds no finer ones."""

_NESTED: Final = re.compile(r"(STRUCT|MAP)\b.*|.*\[\d*\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column, or a field within one: its SQL and its DuckDB type."""

    sql: str
    type: str

    @property
    def text(self) -> str:
        """Return the SQL of its value as text; a moment is microseconds since the epoch."""
        if self.type.startswith("TIMESTAMP"):
            return f"epoch_us({self.sql})::VARCHAR"
        return f"({self.sql})::VARCHAR"

    def text_from(self, sent: str) -> str:
        """Return the SQL of what `text` would be had the stream's text `sent` been stored here.

        What the type cannot hold stays as it was sent, and so differs from whatever is stored.
        """
        return f"coalesce({self._cast(sent)}, {sent})"

    def _cast(self, sent: str) -> str:
        if self.type == "VARCHAR":
            return sent
        if self.type in _INTEGERS:
            # A cast would round 1.5 to 2, which is another value.
            whole = f"TRY_CAST({sent} AS HUGEINT)"
            return f"CASE WHEN {whole} = TRY_CAST({sent} AS DOUBLE) THEN {whole}::VARCHAR END"
        if self.type.startswith("TIMESTAMP"):
            unit = _UNIT_US.get(self.type, 1)
            return f"(({_moment_us(sent)}) // {unit} * {unit})::VARCHAR"
        if _NESTED.fullmatch(self.type):
            sent = f"TRY_CAST({sent} AS JSON)"
        return f"TRY_CAST({sent} AS {self.type})::VARCHAR"


def column_of(name: str, columns: Mapping[str, str]) -> Column | None:
    """Return the column for a field, whatever its case; `a.b` is a column or lies within one."""
    by_lower = {column.lower(): column for column in columns}
    found = name if name in columns else by_lower.get(name.lower())
    if found is not None:
        return Column(sql=quoted(found), type=columns[found])
    outer, dot, inner = name.rpartition(".")
    around = column_of(outer, columns) if dot else None
    if around is None or not around.type.startswith("STRUCT"):
        return None
    within = column_of(inner, struct_fields(around.type))
    return within and Column(sql=f"{around.sql}.{within.sql}", type=within.type)


def struct_fields(type_: str) -> dict[str, str]:
    """Return the fields of a `STRUCT(a INTEGER, "b c" VARCHAR[])` with their types."""
    parts, depth, part = [], 0, ""
    for character in type_.removeprefix("STRUCT(").removesuffix(")"):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append(part)
            part = ""
        else:
            part += character
    pairs = (re.fullmatch(r'\s*("(?:[^"]|"")+"|\S+) (.+)', each) for each in (*parts, part))
    return {_unquoted(pair[1]): pair[2] for pair in pairs if pair}


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def quoted(name: str) -> str:
    """Return a name as SQL takes it whatever its characters."""
    return '"' + name.replace('"', '""') + '"'


def checksum_sql(texts: list[str]) -> str:
    """Return the SQL of 64 bits that stand for some texts, null apart from empty."""
    parts = (f"coalesce({text}, chr(0))" for text in texts)
    return f"md5_number_upper(concat_ws(chr(31), {', '.join(parts)}))" if texts else "0::UBIGINT"


def _moment_us(sent: str) -> str:
    """Return the SQL of a moment in microseconds: ISO 8601, or a number whose size tells its unit.

    Seconds until the year 5138, milliseconds, microseconds, nanoseconds. Without an offset: UTC.
    """
    number = f"TRY_CAST({sent} AS DOUBLE)"
    exact = f"coalesce(TRY_CAST({sent} AS HUGEINT), 0)"
    return f"""CASE WHEN {number} IS NULL THEN epoch_us(TRY_CAST({sent} AS TIMESTAMPTZ))
        WHEN abs({number}) < 1e11 THEN round({number} * 1e6)::BIGINT
        WHEN abs({number}) < 1e14 THEN round({number} * 1e3)::BIGINT
        WHEN abs({number}) < 1e17 THEN {exact}::BIGINT
        ELSE ({exact} // 1000)::BIGINT END"""

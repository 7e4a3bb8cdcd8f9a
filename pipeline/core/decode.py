"""JSON lines to Arrow, a table at a time in bulk; what does not fit gets a reason line by line."""

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.json

from pipeline.core.catalog import Catalog
from pipeline.core.columns import with_dictionaries, without_dictionaries
from pipeline.core.contract import TYPE_FIELD, Contract
from pipeline.core.diagnose import Claims, diagnose, read_claims
from pipeline.core.lines import Ints, Lines
from pipeline.core.reasons import Reason, ReasonCode
from pipeline.core.scan import scan
from pipeline.core.schema import json_schema
from pipeline.core.validate import valid_rows

_DIAGNOSED_AT_ONCE: Final = 64
"""Below so many lines it is cheaper to look at each than to halve further."""
_TYPE: Final = re.compile(rb'"%s"\s*:\s*"([^"\\]*)"' % TYPE_FIELD.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Valid events of one table; `line` holds the ordinal of each row's line, rising.

    Columns are not chunked; strings that repeat themselves are dictionaries, the id never is.
    """

    contract: Contract
    rows: pa.Table
    line: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A line that is no event: why, and what it claims to be."""

    line: int
    reason: Reason
    claims: Claims
    contract_version: int | None


@dataclass(slots=True)
class Decoded:
    """Every line is in `events` or in `rejected`, once."""

    events: list[Events] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def decode(lines: Lines, catalog: Catalog) -> Decoded:
    """Decode and validate every line against the contract that it names."""
    decoded = Decoded()
    readable = lines.braced & lines.short
    readable[lines.not_utf8] = False
    table = _route(lines, catalog)
    for number, contract in enumerate(catalog.contracts):
        chosen = np.flatnonzero((table == number) & readable)
        if len(chosen):
            part = _Part(lines=lines, contract=contract, decoded=decoded)
            part.read(part.scanned(chosen))
            part.finish()
    for ordinal in np.flatnonzero((table < 0) | ~readable).tolist():
        number = int(table[ordinal])
        contract_or_none = catalog.contracts[number] if number >= 0 else None
        decoded.rejected.append(_reject(lines, ordinal, contract_or_none, catalog))
    return decoded


def _route(lines: Lines, catalog: Catalog) -> Ints:
    """Return for each line the contract that it names by its number, -1 for none that we know."""
    table = np.full(len(lines), -1, dtype=np.int64)
    numbers = {each.table.encode(): number for number, each in enumerate(catalog.contracts)}
    left = np.arange(len(lines))
    for name, number in numbers.items():
        for form in (b'{"%s":"%s"', b'{"%s": "%s"'):
            if len(left):
                found = lines.starting_with(form % (TYPE_FIELD.encode(), name), left)
                table[found] = number
                left = np.flatnonzero(table < 0) if len(found) else left
    for ordinal in left.tolist():
        guess = _TYPE.search(lines.buffer, lines.start[ordinal], lines.end[ordinal])
        if guess:
            table[ordinal] = numbers.get(guess.group(1), -1)
    return table


def _reject(lines: Lines, ordinal: int, contract: Contract | None, catalog: Catalog) -> Rejected:
    """Return why a line that no bulk read may see is no event."""
    line = lines.line(ordinal)
    known = contract or catalog.contracts[0]
    claims = read_claims(line, id_field=known.id_field)
    reason = diagnose(line, known, arrival_ms=int(lines.arrival_ms[ordinal]))
    if reason is None or (contract is None and reason.field is not None):
        detail = f"no contract for {claims.table!a}"
        reason = Reason(code=ReasonCode.UNKNOWN_TABLE, field=TYPE_FIELD, detail=detail)
    version = contract.version if contract else None
    return Rejected(line=ordinal, reason=reason, claims=claims, contract_version=version)


@dataclass(slots=True, kw_only=True)
class _Part:
    """One table's lines on their way to rows."""

    lines: Lines
    contract: Contract
    decoded: Decoded
    rows: list[pa.Table] = field(default_factory=list)
    line: list[Ints] = field(default_factory=list)

    def scanned(self, chosen: Ints) -> Ints:
        """Keep the lines that are canonical and return the others."""
        found = scan(self.lines, self.contract, chosen)
        if found is None:
            return chosen
        self._keep(found.rows, found.line)
        return np.setdiff1d(chosen, found.line, assume_unique=True)

    def read(self, chosen: Ints) -> None:
        """Read lines in bulk; halve what fails down to few lines, then look at each of those."""
        pending = [(chosen, False)] if len(chosen) else []
        while pending:
            part, diagnosed = pending.pop()
            rows = _bulk(self.lines.joined(part), self.contract, len(part))
            if isinstance(rows, pa.Table):
                self._keep(rows, part)
            elif not diagnosed and len(part) <= _DIAGNOSED_AT_ONCE:
                clean = [each for each in part.tolist() if not self._diagnosed(each)]
                if clean:
                    pending.append((np.array(clean, dtype=np.int64), True))
            elif len(part) == 1:
                self._reject(int(part[0]), rows)
            else:
                half = len(part) // 2
                pending += [(part[half:], diagnosed), (part[:half], diagnosed)]

    def finish(self) -> None:
        """Hand over the rows that were kept, in the order of their lines."""
        if self.rows:
            rows, line = self.rows[0], self.line[0]
            if len(self.rows) > 1:
                line = np.concatenate(self.line)
                order = np.argsort(line)
                rows = pa.concat_tables(map(without_dictionaries, self.rows)).take(order)
                line = line[order]
            rows = with_dictionaries(rows, self.contract)
            events = Events(contract=self.contract, rows=rows, line=line)
            self.decoded.events.append(events)

    def _keep(self, rows: pa.Table, part: Ints) -> None:
        valid = valid_rows(rows, self.contract, self.lines.arrival_ms[part])
        if valid is not None:
            for ordinal in part[~valid].tolist():
                if not self._diagnosed(ordinal):
                    self._reject(ordinal, "does not meet its contract")
            rows, part = rows.filter(pa.array(valid)), part[valid]
        if len(part):
            self.rows.append(rows)
            self.line.append(part)

    def _diagnosed(self, ordinal: int) -> bool:
        """Reject a line if a reason is found."""
        arrival_ms = int(self.lines.arrival_ms[ordinal])
        reason = diagnose(self.lines.line(ordinal), self.contract, arrival_ms=arrival_ms)
        if reason is not None:
            self._reject(ordinal, reason)
        return reason is not None

    def _reject(self, ordinal: int, cause: Reason | str) -> None:
        line = self.lines.line(ordinal)
        if isinstance(cause, str):
            cause = Reason(code=ReasonCode.UNDECODABLE, detail=cause)
        rejected = Rejected(
            line=ordinal,
            reason=cause,
            claims=read_claims(line, id_field=self.contract.id_field),
            contract_version=self.contract.version,
        )
        self.decoded.rejected.append(rejected)


def _bulk(text: bytes, contract: Contract, lines: int) -> pa.Table | str:
    """Return one row a line, or in words why there is none.

    Every line is braced (`Lines.braced`), so as many rows as lines are proof that row n is line n.
    """
    try:
        rows = pyarrow.json.read_json(
            pa.BufferReader(text),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(text)),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=json_schema(contract),
                newlines_in_values=False,
                unexpected_field_behavior="error",
            ),
        )
    except pa.ArrowInvalid as error:
        return str(error).split("\n", 1)[0]
    if rows.num_rows != lines:
        return f"{lines} lines hold {rows.num_rows} objects"
    return rows

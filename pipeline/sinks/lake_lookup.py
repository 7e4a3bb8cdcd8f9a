"""Looks events up in the lake's own files: their rows' checksums, and how many rows a file has."""

import io
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.audit.checksum import checksum
from pipeline.audit.spot_check import EventKey, Evidence
from pipeline.core.contract import Contract
from pipeline.core.records import Position
from pipeline.core.units import HOUR_MS
from pipeline.errors import OperatingError
from pipeline.names import LAKE_PREFIX, QUARANTINE_TABLE, hour_prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WORKERS: Final = 8
"""Files in memory at once. One holds at most what a commit decodes: 16 MB of events, compressed."""
_QUARANTINE_COLUMNS: Final = ("event_id", "reason", "position", "index")
_TROUBLE: Final = (BotoCoreError, ClientError, OSError, pa.ArrowInvalid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file of the lake and when it was written, in milliseconds since the epoch."""

    key: str
    written_ms: int


class LakeLookup:
    """The lake's files of chosen hours, opened one by one; only chosen events are kept.

    Delivery: every file that a listing shows (S3 lists what it has stored, strongly consistent).
    Order: none. Resume: none; each look starts anew.
    """

    def __init__(self, client: "S3Client", bucket: str, contracts: Mapping[str, Contract]) -> None:
        self._client = client
        self._bucket = bucket
        self._contracts = contracts
        self.rows: dict[str, int] = {}
        """Rows of each file that was opened, by key; 0 for one that is not there."""
        self.evidence = Evidence()

    def listed(self, hours: Iterable[tuple[str, int]]) -> list[Listed]:
        """Return the files of some tables' hours (since the epoch). Raises OperatingError."""
        pages = self._client.get_paginator("list_objects_v2")
        found = []
        try:
            for table, hour in sorted(hours):
                at = datetime.fromtimestamp(hour * HOUR_MS / 1_000, UTC)
                prefix = hour_prefix(table=table, date=f"{at:%Y-%m-%d}", hour=at.hour)
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                    for each in page.get("Contents", ()):
                        written_ms = int(each["LastModified"].timestamp() * 1_000)
                        found.append(Listed(key=each["Key"], written_ms=written_ms))
        except (BotoCoreError, ClientError) as error:
            raise OperatingError(f"cannot list the lake {self._bucket}: {error}") from error
        return found

    def open(
        self, keys: Iterable[str], wanted: frozenset[EventKey], *, in_time: Callable[[], bool]
    ) -> bool:
        """Open files that were not opened yet; return whether the time was enough for all.

        Raises OperatingError for a file that is there and cannot be read.
        """
        ids: dict[str, pa.Array] = {
            table: pa.array(sorted(i for t, i in wanted if t == table), pa.string())
            for table in {table for table, _ in wanted}
        }
        new = sorted(set(keys) - self.rows.keys())
        with ThreadPoolExecutor(WORKERS) as pool:
            for start in range(0, len(new), WORKERS):
                if not in_time():
                    return False
                part = new[start : start + WORKERS]
                bodies = pool.map(self._body, part)
                for key, body in zip(part, bodies, strict=True):
                    self._take_in(key, body, ids)
        return True

    def _body(self, key: str) -> bytes | None:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise OperatingError(f"cannot read {key}: {error}") from error
        except _TROUBLE as error:
            raise OperatingError(f"cannot read {key}: {error}") from error

    def _take_in(self, key: str, body: bytes | None, ids: Mapping[str, pa.Array]) -> None:
        if body is None:
            self.rows[key] = 0
            return
        table = key.removeprefix(LAKE_PREFIX).split("/")[0]
        try:
            file = pq.ParquetFile(io.BytesIO(body))
            self.rows[key] = file.metadata.num_rows
            if table == QUARANTINE_TABLE:
                self._quarantine(file)
            elif table in ids:
                self._stored(file, self._contracts[table], ids[table])
        except _TROUBLE as error:
            raise OperatingError(f"{key} is no readable Parquet file: {error}") from error

    def _quarantine(self, file: pq.ParquetFile) -> None:
        for row in file.read(columns=list(_QUARANTINE_COLUMNS)).to_pylist():
            self.evidence.quarantine(
                event_id=row["event_id"],
                reason=row["reason"],
                position=Position(int(row["position"])),
                index=row["index"],
            )

    def _stored(self, file: pq.ParquetFile, contract: Contract, ids: pa.Array) -> None:
        names = file.schema_arrow.names
        wanted = list(dict.fromkeys((contract.id_field, *contract.checksum_fields)))
        rows = file.read(columns=[name for name in wanted if name in names])
        chosen = rows.filter(pc.is_in(rows.column(contract.id_field), value_set=ids))
        for row in _as_sent(chosen).to_pylist():
            key = (contract.table, row[contract.id_field])
            self.evidence.stored[key].append(checksum(row, contract))


def _as_sent(rows: pa.Table) -> pa.Table:
    """Return rows with times as producers send them: milliseconds since the epoch."""
    columns: list[Any] = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in rows.columns
    ]
    return pa.table(columns, names=rows.column_names)

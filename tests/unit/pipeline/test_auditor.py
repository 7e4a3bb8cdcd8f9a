"""The auditor finds what is wrong with a lake by itself, and nothing in one that is right."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import auditing, functions, names
from pipeline.environment import wall_clock_ms
from pipeline.errors import OperatingError
from pipeline.sinks.lake_lookup import LakeLookup, Listed
from pipeline.sinks.s3 import S3Store
from pipeline.sources.time_range import read_between
from tests.unit.pipeline.conftest import MINUTE_MS, Aws, departure, emitted, put

Patch = pytest.MonkeyPatch
FIGURES = ("AuditedEvents", "AuditLost", "AuditDuplicated", "AuditAltered", "ConservationGap")


@pytest.fixture
def variables(variables: dict[str, str]) -> dict[str, str]:
    """An auditor that looks at what has just arrived."""
    return {**variables, names.ENV_AUDIT_DELAY_SECONDS: "0"}


def take(event: dict[str, Any]) -> None:
    functions.process_stream(event, lambda: MINUTE_MS)


def audited() -> dict[str, Any]:
    return functions.audit_lake(lambda: MINUTE_MS)


def figures() -> tuple[int, ...]:
    found = audited()
    return tuple(found[name] for name in FIGURES)


def only_file(aws: Aws, table: str = "departures") -> str:
    (key,) = [key for key in aws.lake() if f"/{table}/" in key]
    return key


def rewrite(aws: Aws, key: str, column: str, value: Any) -> None:
    """Replace a column's first value in a visible file, as a bad writer would."""
    body = aws.s3.get_object(Bucket=aws.name, Key=key)["Body"].read()
    table = pq.read_table(io.BytesIO(body))
    values = table.column(column).to_pylist()
    changed = pa.array([value, *values[1:]], table.schema.field(column).type)
    place = table.schema.get_field_index(column)
    sink = io.BytesIO()
    pq.write_table(table.set_column(place, table.schema.field(column), changed), sink)
    aws.s3.put_object(Bucket=aws.name, Key=key, Body=sink.getvalue())


def test_a_lake_that_is_right_shows_nothing(
    function: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    first = departure(1)
    take(put(function, first, departure(2), first, departure(3, flight="x"), b"\xff", b"{}"))
    capsys.readouterr()
    assert figures() == (5, 0, 0, 0, 0)
    (line,) = emitted(capsys)
    assert (line["share"], line["events"], line["balanced"]) == (1.0, 6, 6)
    assert line["all_files_opened"] is True


def test_an_idle_stream_is_audited_as_well(function: Aws, monkeypatch: Patch) -> None:
    monkeypatch.setenv(names.ENV_AUDIT_DELAY_SECONDS, "3600")
    take(put(function, departure(1)))
    assert figures() == (0, 0, 0, 0, 0)


def test_a_file_that_is_gone_is_lost_and_breaks_the_balance(function: Aws) -> None:
    take(put(function, departure(1), departure(2)))
    function.s3.delete_object(Bucket=function.name, Key=only_file(function))
    found = audited()
    assert (found["AuditLost"], found["ConservationGap"]) == (2, 2)
    assert found["examples"] == ("lost: departures/d1", "lost: departures/d2")


def test_a_file_that_came_twice_is_found_under_any_name(function: Aws) -> None:
    take(put(function, departure(1), departure(2)))
    key = only_file(function)
    copy = {"Bucket": function.name, "Key": key}
    other = key.rsplit("/", 1)[0] + "/part-1.parquet"
    function.s3.copy_object(Bucket=function.name, Key=other, CopySource=copy)
    assert figures() == (2, 0, 2, 0, 0)


def test_a_loss_and_a_duplicate_do_not_cancel_out(function: Aws) -> None:
    take(put(function, departure(1), departure(2)))
    rewrite(function, only_file(function), "id", "d2")
    assert figures() == (2, 1, 1, 1, 0)


@pytest.mark.parametrize(("column", "value"), [("flight", 77), ("destination", "ABC")])
def test_a_changed_value_is_found(function: Aws, column: str, value: Any) -> None:
    take(put(function, departure(1), departure(2)))
    rewrite(function, only_file(function), column, value)
    assert figures() == (2, 0, 0, 1, 0)


def test_quarantine_that_is_gone_is_a_loss(function: Aws) -> None:
    take(put(function, departure(1), b"\xff", departure(2, flight="x")))
    key = only_file(function, names.QUARANTINE_TABLE)
    function.s3.delete_object(Bucket=function.name, Key=key)
    assert figures() == (3, 2, 0, 0, 2)


def test_what_is_in_flight_is_not_judged(function: Aws) -> None:
    take(put(function, departure(1)))
    put(function, departure(2))
    found = audited()
    assert [found[name] for name in FIGURES] == [1, 0, 0, 0, 0]
    assert len(found["in_flight"]) == 1


def test_what_is_committed_and_not_visible_is_in_flight(function: Aws, monkeypatch: Patch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperatingError("the lake is away")

    event = put(function, departure(1))
    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "put_final", away)
        with pytest.raises(OperatingError):
            take(event)
    found = audited()
    assert [found[name] for name in FIGURES] == [0, 0, 0, 0, 0]
    assert len(found["in_flight"]) == 1


def test_a_dropped_copy_is_found_in_the_file_of_its_first(
    function: Aws, monkeypatch: Patch
) -> None:
    """The span begins after the first copy: only a file of before holds its row."""
    first = departure(1)
    take(put(function, first))
    event = put(function, first)
    real_listed = LakeLookup.listed

    def listed(self: LakeLookup, hours: Any) -> list[Listed]:
        return [
            Listed(key=each.key, written_ms=each.written_ms - 450_000)
            for each in real_listed(self, hours)
        ]

    take(event)
    monkeypatch.setattr(LakeLookup, "listed", listed)
    monkeypatch.setattr(
        "pipeline.auditing.read_between", lambda *a, **k: [*read_between(*a, **k)][1:]
    )
    assert figures() == (1, 0, 0, 0, 0)


def test_what_could_not_be_looked_for_is_neither_lost_nor_audited(
    function: Aws, monkeypatch: Patch
) -> None:
    take(put(function, departure(1), departure(2)))
    monkeypatch.setattr(auditing, "FILES_MAX", 0)
    monkeypatch.setattr(auditing._Range, "of", _nothing_covered(auditing._Range.of))
    found = audited()
    assert (found["AuditedEvents"], found["AuditLost"]) == (0, 0)
    assert found["all_files_opened"] is False


def _nothing_covered(real: Any) -> Any:
    def of(*arguments: Any) -> Any:
        made = real(*arguments)
        return auditing._Range(accepted=made.accepted, commits=made.commits, covered=())

    return of


def test_a_record_that_the_ledger_passed_over_breaks_the_balance(function: Aws) -> None:
    event = put(function, departure(1), departure(2), departure(3))
    take(event)
    commit = functions._process().worker.ledger.commits_since(
        functions._process().worker.ledger.shards()[0], arrival_ms=0
    )[0]
    item = {
        "pk": {"S": f"shard#{commit.shard}"},
        "sk": {"S": f"commit#{commit.first:064d}"},
    }
    function.dynamodb.delete_item(TableName=function.name, Key=item)
    assert figures() == (3, 0, 0, 0, 3)


def test_a_lake_that_cannot_be_read_is_no_finding(function: Aws) -> None:
    take(put(function, departure(1)))
    key = only_file(function)
    function.s3.put_object(Bucket=function.name, Key=key, Body=b"no parquet")
    with pytest.raises(OperatingError, match="no readable Parquet file"):
        audited()


def test_more_events_than_fit_are_sampled_by_id(function: Aws, monkeypatch: Patch) -> None:
    monkeypatch.setattr(auditing, "EVENTS_MAX", 40)
    now_ms = wall_clock_ms()
    lines = b"\n".join(departure(number, event_time=now_ms) for number in range(200))
    take(put(function, lines))
    found = audited()
    assert (found["events"], found["ConservationGap"], found["balanced"]) == (200, 0, 200)
    assert found["share"] <= 0.25
    assert 10 <= found["AuditedEvents"] <= 40
    assert found["AuditLost"] == 0

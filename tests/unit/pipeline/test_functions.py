"""The two functions from event to answer, on real parts in this process."""

import pytest

from pipeline import functions
from pipeline.errors import OperatingError, UserError
from tests.unit.pipeline.conftest import MINUTE_MS, Aws, departure, put, said


def test_a_batch_is_stored_answered_and_counted(
    function: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    first = departure(1)
    event = put(function, first, departure(2), first, departure(3, flight="x"))
    answer = functions.process_stream(event, lambda: MINUTE_MS)
    assert answer == {"batchItemFailures": []}
    assert {key.split("/")[1] for key in function.lake()} == {"departures", "quarantine"}
    counted = said(capsys)
    names = ("EventsReceived", "EventsStored", "DuplicatesDropped", "EventsQuarantined")
    assert [counted[name] for name in names] == [4, 2, 1, 1]
    assert counted["quarantined_by_reason"] == {"wrong-type": 1}
    assert counted["RecordsTaken"] == 4
    assert (counted["RangesLost"], counted["RecordsMasked"]) == (0, 0)
    assert counted["Stream"] == function.name


def test_a_batch_that_comes_again_is_answered_and_stores_nothing_more(
    function: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    event = put(function, departure(1))
    functions.process_stream(event, lambda: MINUTE_MS)
    before = function.lake()
    capsys.readouterr()
    assert functions.process_stream(event, lambda: MINUTE_MS) == {"batchItemFailures": []}
    assert function.lake() == before
    assert said(capsys)["EventsReceived"] == 0


def test_a_run_without_time_answers_where_to_go_on_from(
    function: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    event = put(function, departure(1), departure(2))
    answer = functions.process_stream(event, lambda: 0)
    first = event["Records"][0]["kinesis"]["sequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert function.lake() == []


def test_a_failure_is_raised_so_that_the_batch_comes_again(function: Aws) -> None:
    event = put(function, departure(1))
    function.s3.delete_bucket(Bucket=function.name)
    with pytest.raises(OperatingError, match="bucket"):
        functions.process_stream(event, lambda: MINUTE_MS)


def test_a_sweep_of_a_shard_that_may_be_at_work_leaves_it_alone_and_says_so(
    function: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    event = put(function, departure(1))
    functions.process_stream(event, lambda: MINUTE_MS)
    put(function, departure(2))
    capsys.readouterr()
    answer = functions.sweep_ledger(lambda: MINUTE_MS)
    assert answer["swept"] == 1
    assert list(answer["waiting"].values()) == ["an attempt that may be alive"]
    assert said(capsys)["EventsStored"] == 0


def test_a_sweep_takes_what_no_batch_brought(
    function: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    put(function, departure(1), departure(2))
    answer = functions.sweep_ledger(lambda: MINUTE_MS)
    assert answer == {"swept": 1, "waiting": {}}
    assert said(capsys)["EventsStored"] == 2
    assert len(function.lake()) == 1


def test_the_worker_stays_warm_from_run_to_run(function: Aws) -> None:
    assert functions._process().worker is functions._process().worker


def test_a_function_without_its_environment_says_what_is_missing(aws: Aws) -> None:
    with pytest.raises(UserError, match="SLUICE_STREAM"):
        functions.sweep_ledger(lambda: MINUTE_MS)

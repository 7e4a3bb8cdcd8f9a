"""What an operator's verbs decide before they touch anything."""

from itertools import pairwise

import pytest
import rich_click as click
from hypothesis import given
from hypothesis import strategies as st

from pipeline.environment import wall_clock_ms
from pipeline.errors import UserError
from pipeline.replay import Quarantined
from sluice.functions import Version
from sluice.logs import ROUTINE, TROUBLE
from sluice.options import ago_ms
from sluice.replay import EVER, chosen_rows
from sluice.rollback import code_of
from sluice.send import only_missing
from sluice.shards import OpenShard, count_of, steps_to, to_merge, to_split

SHARDS = [
    OpenShard(shard="a", first=0, last=99),
    OpenShard(shard="b", first=100, last=149),
    OpenShard(shard="c", first=150, last=199),
    OpenShard(shard="d", first=200, last=200),
]


def test_the_shard_that_lags_most_is_split_else_the_widest() -> None:
    assert to_split(SHARDS, {"b": 5, "a": 1}, None).shard == "b"
    assert to_split(SHARDS, {}, None).shard == "a"
    assert to_split(SHARDS, {"b": 5}, "c").shard == "c"


def test_the_narrowest_neighbours_are_merged_in_their_order() -> None:
    assert [shard.shard for shard in to_merge(SHARDS, ())] == ["c", "d"]
    assert [shard.shard for shard in to_merge(SHARDS, ("b", "a"))] == ["a", "b"]


def test_what_cannot_be_split_or_merged_is_told_with_what_there_is() -> None:
    with pytest.raises(UserError, match="no open shard x; open are a, b, c, d"):
        to_split(SHARDS, {}, "x")
    with pytest.raises(UserError, match="single hash key"):
        to_split(SHARDS, {}, "d")
    with pytest.raises(UserError, match="not side by side"):
        to_merge(SHARDS, ("a", "c"))
    with pytest.raises(UserError, match="takes two shards"):
        to_merge(SHARDS, ("a",))
    with pytest.raises(UserError, match="only open shard"):
        to_merge(SHARDS[:1], ())


@given(current=st.integers(1, 500), wanted=st.integers(1, 500))
def test_a_count_is_reached_by_steps_that_kinesis_takes(current: int, wanted: int) -> None:
    steps = [current, *steps_to(current, wanted)]
    assert steps[-1] == wanted
    assert all(after <= 2 * before and 2 * after >= before for before, after in pairwise(steps))
    assert len(steps) <= 11


def test_a_count_is_a_number_or_relative() -> None:
    assert (count_of("double", 3), count_of("half", 3), count_of("half", 1)) == (6, 1, 1)
    assert count_of("7", 3) == 7
    for words in ("0", "501", "-1", "many"):
        with pytest.raises(UserError, match="is not double, half or a number"):
            count_of(words, 3)


HISTORY = [
    Version(number=1, code_sha256="old", published=""),
    Version(number=2, code_sha256="good", published=""),
    Version(number=3, code_sha256="bad", published=""),
    Version(number=4, code_sha256="bad", published=""),
]


def test_a_rollback_goes_to_the_newest_other_code_before_not_to_another_setting() -> None:
    assert code_of(HISTORY, 4, None) == "good"
    assert code_of(HISTORY, 2, None) == "old"
    assert code_of(HISTORY, 4, 1) == "old"


def test_a_rollback_without_other_code_or_to_no_version_says_which_there_are() -> None:
    with pytest.raises(UserError, match=r"no version before 1 has other code.* 1, 2, 3, 4"):
        code_of(HISTORY, 1, None)
    with pytest.raises(UserError, match="no version 9; there are 1, 2, 3, 4"):
        code_of(HISTORY, 4, 9)


def moment(text: str) -> int | None:
    return ago_ms(click.Context(click.Command("x")), click.Option(["--since"]), text)


def test_a_moment_is_so_long_ago_or_an_iso_one_in_utc() -> None:
    now_ms = wall_clock_ms()
    assert moment("1.5h") == pytest.approx(now_ms - 5_400_000, abs=1_000)
    assert moment("2026-01-31T10:00:00Z") == moment("2026-01-31T10:00") == 1_769_853_600_000
    with pytest.raises(click.BadParameter, match="neither so long ago"):
        moment("yesterday")


def test_a_log_shows_trouble_and_leaves_out_what_nobody_reads() -> None:
    for line in (
        "[ERROR] OutcomeUnknown: no certain answer to a claim",
        "pipeline.errors.Refused: the fence is lost (shard s)",
        "botocore.exceptions.ClientError: An error occurred",
        "2026-01-31T10:00:00Z 1-2 Task timed out after 60.00 seconds",
        "RequestId: 1-2 Error: Runtime exited with error: signal: killed Runtime.ExitError",
    ):
        assert TROUBLE.search(line), line
        assert not ROUTINE.search(line), line
    for line in ("START RequestId: 1", "REPORT RequestId: 1", '{"EventsStored": 1, "_aws": {}}'):
        assert ROUTINE.search(line), line
    assert not TROUBLE.search("Traceback (most recent call last):")


def row(file: str, reason: str, arrival_ms: int) -> Quarantined:
    return Quarantined(
        file=file,
        reason=reason,
        event_id=None,
        shard="shardId-000000000000",
        partition_key="k",
        raw=b"x",
        arrival_ms=arrival_ms,
    )


def test_rows_of_a_file_and_reason_are_replayed_together_or_not_at_all() -> None:
    rows = [row("f", "a", 1), row("f", "a", 9), row("f", "b", 1), row("g", "a", 2)]
    assert chosen_rows(rows, frozenset(), EVER) == rows
    assert chosen_rows(rows, frozenset({"b"}), EVER) == rows[2:3]
    assert chosen_rows(rows, frozenset(), (5, 10)) == rows[:2]


def test_of_a_file_only_what_nobody_has_is_sent_and_that_once() -> None:
    lines = [b'{"id":"a"}\n', b'{"id":"b"}\n', b'{"id":"b"}\n', b"\xff\n"]
    assert only_missing(lines, frozenset({"a"})) == [lines[1], lines[3]]

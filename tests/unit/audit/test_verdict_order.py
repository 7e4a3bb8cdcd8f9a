"""Events of a key keep their order within a shard, by positions that are integers."""

import math
from typing import Any

from pipeline.audit.verdict import Validity, Violation

Run = Any


def test_a_later_sequence_before_an_earlier_one_is_out_of_order(run: Run) -> None:
    run.lake[0]["position"] = str(10**55 + 5_000)
    verdict = run.judged()
    assert run.violations(verdict) == {Violation.OUT_OF_ORDER: 1}
    assert verdict.examples[0].id == run.event_id(0)
    assert verdict.examples[0].detail == "sequence 0 after 9"


def test_order_within_a_record_is_by_index(run: Run) -> None:
    run.lake[0] |= {"position": "7", "index": 1}
    run.lake[3] |= {"position": "7", "index": 0}
    assert run.violations() == {Violation.OUT_OF_ORDER: 1}


def test_positions_compare_as_integers_not_as_text(run: Run) -> None:
    run.lake[0]["position"] = "9"
    run.lake[3]["position"] = "10"
    run.lake[6]["position"] = str(math.factorial(30))
    assert run.judged().validity is Validity.VALID
    run.lake[0]["position"], run.lake[3]["position"] = "10", "9"
    assert run.violations() == {Violation.OUT_OF_ORDER: 1}


def test_order_is_promised_within_a_shard_and_key_only(run: Run) -> None:
    run.lake[0] |= {"position": str(10**56 - 1), "shard": "s1"}
    run.lake[1] |= {"position": str(10**56 - 1), "key": "other"}
    run.lake[2] |= {"position": str(10**56 - 1), "producer": "p1"}
    assert run.judged().validity is Validity.VALID


def test_a_row_without_a_position_leaves_the_order_unknown(run: Run) -> None:
    run.lake[4]["position"] = "shard-end"
    verdict = run.judged()
    assert verdict.validity is Validity.UNKNOWN
    assert "order unchecked" in verdict.reasons[0]

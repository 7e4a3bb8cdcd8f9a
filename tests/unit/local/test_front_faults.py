"""Faults by seed: which calls they are meant for, and which of those they hit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.front.calls import Call
from infra.local.front.control import Front
from infra.local.front.faults import Fault, Faults
from pipeline.errors import UserError

PUT = Call(service="s3", operation="PutObject", resource="lake/lake/departures/x.parquet")


def hit(fault: Fault, calls: int, call: Call = PUT) -> list[bool]:
    faults = Faults([fault])
    return [bool(faults.strike(call)) for _ in range(calls)]


@given(seed=st.integers(0, 1_000), share=st.floats(0, 1))
def test_the_same_seed_hits_the_same_calls(seed: int, share: float) -> None:
    fault = Fault(service="s3", kind="error", share=share, seed=seed)
    assert hit(fault, 50) == hit(fault, 50)


def test_another_seed_hits_others() -> None:
    one, other = (Fault(service="s3", kind="error", share=0.5, seed=seed) for seed in (1, 2))
    assert hit(one, 100) != hit(other, 100)


def test_a_share_of_the_calls_is_hit() -> None:
    assert 400 < sum(hit(Fault(service="s3", kind="error", share=0.25, seed=3), 2_000)) < 600
    assert not any(hit(Fault(service="s3", kind="error", share=0.0), 100))
    assert all(hit(Fault(service="s3", kind="error"), 100))


def test_a_fault_ends_after_so_many_hits() -> None:
    fault = Fault(service="s3", kind="error", share=0.5, count_max=3)
    assert sum(hit(fault, 1_000)) == 3


@pytest.mark.parametrize(
    ("fault", "fits"),
    [
        (Fault(service="s3", kind="reset"), True),
        (Fault(service="s3", kind="reset", operation="PutObject"), True),
        (Fault(service="s3", kind="reset", operation="GetObject"), False),
        (Fault(service="dynamodb", kind="reset"), False),
        (Fault(service="s3", kind="reset", key_prefix="lake/departures/"), True),
        (Fault(service="s3", kind="reset", key_prefix="departures/"), False),
    ],
)
def test_a_fault_is_meant_for_a_service_an_operation_and_a_prefix(fault: Fault, fits: bool) -> None:
    assert fault.fits(PUT) is fits
    assert any(hit(fault, 1)) is fits


def test_calls_that_do_not_fit_do_not_move_the_count() -> None:
    fault = Fault(service="s3", kind="error", share=0.5, seed=9)
    faults, other = Faults([fault]), Call(service="kinesis", operation="PutRecords")
    seen = []
    for _ in range(50):
        faults.strike(other)
        seen.append(bool(faults.strike(PUT)))
    assert seen == hit(fault, 50)


def test_a_call_is_delayed_and_then_fails_once_at_most() -> None:
    late = Fault(service="s3", kind="latency", latency_ms=5)
    first = Fault(service="s3", kind="error", count_max=1)
    second = Fault(service="s3", kind="throttle", count_max=1)
    faults = Faults([first, second, late])
    struck = [[fault.kind for fault in faults.strike(PUT)] for _ in range(3)]
    assert struck == [["error", "latency"], ["throttle", "latency"], ["latency"]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "flood"}, "unknown fault 'flood': choose one of throttle, error"),
        ({"kind": "error", "share": 1.5}, "from 0 to 1"),
        ({"kind": "latency"}, "latency_ms"),
        ({"kind": "error", "latency_ms": 5}, "latency_ms"),
        ({"kind": "error", "service": "kinesis", "key_prefix": "x"}, "kinesis has none"),
    ],
)
def test_a_fault_that_cannot_be_made_is_refused_in_one_line(
    values: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said) as refused:
        Fault(**{"service": "s3", **values})  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(service="s4", kind="error"), "unknown service 's4'"),
        (Fault(service="s3", operation="PutThing", kind="error"), "s3 has no operation 'PutThing'"),
    ],
)
def test_a_service_or_an_operation_that_aws_does_not_have_is_refused(
    fault: Fault, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        Front("http://127.0.0.1:1").inject([fault])


def test_aws_itself_is_never_asked_for_faults() -> None:
    with pytest.raises(UserError, match="not a local AWS"):
        Front("https://kinesis.us-east-1.amazonaws.com")

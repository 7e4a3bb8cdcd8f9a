"""Claims on quarantine: one replayer at a time, and what was sent is nobody's any more (T24)."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from pipeline.errors import OutcomeUnknown, Refused
from pipeline.ledger.claims import Claim, Claims, ClaimState
from tests.unit.pipeline.conftest import Aws

MINE = Claim(
    file="quarantine/a.parquet",
    reason="masked",
    state=ClaimState.CLAIMED,
    token="mine",
    deadline_ms=1_000,
)
YOURS = replace(MINE, token="yours", deadline_ms=2_000)


@pytest.fixture
def claims(aws: Aws) -> Claims:
    return Claims(aws.dynamodb, aws.name)


def test_rows_are_claimed_by_one(claims: Claims) -> None:
    claims.take(MINE, now_ms=500)
    with pytest.raises(Refused, match=r"a\.parquet#masked"):
        claims.take(YOURS, now_ms=500)
    assert claims.all() == (MINE,)


def test_another_file_and_another_reason_are_claims_of_their_own(claims: Claims) -> None:
    others = (replace(YOURS, file="quarantine/b.parquet"), replace(YOURS, reason="empty"))
    for claim in (MINE, *others):
        claims.take(claim, now_ms=500)
    assert set(claims.all()) == {MINE, *others}


@pytest.mark.parametrize(("now_ms", "is_taken"), [(999, False), (1_000, False), (1_001, True)])
def test_a_claim_is_taken_over_once_its_deadline_is_over(
    claims: Claims, now_ms: int, is_taken: bool
) -> None:
    claims.take(MINE, now_ms=500)
    if is_taken:
        claims.take(YOURS, now_ms=now_ms)
        with pytest.raises(Refused):
            claims.advance(replace(MINE, state=ClaimState.SENT))
    else:
        with pytest.raises(Refused):
            claims.take(YOURS, now_ms=now_ms)
    assert claims.all() == ((YOURS if is_taken else MINE),)


@pytest.mark.parametrize("state", [ClaimState.SENT, ClaimState.DONE])
def test_what_was_sent_is_never_taken_over(claims: Claims, state: ClaimState) -> None:
    claims.take(MINE, now_ms=500)
    claims.advance(replace(MINE, state=state))
    with pytest.raises(Refused):
        claims.take(YOURS, now_ms=10**15)


def test_a_retry_of_ones_own_claim_that_was_written_is_no_refusal(claims: Claims) -> None:
    claims.take(MINE, now_ms=500)
    claims.take(MINE, now_ms=500)
    assert claims.all() == (MINE,)


def test_nobody_advances_a_claim_that_was_never_made(claims: Claims) -> None:
    with pytest.raises(Refused):
        claims.advance(MINE)
    assert claims.all() == ()


def test_without_an_answer_a_claim_is_unknown_and_not_refused(aws: Aws) -> None:
    class Silent:
        def put_item(self, **_: Any) -> None:
            raise ConnectTimeoutError(endpoint_url="http://ledger")

    with pytest.raises(OutcomeUnknown, match="no certain answer"):
        Claims(Silent(), "t").take(MINE, now_ms=0)


def test_a_ledger_that_cannot_be_written_or_read_is_unknown(aws: Aws) -> None:
    elsewhere = Claims(aws.dynamodb, "no-such-table")
    with pytest.raises(OutcomeUnknown):
        elsewhere.take(MINE, now_ms=0)
    with pytest.raises(OutcomeUnknown):
        elsewhere.all()

"""Deploys in the middle of it: of a harmless change, of a defect that kills, and of its fix."""

import json
from pathlib import Path
from typing import Any

import pytest

from sluice.console import progress
from sluice.replay import replay_stack
from tests.faults.stack.conftest import Rig, Rigs, Variant, all_stored

KILLS = b"N-KILLS"
DEATHS_MAX = 12
"""Two for each halving of a batch of seven, three at size one, and some for other batches."""


@pytest.fixture(scope="module")
def rig(rigs: Rigs) -> Rig:
    return rigs("deploys", shard_count="1")


def version(rig: Rig) -> str:
    """Return the version of the function that the mapping invokes."""
    import boto3

    client = boto3.client("lambda", **rig.stack.where)
    name = rig.stack.outputs["function_name"]
    return str(client.get_alias(FunctionName=name, Name="live")["FunctionVersion"])


def test_a_deploy_in_the_middle_of_a_load_costs_nothing(rig: Rig, variant: Variant) -> None:
    harmless = variant({"pipeline/metrics.py": ('"EventsStored"', '"EventsKept"')})
    before = version(rig)
    load = rig.load((0.4, lambda: rig.deploy(harmless)), rate=1_000, seconds=8)
    assert version(rig) != before
    assert all_stored(rig.verdict(load), 8_000)


@pytest.fixture
def killing(variant: Variant) -> Path:
    """A package that ends its process at a record with the marker, and whose runs are short.

    A record is masked only once the deadlines of the attempts at it are over (T13). The settings
    allow no deadline under a minute; here the function gives itself five seconds of it.
    """
    killing = f"any({KILLS!r} in r.data for r in batch.records if r.position not in batch.masked)"
    remaining = "context.get_remaining_time_in_millis"
    return variant(
        {
            "pipeline/core/process.py": (
                "    intake = take_in(batch, limits)\n",
                f"    if {killing}:\n        __import__('os')._exit(1)\n"
                "    intake = take_in(batch, limits)\n",
            ),
            "lambdas/process_stream/handler.py": (
                f"(event, {remaining})",
                f"(event, lambda: min(5_000, {remaining}()))",
            ),
        }
    )


def test_a_record_that_kills_the_process_is_masked_and_after_the_fix_replayed(
    rig: Rig, killing: Path, tmp_path: Path
) -> None:
    rig.deploy(killing)
    written, died_before = rig.write(6), rig.deaths()
    event: dict[str, Any] = json.loads(written.events.bodies[0])
    fatal = json.dumps(event | {"id": "fatal", "aircraft": KILLS.decode()}).encode()
    written.put_all(marker=(3, fatal))
    assert all_stored(rig.verdict(written.folder), 6)
    (masked,) = rig.rows("quarantine", tmp_path / "lake")
    assert (masked["reason"], masked["raw"]) == ("masked", fatal)
    assert "process" in masked["detail"]
    assert 3 <= rig.deaths() - died_before <= DEATHS_MAX

    rig.deploy(None)
    with progress() as bars:
        fates = replay_stack(rig.stack, frozenset({"masked"}), bars=bars)
        again = replay_stack(rig.stack, frozenset({"masked"}), bars=bars)
    assert fates["sent again"] == 1
    assert again["sent again"] == 0
    ids = [row["id"] for row in rig.rows("departures", tmp_path / "lake")]
    assert ids.count("fatal") == 1
    assert len(set(ids)) == len(ids)
    assert all_stored(rig.verdict(written.folder), 6)


def test_copies_are_dropped_and_without_the_dedupe_the_verdict_says_duplicated(
    rig: Rig, variant: Variant
) -> None:
    rig.deploy(None)
    kept = rig.write(50)
    kept.put_all()
    rig.drain()
    kept.put_all()
    assert all_stored(rig.verdict(kept.folder), 50)

    call = "attempt=attempt, seen=seen, catalog="
    forgetful = call.replace("seen=seen", "seen=SeenIds.empty(window_ms=seen.window_ms)")
    rig.deploy(variant({"pipeline/assembly.py": (call, forgetful)}))
    doubled = rig.write(50)
    doubled.put_all()
    rig.drain()
    doubled.put_all()
    verdict = rig.verdict(doubled.folder)
    assert verdict.validity == "invalid"
    assert verdict.violations["duplicated"] == 50
    assert verdict.account.rows == 100


def test_a_seen_set_that_changes_before_the_commit_loses_events_and_the_verdict_says_lost(
    rig: Rig, variant: Variant
) -> None:
    """A canary, alone in its batch, is let through: no load's verdict speaks of it."""
    stage = "        commit = yield from stage(result, plan, shard=work.shard, token=token)\n"
    polluted = """\
        if fenced.last_commit is not None and result.counts.stored > 1:
            early = WarmSet(commit=fenced.last_commit, seen=seen.with_ids(result.ids))
            yield from ask(Remember(work.shard, early))
            if not globals().setdefault("raised", []):
                raised.append(True)
                raise OperatingError("a passing trouble after the core")
"""
    rig.deploy(variant({"pipeline/ledger/attempt.py": (stage, polluted + stage)}))
    verdict = rig.verdict(rig.load(rate=1_000, seconds=4))
    account = verdict.account
    assert verdict.validity == "invalid"
    assert verdict.violations["lost"] == account.lost > 0
    assert account.stored + account.lost == account.acknowledged == 4_000
    assert {example.kind for example in verdict.examples} == {"lost"}
    rig.deploy(None)

"""`sluice backup` and `sluice restore`; and a stack of Sluice's own, verified as anybody's is."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import OperatingError, UserError
from sluice import stack as stacks
from sluice.__main__ import sluice
from sluice.backup import backup_named, restored_table, take_backup
from sluice.console import progress
from sluice.restore import at_work, nothing_at_work, restore_ledger
from sluice.stack import Stack
from tests.integration.cli.conftest import Cli

NAME = "safe"
STACK = ("--stack", NAME)
RUN_SECONDS = 2
EVENTS = 3_000


@pytest.fixture(scope="module")
def stack(home: Path, cli: Cli) -> Stack:
    """A running stack that has had a load; a run of it lasts two seconds, as far as it can tell."""
    done = cli(home, "up", *STACK, "--json")
    assert done.returncode == 0, done.stderr
    sent = cli(home, "load", *STACK, "--events", str(EVENTS), "--rate", "1000", "--no-verify")
    assert sent.returncode == 0, sent.stderr
    assert cli(home, "drain", *STACK).returncode == 0
    found = stacks.find(home, NAME)
    settings: dict[str, Any] = {**found.outputs["settings"], "run_seconds_max": RUN_SECONDS}
    return replace(found, outputs={**found.outputs, "settings": settings})


def test_the_stack_s_own_stream_and_lake_are_valid_as_anybody_s(
    home: Path, cli: Cli, stack: Stack
) -> None:
    words = (
        "verify",
        "--stream",
        stack.outputs["stream_name"],
        "--lake",
        stack.outputs["lake_uri"],
    )
    # What the stack's own probe sends meanwhile is not asked for: what came before is drained.
    now = datetime.now(UTC).isoformat()
    assert cli(home, "drain", *STACK).returncode == 0
    asked = ("--id", "id", "--checksum", "*", "--until", now, "--json")
    done = cli(home, *words, "--endpoint", str(stack.endpoint), *asked)
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["validity"]) == (0, "valid"), verdict
    assert verdict["account"]["stored"] >= EVENTS
    assert verdict["account"]["duplicated"] == verdict["account"]["altered"] == 0


def test_a_backup_is_taken_and_listed_and_found_by_its_name_or_as_the_latest(
    home: Path, cli: Cli, stack: Stack
) -> None:
    done = cli(home, "backup", *STACK, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["backups"][0]
    listed = json.loads(cli(home, "backup", *STACK, "--list", "--json").stdout)["backups"]
    assert [each["name"] for each in listed] == [made["name"]]
    assert backup_named(stack, "latest") == backup_named(stack, made["name"])
    assert backup_named(stack, made["arn"]).arn == made["arn"]
    with pytest.raises(UserError, match=made["name"]):
        backup_named(stack, "another")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--backup", "latest"), "the mapping is enabled"),
        ((), "sluice pause --stack safe, or let --stop do it"),
        (("--backup", "latest", "--from", "table"), "give one"),
        (("--from", "table", "--at", "1h"), "give one"),
        (("--at", "yesterday"), "'yesterday'"),
    ],
)
def test_a_restore_that_would_do_harm_is_refused_with_nothing_changed(
    home: Path, stack: Stack, words: tuple[str, ...], says: str
) -> None:
    tables = stack.environment.dynamodb.list_tables()["TableNames"]
    with pytest.raises(Exception, match=says) as told:
        sluice.main(["--home", str(home), "restore", *STACK, *words], standalone_mode=False)
    assert "\n" not in str(told.value)
    assert stack.environment.dynamodb.list_tables()["TableNames"] == tables
    assert len(at_work(stack)) >= 2


def test_everything_is_stopped_for_one_longest_run_before_and_runs_again_after(
    stack: Stack,
) -> None:
    began = time.monotonic()
    with progress() as bars, nothing_at_work(stack, bars, stop=True):
        assert time.monotonic() - began >= RUN_SECONDS
        assert at_work(stack) == []
    assert any("mapping" in said for said in at_work(stack))


def test_what_is_stopped_stays_so_when_the_restore_fails(stack: Stack) -> None:
    with (
        pytest.raises(OperatingError, match="throttled"),
        progress() as bars,
        nothing_at_work(stack, bars, stop=True),
    ):
        raise OperatingError("throttled")
    assert at_work(stack) == []
    with progress() as bars, nothing_at_work(stack, bars, stop=True):
        pass
    assert at_work(stack)


@pytest.mark.parametrize(
    ("source", "says"),
    [("nothing", "no table nothing"), ("another", "no ledger"), ("", "the ledger itself")],
)
def test_only_the_copy_of_a_ledger_is_restored_from(stack: Stack, source: str, says: str) -> None:
    dynamodb = stack.environment.dynamodb
    if source == "another":
        dynamodb.create_table(
            TableName=source,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
    with pytest.raises(UserError, match=says):
        restore_ledger(
            stack,
            source=source or stack.environment.settings.ledger_table,
            on_shard=lambda _shard: None,
        )


def test_a_moment_is_restored_into_a_table_of_its_own(stack: Stack) -> None:
    backup = take_backup(stack)
    by_moment = restored_table(stack, backup=None, at=backup.taken)
    assert by_moment != stack.environment.settings.ledger_table
    shards = {"pk": {"S": "shards"}, "sk": {"S": "shardId-000000000000"}}
    assert "Item" in stack.environment.dynamodb.get_item(TableName=by_moment, Key=shards)

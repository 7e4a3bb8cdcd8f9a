"""The same by steps, on one stack: up, load, status, drain, verify, query, replay, down."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.function_package import function_archive
from tests.integration.cli.conftest import Cli, last_report
from tests.waiting import until

STACK = ("--stack", "steps")


def package_with(tmp_path: Path, old: str, new: str) -> Path:
    """Return the functions' package with one text of the contracts replaced by another."""
    changed = tmp_path / "changed.zip"
    with (
        zipfile.ZipFile(function_archive("local")) as source,
        zipfile.ZipFile(changed, "w") as target,
    ):
        for name in source.namelist():
            body = source.read(name)
            if name == "pipeline/domain/contracts.py":
                assert old.encode() in body
                body = body.replace(old.encode(), new.encode())
            target.writestr(name, body)
    return changed


@pytest.fixture(scope="module")
def strict(home: Path, cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A stack whose contract is wrong: it takes flights of at most 1,000 miles."""
    package = package_with(tmp_path_factory.mktemp("package"), "maximum=12_500", "maximum=1_000")
    done = cli(home, "up", *STACK, "--set", f"package_file={package}", "--json")
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def test_a_wrong_contract_puts_good_events_into_quarantine_and_the_load_says_so(
    home: Path, cli: Cli, strict: dict[str, Any]
) -> None:
    done = cli(home, "load", *STACK, "--events", "4000", "--rate", "1000", "--web-users", "0")
    assert done.returncode == 1, done.stderr
    account = last_report(home / "steps")["verdict"]["account"]
    assert account["quarantined"] > 1_000
    assert account["stored"] + account["quarantined"] == 4_000
    assert account["lost"] == account["duplicated"] == 0


def test_status_tells_a_script_where_everything_is(
    home: Path, cli: Cli, strict: dict[str, Any]
) -> None:
    def status() -> dict[str, Any]:
        told: dict[str, Any] = json.loads(cli(home, "status", *STACK, "--json").stdout)
        return told

    facts = status()
    assert facts["endpoint"] == strict["endpoint"]
    assert facts["stream"] == strict["stream_name"]
    assert facts["lake"].startswith("s3://")
    assert facts["ledger_table"] == strict["ledger_table"]
    assert facts["function"] == strict["function_name"]
    assert set(facts["alarms"]) == set(strict["alarms"])
    assert facts["region"]
    # A canary of the probe's may be on its way at any one look.
    until(lambda: status()["drained"] is True)


def test_after_the_fix_replay_stores_what_was_quarantined_exactly_once(
    home: Path, cli: Cli, strict: dict[str, Any]
) -> None:
    assert cli(home, "up", *STACK, "--set", "package_file=").returncode == 0
    first = cli(home, "replay", *STACK, "--reason", "out-of-range")
    assert first.returncode == 0, first.stderr
    assert "sent again" in first.stdout
    verdict = json.loads(cli(home, "verify", *STACK, "--json").stdout)
    assert verdict["validity"] == "valid"
    assert verdict["account"]["stored"] == 4_000
    again = cli(home, "replay", *STACK)
    assert again.returncode == 0, again.stderr
    assert "sent again" not in again.stdout
    assert "replayed before" in again.stdout
    rows = cli(home, "query", *STACK, "--csv", "SELECT count(*) AS n FROM departures").stdout
    ids = cli(home, "query", *STACK, "--csv", "SELECT count(DISTINCT id) AS n FROM departures")
    assert rows == ids.stdout


def test_a_second_up_changes_nothing_and_keeps_the_data(home: Path, cli: Cli) -> None:
    before = (home / "steps" / "outputs.json").read_text()
    assert cli(home, "up", *STACK).returncode == 0
    assert (home / "steps" / "outputs.json").read_text() == before
    assert cli(home, "verify", *STACK).returncode == 0


def test_drain_says_when_nothing_is_pending(home: Path, cli: Cli) -> None:
    done = cli(home, "drain", *STACK)
    assert done.returncode == 0
    assert "all that had arrived is committed and published" in done.stderr


def test_verify_finds_a_row_that_was_added_behind_its_back(
    home: Path, cli: Cli, strict: dict[str, Any]
) -> None:
    import boto3

    where = {"endpoint_url": strict["endpoint"], "region_name": strict["region"]}
    s3 = boto3.client("s3", aws_access_key_id="test", aws_secret_access_key="test", **where)
    bucket = strict["lake_bucket"]
    key = s3.list_objects_v2(Bucket=bucket, Prefix="lake/departures/")["Contents"][0]["Key"]
    copy = key.replace(".parquet", "9.parquet")
    s3.copy_object(Bucket=bucket, Key=copy, CopySource={"Bucket": bucket, "Key": key})
    done = cli(home, "verify", *STACK, "--json")
    assert done.returncode == 1
    verdict = json.loads(done.stdout)
    assert verdict["validity"] == "invalid"
    assert verdict["violations"]["duplicated"] > 0
    s3.delete_object(Bucket=bucket, Key=copy)
    assert cli(home, "verify", *STACK).returncode == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("status", "--stack", "nowhere"), "sluice up --stack nowhere"),
        (("up", "--set", "shards"), "a setting is KEY=VALUE"),
        (("up", "--stack", "bad", "--set", "shard_cuont=2"), "shard_count"),
        (("up", "--stack", "bad", "--set", "shard_count=0"), "shard_count"),
        (("load", *STACK, "--rate", "0"), "rate"),
        (("load", *STACK, "--events", "5", "--duration", "5"), "one of them"),
        (("query", *STACK, "SELECT * FROM nothing"), "the lake's tables: "),
        (("verify", *STACK, "--load", "/"), "load.json"),
        (("query", *STACK, "SELEC"), "syntax error"),
        (("status", "--stack", "../steps"), "lower-case letters"),
        (("demo", "--rate", "fast"), "fast"),
        (("demo", "--events", "5", "--duration", "5"), "not both"),
        (("dance",), "dance"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_clear_message_and_exit_code_2(
    home: Path, cli: Cli, strict: dict[str, Any], words: tuple[str, ...], says: str
) -> None:
    done = cli(home, *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said_before_anything_is_made(
    home: Path, cli: Cli, strict: dict[str, Any]
) -> None:
    port = strict["endpoint"].rsplit(":", 1)[1]
    done = cli(home, "up", "--stack", "second", "--port", port)
    assert done.returncode == 2
    assert port in done.stderr
    assert not (home / "second" / "state.json").exists()

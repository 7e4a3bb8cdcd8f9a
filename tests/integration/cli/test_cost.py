"""`sluice cost` as a person uses it: a bill, a document for a script, mistakes in a line each."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UserError
from sluice.cost import cost as verb

Cli = Callable[..., Any]
STACKS = ("dev", "staging", "prod")


@pytest.fixture
def cost(cli: Cli, tmp_path: Path) -> Cli:
    return lambda *words: cli(tmp_path, "cost", *words)


@pytest.mark.parametrize("stack", STACKS)
def test_the_lines_add_up_to_what_the_stack_costs(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    verb.main(["--rate", "10000", "--stack", stack, "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    lines = sum(line["usd"] for line in told["lines"])
    assert told["usd_a_month"] == pytest.approx(lines, abs=0.005 * len(told["lines"]))
    assert sum(told["by_resource"].values()) == pytest.approx(told["usd_a_month"], abs=0.05)
    assert told["region"] == "eu-central-1"
    assert {line["page"] for line in told["lines"]} >= {"AWS Lambda pricing", "Amazon S3 pricing"}
    assert {way["name"] for way in told["transports"]} >= {"MSK provisioned", "Pulsar on EC2"}
    assert [way["name"] for way in told["networks"]] == ["endpoints", "NAT gateways"]


@pytest.mark.parametrize(
    ("stream", "its_own"),
    [("kafka", "Amazon MSK pricing"), ("pulsar", "Elastic Load Balancing pricing")],
)
def test_a_stack_on_brokers_is_priced_by_what_it_is_made_of(
    stream: str,
    its_own: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "Pulumi.theirs.yaml").write_text(f"config:\n  sluice:stream: {stream}\n")
    monkeypatch.setattr("sluice.cost.ROOT", tmp_path)
    words = ["--rate", "10000", "--stack", "theirs"]
    verb.main([*words, "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    pages = {line["page"] for line in told["lines"]}
    assert {its_own, "AWS Fargate pricing", "AWS PrivateLink pricing"} <= pages
    assert not pages & {"AWS Lambda pricing", "Amazon Kinesis Data Streams pricing"}
    verb.main(words, standalone_mode=False)
    said = capsys.readouterr().out
    assert f"{stream.capitalize()}, this stack" in said
    assert "NAT gateways" not in said
    assert "just the shards" not in said


def test_a_person_reads_the_bill_what_else_there_is_and_what_drives_it(cost: Cli) -> None:
    done = cost("--rate", "10000", "--stack", "prod", "--region", "us-east-1")
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert re.match(r"prod at 10,000 events/s of 300 bytes, us-east-1, month 1: [\d,.]+ USD", said)
    assert "no taxes, free tier" in said
    assert re.search(r"[+-][\d,.]+  batch_window_seconds: 5 -> 1", said)
    assert "plain records" in said
    assert "NAT gateways" in said
    assert "none was found" not in said


def test_shards_and_records_of_one_s_own_change_the_bill(cost: Cli) -> None:
    def stream(*words: str) -> float:
        done = cost("--rate", "10000", "--region", "us-east-1", "--json", *words)
        return float(json.loads(done.stdout)["by_resource"]["stream"])

    assert stream("--shards", "3") == pytest.approx(stream() + 2 * 730 * 0.015, abs=0.02)
    assert stream("--plain") > 5 * stream()


def test_a_file_of_one_s_own_prices_is_taken(cost: Cli, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text("kinesis_shard_hour = 1\n")
    done = cost("--rate", "1", "--prices", str(file), "--json")
    (hours,) = (x for x in json.loads(done.stdout)["lines"] if x["unit"] == "shard-hour")
    assert hours["usd"] == 730


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stack", "nowhere"), "there is no Pulumi.nowhere.yaml; stacks with a file are dev, "),
        (("--stack", "../prod"), "there is no Pulumi.../prod.yaml"),
        (("--rate", "0"), "--rate: 0 is not above 0"),
        (("--rate", "1e12"), "at most 10,000,000 a second"),
        (("--size", "0"), "--size: 0 is not from 1 to"),
        (("--size", "2000000"), "--size: 2000000 is not"),
        (("--region", "mars-1"), "there are no prices for region 'mars-1'; known are us-east-1"),
        (("--shards", "0"), "shard_count: 0 is refused"),
        (("--prices", "absent.toml"), "--prices: cannot read absent.toml"),
    ],
)
def test_a_mistake_is_told_in_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        verb.main(["--rate", "100", *words], standalone_mode=False, obj=tmp_path)
    assert said in str(told.value)
    assert len(str(told.value).splitlines()) == 1


def test_a_mistake_ends_with_exit_code_2_and_no_bill(cost: Cli) -> None:
    done = cost("--rate", "100", "--stack", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1

"""The pages on scaling and troubleshooting name only what there is, and all that there is."""

import ast
import re

import pytest

from infra.alarms_page import alarm_ids
from infra.preflight import (
    UNANSWERED,
    account_faults,
    concurrency_faults,
    namespace_faults,
    region_faults,
    unanswered,
    version_faults,
)
from infra.settings import Settings
from tests.documents import ROOT, runbooks

SCALING = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
TROUBLE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
OURS, _, AWS_SAYS = TROUBLE.partition("## Refused by AWS, half way")


def rows(text: str) -> list[list[str]]:
    """Return the cells of a page's tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in ("what", "message", "---")]


def messages(text: str) -> list[str]:
    return [message for row in rows(text) for message in re.findall(r"`([^`]+)`", row[0])]


def text_of(node: ast.AST) -> str:
    """Return a text of the program, with `...` for what is filled in; empty for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "..." for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


SAID = {
    text_of(node)
    for path in (ROOT / "infra").glob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
}


def tells(message: str, text: str) -> bool:
    """Return whether a text is what a message stands for, `...` being anything."""
    parts = [re.escape(part) for part in message.split("...")]
    return re.search(".+".join(parts), f" {text}") is not None


def is_said(message: str) -> bool:
    return any(tells(message, text) for text in SAID)


@pytest.mark.parametrize("row", rows(SCALING), ids=lambda row: row[0])
def test_what_scales_names_its_settings_alarms_and_runbook(row: list[str]) -> None:
    _, _, _, limit, setting, alarm, runbook = row
    assert limit
    assert setting == "none" or set(re.findall(r"`(\w+)`", setting)) <= set(Settings.model_fields)
    alarms = re.findall(r"\[([\w-]+)\]\(alarms\.md#([\w-]+)\)", alarm)
    assert alarms
    assert {name for pair in alarms for name in pair} <= alarm_ids()
    (pair,) = re.findall(r"\[([\w-]+)\]\(\.\./runbooks/([\w-]+)\.md\)", runbook)
    assert set(pair) <= {path.stem for path in runbooks()}


def test_every_setting_that_scales_something_is_in_the_table() -> None:
    named = {name for row in rows(SCALING) for name in re.findall(r"`(\w+)`", row[4])}
    assert named == {
        *("audit_minutes", "batch_size", "batch_window_seconds", "memory_mb", "retention_hours"),
        *("run_seconds_max", "shard_count", "stream_mode", "concurrency_max", "partition_count"),
        *("shard_count_min", "shard_count_max", "shard_schedule", "shard_utilization_percent"),
        *("workers_min", "workers_max", "worker_lag_max", "kafka_brokers_per_zone"),
        *("kafka_volume_gb", "pulsar_brokers", "pulsar_bookies_per_zone", "pulsar_ledgers_gb"),
    }


@pytest.mark.parametrize("message", messages(OURS))
def test_a_message_that_is_ours_is_one_that_the_program_says(message: str) -> None:
    assert is_said(message)


def test_a_message_that_nobody_says_is_noticed() -> None:
    assert not is_said("aws:region ... is on the moon")
    assert not is_said("there is no ..., ... is needed: rain")


@pytest.mark.parametrize(
    "fault",
    [
        *(advice for _, advice in UNANSWERED),
        unanswered("something new"),
        *(
            fault
            for region in (None, "eu-central-1a", "Bonn", "cn-north-1")
            for fault in region_faults(region)
        ),
        *account_faults("111111111111", "[]"),
        *account_faults("111111111111", '["222222222222"]'),
        *version_faults((3, 9), {"pulumi": "3.1.0"}),
        *concurrency_faults(10, 2),
        *namespace_faults("ours", ["sluice:memory_mb"], ["memory_mb"]),
    ],
)
def test_whatever_is_refused_beforehand_is_explained(fault: str) -> None:
    assert any(tells(message, fault) for message in messages(OURS))


def test_what_aws_refuses_half_way_says_what_to_do() -> None:
    assert len(rows(AWS_SAYS)) > 10
    assert all(len(row) == 3 and all(row) for row in rows(AWS_SAYS))

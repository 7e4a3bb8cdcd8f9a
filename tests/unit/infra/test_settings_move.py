"""Each setting moves exactly the properties that it names: two swapped ones would show here."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.settings import Settings
from pipeline import names

FUNCTIONS = ("processing", "sweeper")


def _each(path: str) -> set[str]:
    return {f"{function}.{path}" for function in FUNCTIONS}


MOVES: Mapping[str, tuple[str, set[str]]] = {
    "shard_count": ("3", {"stream.shardCount"}),
    "stream_mode": ("on_demand", {"stream.shardCount", "stream.streamModeDetails.streamMode"}),
    "retention_hours": (
        "72",
        {
            "stream.retentionPeriod",
            "alarms-age-against-retention.threshold",
            "alarms-age-against-retention.alarmDescription",
        },
    ),
    "batch_size": ("500", {"processing-mapping.batchSize"}),
    "batch_window_seconds": ("7", {"processing-mapping.maximumBatchingWindowInSeconds"}),
    "starting_position": ("LATEST", {"processing-mapping.startingPosition"}),
    "retry_attempts_max": ("9", {"processing-mapping.maximumRetryAttempts"}),
    "record_age_seconds_max": ("3600", {"processing-mapping.maximumRecordAgeInSeconds"}),
    "bisect_on_error": ("true", {"processing-mapping.bisectBatchOnFunctionError"}),
    "window_seconds": ("60", _each(f"environment.variables.{names.ENV_WINDOW_SECONDS}")),
    "architecture": ("x86_64", _each("architectures.0")),
    "memory_mb": ("2048", _each("memorySize")),
    "run_seconds_max": (
        "120",
        _each("timeout") | _each(f"environment.variables.{names.ENV_RUN_SECONDS_MAX}"),
    ),
    "backup_days": (
        "7",
        {
            "ledger.pointInTimeRecovery.recoveryPeriodInDays",
            *(
                f"lake-lifecycle.rules.{place}.{path}"
                for place in range(3)
                for path in (
                    "expiration.days",
                    "noncurrentVersionExpiration.noncurrentDays",
                )
            ),
        },
    ),
    "noncurrent_days": (
        "5",
        {
            f"lake-lifecycle.rules.{place}.noncurrentVersionExpiration.noncurrentDays"
            for place in range(3, 6)
        },
    ),
    "log_days": ("90", {f"{function}-log-group.retentionInDays" for function in FUNCTIONS}),
    "key_deletion_days": ("7", {"encryption.deletionWindowInDays"}),
    "retain_data": ("true", {"lake.forceDestroy", "ledger.deletionProtectionEnabled"}),
    "alarm_email": (
        "oncall@example.com",
        {"alarms-email.endpoint", "alarms-email.protocol", "alarms-email.topic"},
    ),
    "iterator_age_seconds_max": (
        "60",
        {"alarms-iterator-age.threshold", "alarms-iterator-age.alarmDescription"},
    ),
    "retention_percent_max": (
        "20",
        {
            "alarms-age-against-retention.threshold",
            "alarms-age-against-retention.alarmDescription",
        },
    ),
    "quarantine_percent_max": (
        "4",
        {"alarms-quarantine-rate.threshold", "alarms-quarantine-rate.alarmDescription"},
    ),
    "runbooks_url": (
        "https://example.com",
        {
            f"alarms-{rule}.alarmDescription"
            for rule in (
                "age-against-retention",
                "function-errors",
                "function-throttles",
                "iterator-age",
                "on-failure-objects",
                "quarantine-rate",
                "records-lost",
                "write-throttles",
            )
        },
    ),
}
BUILT_ELSEWHERE = {"package", "package_file"}
"""They choose the archive, which `test_the_package_is_uploaded_under_its_content` covers."""


def test_every_setting_is_in_the_table() -> None:
    assert set(MOVES) | BUILT_ELSEWHERE == set(Settings.model_fields)


@pytest.mark.parametrize("setting", MOVES)
def test_a_setting_moves_the_properties_it_names_and_no_other(
    setting: str, register: Callable[..., Any]
) -> None:
    value, expected = MOVES[setting]
    before, after = register().leaves(), register({setting: value}).leaves()
    moved = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    assert moved == expected

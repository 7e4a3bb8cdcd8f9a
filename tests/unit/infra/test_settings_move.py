"""Each setting moves exactly the properties that it names: two swapped ones would show here."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.settings import Settings
from infra.settings_kafka import KafkaSettings
from infra.settings_pulsar import PulsarSettings
from infra.settings_worker import WorkerSettings
from pipeline import names

FUNCTIONS = ("processing", "sweeper", "probe", "auditor")


def _each(path: str) -> set[str]:
    return {f"{function}.{path}" for function in FUNCTIONS}


def _alarm(*rules: str, moved: str = "threshold") -> set[str]:
    """The named property of alarms, and their descriptions, which give the reason."""
    return {f"alarms-{rule}.{each}" for rule in rules for each in (moved, "alarmDescription")}


ZONES = ("eu-central-1a", "eu-central-1b", "eu-central-1c")
SINGLE_ALARMS = (
    "age-against-retention",
    "canary-not-seen",
    "conservation-broken",
    "duplicates-found",
    "function-duration",
    "function-errors",
    "function-throttles",
    "iterator-age",
    "oldest-event-age",
    "on-failure-objects",
    "quarantine-rate",
    "read-throttles",
    "records-lost",
    "small-files",
    "watcher-errors",
    "write-throttles",
)
COMPOSITES = ("data-at-risk", "lake-is-late")

MOVES: Mapping[str, tuple[str, set[str]]] = {
    "shard_count": ("3", {"stream.shardCount"}),
    "stream_mode": ("on_demand", {"stream.shardCount", "stream.streamModeDetails.streamMode"}),
    "retention_hours": (
        "72",
        {"stream.retentionPeriod"} | _alarm("age-against-retention"),
    ),
    "batch_size": ("500", {"processing-mapping.batchSize"}),
    "batch_window_seconds": (
        "7",
        {"processing-mapping.maximumBatchingWindowInSeconds"}
        | _each(f"environment.variables.{names.ENV_CANARY_SECONDS_MAX}"),
    ),
    "starting_position": ("LATEST", {"processing-mapping.startingPosition"}),
    "retry_attempts_max": ("9", {"processing-mapping.maximumRetryAttempts"}),
    "record_age_seconds_max": ("3600", {"processing-mapping.maximumRecordAgeInSeconds"}),
    "bisect_on_error": ("true", {"processing-mapping.bisectBatchOnFunctionError"}),
    "window_seconds": ("60", _each(f"environment.variables.{names.ENV_WINDOW_SECONDS}")),
    "architecture": ("x86_64", _each("architectures.0")),
    "memory_mb": ("2048", _each("memorySize")),
    # What they decide is done by `sluice deploy`, which reads them from the outputs.
    "rollout": ("linear", set()),
    "rollout_percent": ("20", set()),
    "rollout_minutes": ("7", set()),
    "run_seconds_max": (
        "120",
        _each("timeout")
        | _each(f"environment.variables.{names.ENV_RUN_SECONDS_MAX}")
        | _alarm("function-duration")
        | _alarm("function-duration", "function-errors", moved="evaluationPeriods"),
    ),
    "concurrency_max": ("9", {"processing.reservedConcurrentExecutions"}),
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
    "destroy_data": ("false", {"lake.forceDestroy", "ledger.deletionProtectionEnabled"}),
    "alarm_email": (
        "oncall@example.com",
        {"alarms-email.endpoint", "alarms-email.protocol", "alarms-email.topic"},
    ),
    "page_email": (
        "pager@example.com",
        {f"alarms-pages-email.{path}" for path in ("endpoint", "protocol", "topic")},
    ),
    "oldest_event_age_seconds_max": ("60", _alarm("oldest-event-age")),
    "iterator_age_seconds_max": ("60", _alarm("iterator-age")),
    "canary_seconds_max": ("60", _each(f"environment.variables.{names.ENV_CANARY_SECONDS_MAX}")),
    "canary_minutes_max": (
        "9",
        _alarm("canary-not-seen", moved="evaluationPeriods")
        | _alarm("canary-not-seen", moved="datapointsToAlarm"),
    ),
    "retention_percent_max": ("0.01", _alarm("age-against-retention")),
    "duration_percent_max": ("20", _alarm("function-duration")),
    "quarantine_percent_max": ("4", _alarm("quarantine-rate")),
    "small_files_max": ("7", _alarm("small-files", moved="metricQueries.0.expression")),
    "file_bytes_min": (
        "9",
        _alarm("small-files") | _alarm("small-files", moved="metricQueries.0.expression"),
    ),
    "audit_minutes": (
        "7",
        {"auditor-rule.scheduleExpression"}
        | _each(f"environment.variables.{names.ENV_AUDIT_SECONDS}")
        | {
            f"alarms-{rule}.evaluationPeriods"
            for rule in ("conservation-broken", "duplicates-found")
        },
    ),
    "audit_delay_seconds": (
        "5",
        _each(f"environment.variables.{names.ENV_AUDIT_DELAY_SECONDS}"),
    ),
    "runbooks_url": (
        "https://example.com",
        {f"alarms-{rule}.alarmDescription" for rule in (*SINGLE_ALARMS, *COMPOSITES)},
    ),
}
OF_TOPICS = {
    *("stream", "partition_count", "service_url", "broker_count", "broker_cidr"),
    *KafkaSettings.model_fields,
    *PulsarSettings.model_fields,
    *WorkerSettings.model_fields,
}
"""What `test_settings_move_kafka.py` moves."""
MOVES_A_NETWORK: Mapping[str, tuple[str, set[str]]] = {
    "network_cidr": (
        "10.0.0.0/20",
        {"network.cidrBlock", *(f"network-subnet-{zone}.cidrBlock" for zone in ZONES)},
    ),
    "zones": (
        "2",
        {
            *(f"{function}.vpcConfig.subnetIds.2" for function in FUNCTIONS),
            *(f"{function}-policy.policy" for function in FUNCTIONS),
            "network-kinesis-streams.subnetIds.2",
            *(f"network-routes-{ZONES[2]}.{each}" for each in ("routeTableId", "subnetId")),
            *(
                f"network-subnet-{ZONES[2]}.{each}"
                for each in ("availabilityZone", "cidrBlock", "mapPublicIpOnLaunch", "vpcId")
            ),
            *(
                f"network-subnet-{ZONES[2]}.tags.{tag}"
                for tag in ("Name", "managed-by", "project", "stack")
            ),
        },
    ),
}
"""What moves only where there is a network."""
BUILT_ELSEWHERE = {"network", *MOVES_A_NETWORK, *OF_TOPICS} | {
    "package",
    "package_file",
    "quiet_minutes",
    "budget_usd",
    "budget_email",
    "shard_count_min",
    "shard_count_max",
    "shard_utilization_percent",
    "shard_schedule",
}
"""The first two choose the archive, which `test_the_package_is_uploaded_under_its_content` covers;
the third makes an alarm of its own, as the test below says, the next two a budget (`test_budget`),
the rest a scaler (`test_shard_scaling`)."""


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


def test_quiet_minutes_make_one_alarm_show_it_and_move_nothing_else(
    register: Callable[..., Any],
) -> None:
    before, after = register().leaves(), register({"quiet_minutes": "30"}).leaves()
    moved = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    made = {key for key in moved if key.startswith("alarms-quiet-stream.")}
    assert moved == made | {"dashboard.dashboardBody"}
    assert after["alarms-quiet-stream.evaluationPeriods"] == 30


@pytest.mark.parametrize("setting", MOVES_A_NETWORK)
def test_a_setting_of_a_network_moves_the_properties_it_names_and_no_other(
    setting: str, register: Callable[..., Any]
) -> None:
    value, expected = MOVES_A_NETWORK[setting]
    private = {"network": "private"}
    before, after = register(private).leaves(), register({**private, setting: value}).leaves()
    moved = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    assert moved == expected


def test_a_network_takes_the_functions_in_and_moves_nothing_else(
    register: Callable[..., Any],
) -> None:
    before, after = register().leaves(), register({"network": "private"}).leaves()
    moved = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    others = {key for key in moved if not key.startswith("network")}
    assert others == {
        *_each("vpcConfig.securityGroupIds.0"),
        *(key for place in range(3) for key in _each(f"vpcConfig.subnetIds.{place}")),
        *(f"{function}-policy.policy" for function in FUNCTIONS),
    }

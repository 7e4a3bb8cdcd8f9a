"""What the program registers, under the settings of every committed stack."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from infra.local.provider.errors import InvalidParameter
from pipeline import names
from pipeline.contracts import CONTRACTS
from pipeline.core.contract import QUARANTINE_FIELDS, SYSTEM_FIELDS
from pipeline.core.records import Position, ShardId
from pipeline.core.result import Counts
from pipeline.environment import FunctionSettings
from pipeline.ledger.items import commit_to_item
from pipeline.ledger.state import Commit

SINGLE_ALARMS = 16
COMPOSITES = 2


def test_every_output_is_a_value(registered: Any) -> None:
    scaled = "scaler" in registered.resources
    assert set(registered.outputs) == ({"scaler_function_name"} if scaled else set()) | {
        "alarms",
        "auditor_function_name",
        "dashboard",
        "function_alias",
        "function_name",
        "glue_database",
        "key_arn",
        "lake_bucket",
        "lake_uri",
        "ledger_table",
        "mapping_uuid",
        "pages_topic_arn",
        "probe_function_name",
        "readme",
        "region",
        "settings",
        "stream_arn",
        "stream_name",
        "sweeper_function_name",
        "topic_arn",
    }
    assert all(value not in (None, "", [], {}) for value in registered.outputs.values())
    assert registered.outputs["lake_uri"] == f"s3://{registered.outputs['lake_bucket']}/lake"
    assert len(registered.outputs["alarms"]) == SINGLE_ALARMS + COMPOSITES


@pytest.mark.parametrize(
    ("retain", "destroy", "gone"),
    [
        ("true", "true", False),
        ("true", "false", False),
        ("false", "false", False),
        ("false", "true", True),
    ],
)
def test_data_is_destroyed_only_where_two_settings_agree(
    register: Callable[..., Any], retain: str, destroy: str, gone: bool
) -> None:
    registered = register({"retain_data": retain, "destroy_data": destroy})
    assert registered.inputs("lake")["forceDestroy"] is gone
    assert registered.inputs("ledger")["deletionProtectionEnabled"] is not gone


def test_the_ledger_can_be_restored_and_expires_commits_by_their_own_attribute(
    registered: Any,
) -> None:
    ledger = registered.inputs("ledger")
    assert ledger["pointInTimeRecovery"]["enabled"] is True
    assert ledger["ttl"]["enabled"] is True
    commit = Commit(
        shard=ShardId("s"),
        first=Position(1),
        last=Position(1),
        token="t",
        files=(),
        ids_key=None,
        counts=Counts(),
        arrival_ms_max=0,
        committed_ms=0,
    )
    item = commit_to_item(commit)
    assert "N" in item[ledger["ttl"]["attributeName"]]
    assert {ledger["hashKey"], ledger["rangeKey"]} < set(item)


def test_tables_never_expire_and_hidden_prefixes_outlive_the_backups(registered: Any) -> None:
    backup_days = registered.inputs("ledger")["pointInTimeRecovery"]["recoveryPeriodInDays"]
    expiring = {}
    for rule in registered.inputs("lake-lifecycle")["rules"]:
        if "expiration" in rule:
            expiring[rule["filter"]["prefix"]] = rule["expiration"]["days"]
            assert rule["noncurrentVersionExpiration"]["noncurrentDays"] > backup_days
    assert set(expiring) == {"staging/", "ids/", "journal/"}
    assert min(expiring.values()) > backup_days


def test_the_mapping_discards_nothing_and_leaves_isolation_to_the_protocol(
    registered: Any,
) -> None:
    mapping = registered.inputs("processing-mapping")
    assert mapping["functionName"] == registered.resources["processing-alias"].outputs["arn"]
    assert mapping["startingPosition"] == "TRIM_HORIZON"
    assert (mapping["maximumRetryAttempts"], mapping["maximumRecordAgeInSeconds"]) == (-1, -1)
    assert mapping["bisectBatchOnFunctionError"] is False
    assert mapping["parallelizationFactor"] == 1
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["destinationConfig"] == {
        "onFailure": {"destinationArn": registered.resources["lake"].outputs["arn"]}
    }
    assert mapping["maximumBatchingWindowInSeconds"] >= 1


def test_the_sweeper_runs_every_minute_and_never_twice_at_once(registered: Any) -> None:
    assert registered.inputs("sweeper-rule")["scheduleExpression"] == "rate(1 minute)"
    assert registered.inputs("sweeper")["reservedConcurrentExecutions"] == 1
    alias = registered.resources["sweeper-alias"].outputs["arn"]
    assert registered.inputs("sweeper-target")["arn"] == alias
    permission = registered.inputs("sweeper-permission")
    assert permission["principal"] == "events.amazonaws.com"
    assert permission["sourceArn"] == registered.resources["sweeper-rule"].outputs["arn"]


def test_functions_get_every_variable_that_they_read(registered: Any) -> None:
    wanted = {field.alias for field in FunctionSettings.model_fields.values()}
    for function in registered.of_type("Function"):
        more = {names.ENV_SHARD_SCALING} if function.name == "scaler" else set()
        assert set(function.inputs["environment"]["variables"]) == wanted | more
        assert function.inputs["publish"] is True
        assert function.inputs["runtime"] == "python3.13"


def test_every_contract_and_quarantine_have_a_table_with_their_columns(registered: Any) -> None:
    tables = {t.inputs["name"]: t.inputs for t in registered.of_type("CatalogTable")}
    wanted = {
        contract.table: (*contract.fields, *contract.enriched, *SYSTEM_FIELDS)
        for contract in CONTRACTS
    } | {names.QUARANTINE_TABLE: QUARANTINE_FIELDS}
    assert set(tables) == set(wanted)
    for table, fields in wanted.items():
        columns = tables[table]["storageDescriptor"]["columns"]
        assert [column["name"] for column in columns] == [field.name for field in fields]


def test_partitions_are_projected_where_the_pipeline_puts_files(registered: Any) -> None:
    key = names.final_key(table="departures", date="2026-11-24", hour=7, shard="s", first=1)
    table = registered.inputs("catalog-departures")
    template = table["parameters"]["storage.location.template"]
    assert table["parameters"]["projection.hour.digits"] == "2"
    folder = template.replace("${dt}", "2026-11-24").replace("${hour}", "07")
    assert f"s3://{registered.outputs['lake_bucket']}/{key}".startswith(f"{folder}/")


def test_names_that_are_reserved_for_the_pipeline_are_no_contract_columns(registered: Any) -> None:
    for table in registered.of_type("CatalogTable"):
        columns = [c["name"] for c in table.inputs["storageDescriptor"]["columns"]]
        assert len(set(columns)) == len(columns)
        assert not {"dt", "hour"} & set(columns)


def test_nothing_deprecated_is_used(
    register: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="sluice.program"):
        register({"alarm_email": "anybody@example.com"})
    assert caplog.records == []


def test_what_aws_would_refuse_is_refused_here(
    register: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    monkeypatch.setattr("infra.processing.PARALLELIZATION_FACTOR", 11)
    with pytest.raises(InvalidParameter, match="ParallelizationFactor is 11, most is 10"):
        register({"log_days": "1"})


def test_the_package_is_uploaded_under_its_content(
    register: Callable[..., Any], package_file: Any
) -> None:
    registered = register()
    package = registered.inputs("package")
    assert package["key"] == f"code/{package['source']['sha256']}.zip"
    assert package["source"]["path"] == str(package_file)
    for function in registered.of_type("Function"):
        assert function.inputs["s3Key"] == package["key"]
        assert function.inputs["s3Bucket"] == registered.outputs["lake_bucket"]

"""A wrong setting is named, with what is right, before anything is made."""

from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings import COMMIT_DAYS, Settings, parse
from pipeline.errors import UserError
from pipeline.ledger.items import COMMIT_KEEP_MS

ROOT = Path(__file__).resolve().parents[3]
PULSAR = {
    "stream": "pulsar",
    "pulsar_cluster": "given",
    "service_url": "pulsar+ssl://pulsar.example.com:6651",
}
KAFKA = {"stream": "kafka", "kafka_cluster": "given", "kafka_security": "tls"}
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:pulsar-0a1b2c"


def test_no_setting_is_needed() -> None:
    assert parse({}) == Settings()


def test_texts_from_pulumi_become_numbers_and_truths() -> None:
    settings = parse({"shard_count": "3", "retain_data": "false", "quarantine_percent_max": "0.5"})
    assert (settings.shard_count, settings.retain_data) == (3, False)
    assert settings.quarantine_percent_max == 0.5


def test_a_misspelt_setting_is_named_with_the_nearest_one() -> None:
    with pytest.raises(pulumi.RunError, match="no setting shard_counts; did you mean shard_count"):
        parse({"shard_counts": "2"})
    with pytest.raises(pulumi.RunError, match="no setting retention_hour; did you mean retention_"):
        parse({"retention_hour": "2"})


def test_a_setting_like_no_other_lists_those_there_are() -> None:
    with pytest.raises(pulumi.RunError, match="known are alarm_email, architecture"):
        parse({"zzz": "1"})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("shard_count", "0", "greater than or equal to 1"),
        ("shard_count", "two", "valid integer"),
        ("retention_hours", "12", "greater than or equal to 24"),
        ("retention_hours", "9000", "less than or equal to 8760"),
        ("batch_size", "10001", "less than or equal to 10000"),
        ("batch_window_seconds", "0", "greater than or equal to 1"),
        ("starting_position", "AT_TIMESTAMP", "'TRIM_HORIZON' or 'LATEST'"),
        ("retry_attempts_max", "-2", "greater than or equal to -1"),
        ("memory_mb", "128", "greater than or equal to 512"),
        ("run_seconds_max", "901", "less than or equal to 900"),
        ("architecture", "riscv", "'arm64' or 'x86_64'"),
        ("stream_mode", "elastic", "'provisioned' or 'on_demand'"),
        ("network", "public", "'none' or 'private'"),
        ("network_cidr", "8.8.0.0/16", "a private network of /16 to /20 is wanted"),
        ("network_cidr", "10.0.0.0/24", "a private network of /16 to /20 is wanted"),
        ("network_cidr", "10.42.1.0/16", "has host bits set"),
        ("broker_cidr", "0.0.0.0/0", "a network of /8 to /32 is wanted"),
        ("broker_cidr", "10.7.0.1/16", "has host bits set"),
        ("stream", "nats", "'kinesis', 'pulsar' or 'kafka'"),
        ("partition_count", "0", "greater than or equal to 1"),
        ("kafka_version", "latest", "match pattern"),
        ("kafka_instance_type", "m5.large", "match pattern"),
        ("kafka_instance_type", "express.m7g.large", "match pattern"),
        ("kafka_cluster_arn", "arn:aws:kafka:*", "match pattern"),
        ("worker_image", "nginx:latest", "match pattern"),
        ("zones", "1", "greater than or equal to 2"),
        ("package", "docker", "'aws', 'host' or 'local'"),
        ("log_days", "31", "CloudWatch Logs takes 1, 3, 5"),
        ("backup_days", "36", "less than or equal to 35"),
        ("key_deletion_days", "6", "greater than or equal to 7"),
        ("alarm_email", "nobody", "match pattern"),
        ("quarantine_percent_max", "0", "greater than 0"),
        ("retain_data", "perhaps", "valid boolean"),
    ],
)
def test_a_bad_value_is_named_with_its_limit(key: str, value: str, message: str) -> None:
    with pytest.raises(pulumi.RunError, match=f"^{key}: .*{message}") as refused:
        parse({key: value})
    assert f"pulumi config set {key}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_on_demand_stream_takes_no_shard_count() -> None:
    with pytest.raises(pulumi.RunError, match="shard_count: an on-demand stream chooses"):
        parse({"stream_mode": "on_demand", "shard_count": "1"})
    assert parse({"stream_mode": "on_demand"}).stream_mode == "on_demand"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"worker_cpu_units": "300"}, "^worker_cpu_units: Fargate has 256, 512, .*, not 300"),
        ({"worker_memory_mb": "9000"}, "^worker_memory_mb: with 1024 CPU units Fargate has 2048"),
        ({"workers_min": "5"}, "^workers_min: 5 is more than workers_max"),
        ({"stream": "kafka", "zones": "2"}, "^zones: 2 cannot hold the 3 copies"),
        ({"stream": "kafka", "kafka_cluster": "given"}, "^service_url: a given cluster"),
        ({"stream": "kafka", "service_url": "a:9092"}, "^service_url: a given cluster"),
        (
            {"stream": "kafka", "kafka_cluster": "given", "service_url": "a:9098"},
            "^kafka_cluster_arn: workers are allowed into a given cluster by it",
        ),
        ({"stream": "kafka", "broker_count": "3"}, "^broker_count: the stack knows it"),
        (
            {"stream": "pulsar", "pulsar_bookie_url": "http://a:8000"},
            "^pulsar_bookie_url: the stack knows it of its own cluster",
        ),
        ({**PULSAR, "broker_count": "3"}, "^broker_count: .* set pulsar_admin_url as well"),
        ({**PULSAR, "pulsar_bookie_count": "3"}, "^pulsar_bookie_count: .* pulsar_bookie_url"),
        (
            {**PULSAR, "pulsar_admin_url": "http://a:8080", "pulsar_credentials_arn": SECRET},
            "^pulsar_admin_url: the token of pulsar_credentials_arn would go there in clear",
        ),
        (PULSAR, "^broker_cidr: workers reach a given cluster by it"),
        (
            {"stream": "pulsar", "broker_cidr": "10.7.0.0/16"},
            "^broker_cidr: the stack's own brokers are in its network",
        ),
        (
            {**KAFKA, "service_url": "b-1:9094,b-2", "broker_cidr": "10.7.0.0/16"},
            "^service_url: 'b-2' has no port",
        ),
    ],
)
def test_workers_and_brokers_that_cannot_be_are_refused(
    values: dict[str, str], message: str
) -> None:
    with pytest.raises(pulumi.RunError, match=message):
        parse(values)


def test_a_local_stack_reaches_a_given_broker_wherever_it_is() -> None:
    assert parse({**PULSAR, "package": "local"}).broker_cidr is None


def test_retention_beyond_what_the_ledger_keeps_is_refused() -> None:
    assert COMMIT_DAYS * 86_400_000 == COMMIT_KEEP_MS
    with pytest.raises(pulumi.RunError, match="longer than the ledger keeps commits"):
        parse({"retention_hours": "960"})
    assert parse({"retention_hours": "912"}).retention_hours == 912


def test_a_window_longer_than_retention_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match=r"window_seconds: 90000 .*lower window_seconds"):
        parse({"window_seconds": "90000"})


@pytest.mark.parametrize("age", ["0", "59"])
def test_a_record_age_that_lambda_does_not_take_is_refused(age: str) -> None:
    with pytest.raises(pulumi.RunError, match="neither -1 nor at least 60"):
        parse({"record_age_seconds_max": age})


def test_a_record_age_beyond_retention_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match="longer than the stream keeps records"):
        parse({"record_age_seconds_max": "86401"})


def test_a_package_that_is_not_there_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match="package_file: there is no file"):
        parse({"package_file": "/no/such/package.zip"})


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(pulumi.RunError, match=r"shard_count.*; .*memory_mb|memory_mb.*; .*shard_"):
        parse({"shard_count": "0", "memory_mb": "1"})


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse({}).shard_count = 2  # type: ignore[misc]


@given(
    retention_hours=st.integers(24, 912),
    window_seconds=st.integers(1, 86_400),
    backup_days=st.integers(1, 35),
)
def test_hidden_objects_outlive_backups_and_any_late_reader(
    retention_hours: int, window_seconds: int, backup_days: int
) -> None:
    settings = Settings(
        retention_hours=retention_hours, window_seconds=window_seconds, backup_days=backup_days
    )
    hidden_seconds = settings.hidden_days * 86_400
    assert hidden_seconds >= retention_hours * 3600 + window_seconds + 86_400
    assert settings.hidden_days > backup_days


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_committed_stacks_are_valid(
    stack: str, settings_of_stack: Callable[[str], dict[str, str]]
) -> None:
    parse(settings_of_stack(stack))


def test_the_production_stack_shows_every_setting() -> None:
    text = (ROOT / "Pulumi.prod.yaml").read_text()
    assert [name for name in Settings.model_fields if f"sluice:{name}:" not in text] == []


def test_a_bad_setting_stops_the_program_before_anything_is_made(
    register: Callable[..., object], made: list[str]
) -> None:
    with pytest.raises(UserError, match="did you mean shard_count"):
        register({"shard_cuont": "2"})
    assert made == []


@pytest.mark.parametrize(
    ("stack", "message"), [("Prod_1", "lower-case"), ("a" * 40, "characters too long")]
)
def test_a_stack_that_aws_could_not_name_is_refused(
    stack: str, message: str, register: Callable[..., object], made: list[str]
) -> None:
    with pytest.raises(UserError, match=message):
        register(stack=stack)
    assert made == []

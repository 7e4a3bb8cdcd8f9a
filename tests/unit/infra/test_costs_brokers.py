"""What a stack on brokers costs is what the program makes of it, and no more of it costs less."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.costs import figures
from infra.costs.alternatives import networks, transports
from infra.costs.brokers import size
from infra.costs.estimate import Case, Estimate, estimate
from infra.costs.line import HOURS_PER_MONTH, SECONDS_PER_MONTH
from infra.costs.load import Load
from infra.costs.network import beside_workers
from infra.costs.prices import prices
from infra.costs.workers import workers_needed
from infra.settings import Settings
from infra.settings_pulsar import MEMORY_MB
from pipeline.environment import WorkerSettings
from pipeline.errors import UserError

PRICES = prices("us-east-1")
THERE = {"broker_cidr": "10.7.0.0/16"}
GIVEN = {"service_url": "b-1.example.com:9098", "kafka_security": "tls", **THERE}
GIVEN_PULSAR = {"service_url": "pulsar+ssl://pulsar.example.com:6651", **THERE}


def case(rate: float = 10_000, size: int = 300, **chosen: Any) -> Case:
    return Case(settings=Settings(**chosen), load=Load(rate=rate, size=size), prices=PRICES)


def quantities(told: Estimate, resource: str) -> dict[str, float]:
    return {line.price.key: line.quantity for line in told.lines if line.resource == resource}


def test_msk_s_brokers_and_volumes_are_those_of_the_settings() -> None:
    told = quantities(
        estimate(
            case(stream="kafka", kafka_instance_type="kafka.m7g.2xlarge", kafka_brokers_per_zone=2)
        ),
        "stream",
    )
    assert told["msk_m7g_hour"] == 6 * 4 * HOURS_PER_MONTH
    assert told["msk_gb_month"] == 6 * 100


def test_an_m5_broker_has_its_own_price() -> None:
    told = quantities(
        estimate(case(stream="kafka", kafka_instance_type="kafka.m5.large")), "stream"
    )
    assert told["msk_broker_hour"] == 3 * HOURS_PER_MONTH


def test_a_broker_without_a_price_is_refused() -> None:
    with pytest.raises(UserError, match=r"kafka_instance_type: kafka\.t3\.small has no price here"):
        estimate(case(stream="kafka", kafka_instance_type="kafka.t3.small"))


def test_msk_serverless_is_paid_for_by_cluster_partition_and_gb() -> None:
    told = quantities(
        estimate(case(stream="kafka", kafka_cluster="serverless", partition_count=12)), "stream"
    )
    assert told["msk_serverless_hour"] == HOURS_PER_MONTH
    assert told["msk_serverless_partition_hour"] == 12 * HOURS_PER_MONTH
    assert told["msk_serverless_gb_in"] == told["msk_serverless_gb_out"] > 0


def test_pulsar_s_machines_and_disks_are_those_that_the_program_makes(
    register: Callable[..., Any],
) -> None:
    told = quantities(estimate(case(stream="pulsar")), "stream")
    made = register({"stream": "pulsar", "package": "local"})
    volumes = sum(volume.inputs["size"] for volume in made.of_type("Volume"))
    roots = sum(
        group.inputs["desiredCapacity"]
        * made.inputs(f"{group.name}-template")["blockDeviceMappings"][0]["ebs"]["volumeSize"]
        for group in made.of_type("Group")
    )
    assert told["ebs_gp3_gb_month"] == volumes + roots
    assert told["ec2_m7g_hour"] == (3 * 0.5 + 6 + 3) * HOURS_PER_MONTH
    assert told["secret"] == len(made.of_type("Secret"))
    assert told["balancer_hour"] == len(made.of_type("LoadBalancer")) * HOURS_PER_MONTH


def test_pulsar_keeps_in_s3_what_no_longer_stays_with_bookies() -> None:
    load: dict[str, Any] = {"rate": 200_000, "stream": "pulsar", "retention_hours": 168}
    assert "s3_gb_month" not in quantities(estimate(case(**load)), "stream")
    some, more = (
        quantities(estimate(case(**load, pulsar_offload_gb=gb)), "stream")["s3_gb_month"]
        for gb in (5, 2)
    )
    assert more - some == pytest.approx(3 * Settings(stream="pulsar").partition_count)


@pytest.mark.parametrize(
    "chosen",
    [
        {"stream": "kafka", "kafka_cluster": "given", **GIVEN},
        {"stream": "pulsar", "pulsar_cluster": "given", **GIVEN_PULSAR},
    ],
)
def test_a_given_cluster_is_not_counted_and_the_estimate_says_so(chosen: dict[str, Any]) -> None:
    told = estimate(case(**chosen))
    assert "stream" not in told.by_resource
    assert "the given cluster, and the network to it, are not counted" in told.notes


@pytest.mark.parametrize("machine", MEMORY_MB)
def test_every_machine_that_the_settings_allow_has_a_price(machine: str) -> None:
    family, large = size(machine)
    assert f"ec2_{family}_hour" in PRICES.by_key
    assert large in (0.5, 1, 2, 4)


@pytest.mark.parametrize(
    "chosen", [{"stream": "kafka"}, {"stream": "pulsar"}], ids=lambda each: each["stream"]
)
def test_the_endpoints_are_those_that_the_program_makes(
    chosen: dict[str, Any], register: Callable[..., Any]
) -> None:
    made = register({**chosen, "package": "local"}).of_type("VpcEndpoint")
    called = {e.inputs["serviceName"] for e in made if e.inputs["vpcEndpointType"] == "Interface"}
    told = beside_workers(Settings(**chosen))
    assert {name.removeprefix("com.amazonaws.eu-central-1.") for name in called} == set(told)
    lines = quantities(estimate(case(**chosen)), "network")
    assert lines == {"endpoint_hour": len(told) * 3 * HOURS_PER_MONTH}


def test_workers_are_paid_for_by_cpu_and_memory_within_their_bounds() -> None:
    few = quantities(estimate(case(10, stream="kafka", workers_min=2)), "workers")
    assert few["fargate_cpu_hour_arm64"] == 2 * HOURS_PER_MONTH
    assert few["fargate_gb_hour_arm64"] == 2 * 2 * HOURS_PER_MONTH
    many = case(2_000_000, stream="kafka", workers_max=3)
    assert workers_needed(many.batches) > 3
    told = estimate(many)
    assert quantities(told, "workers")["fargate_cpu_hour_arm64"] == 3 * HOURS_PER_MONTH
    assert any("workers_max 3 is too few" in note for note in told.notes)


@pytest.mark.parametrize("stream", ["kafka", "pulsar"])
def test_the_watcher_is_the_task_that_the_program_makes(
    stream: Any, register: Callable[..., Any]
) -> None:
    task = register({"stream": stream, "package": "local"}).inputs("watcher-definition")
    assert quantities(estimate(case(stream=stream)), "watcher") == {
        "fargate_cpu_hour_arm64": int(task["cpu"]) / 1_024 * HOURS_PER_MONTH,
        "fargate_gb_hour_arm64": int(task["memory"]) / 1_024 * HOURS_PER_MONTH,
    }


def test_what_a_watcher_reads_and_says_is_paid_for() -> None:
    idle = case(0.001, stream="kafka", partition_count=10)
    minutes = HOURS_PER_MONTH * 60
    told = estimate(idle)
    assert quantities(told, "lake")["s3_put"] >= figures.LISTS_A_MINUTE * minutes
    assert quantities(told, "ledger")["dynamodb_read_unit"] >= 2 * 10 * minutes
    assert idle.batches.watches_a_month == minutes


def test_an_alarm_and_a_metric_are_paid_for_where_the_stack_has_them() -> None:
    def metrics_of(**chosen: Any) -> float:
        return quantities(estimate(case(**chosen)), "watching")["cloudwatch_metric"]

    # Brokers that are missing, and partitions without a copy.
    assert metrics_of(stream="kafka") - metrics_of(stream="kafka", kafka_cluster="serverless") == 2
    quota = metrics_of(stream="pulsar", pulsar_backlog_gb_max=5) - metrics_of(stream="pulsar")
    assert quota == 1


def test_volumes_that_cannot_hold_the_retention_are_told() -> None:
    small: dict[str, Any] = {"rate": 100_000, "stream": "kafka", "kafka_volume_gb": 1}
    assert any("volumes of 3 GB are too small" in note for note in estimate(case(**small)).notes)
    assert estimate(case(stream="pulsar")).notes == ()


def test_a_partition_has_one_take_after_the_other() -> None:
    load: dict[str, Any] = {"rate": 50_000, "stream": "kafka", "partition_count": 6}
    seconds = (figures.CALLS_MS + figures.BATCH_CPU_MS) / 1_000
    assert case(**load).batches.a_month == pytest.approx(6 / seconds * SECONDS_PER_MONTH)


def test_nothing_of_functions_is_counted() -> None:
    told = estimate(case(stream="kafka"))
    assert "functions" not in told.by_resource
    watched = quantities(told, "watching")
    assert watched["cloudwatch_composite"] == 2
    unaudited = estimate(case(stream="kafka", audit_minutes=0))
    assert quantities(unaudited, "watching") == watched
    assert networks(case(stream="kafka")) == ()
    ways = {way.name: way.usd for way in transports(case(stream="kafka"))}
    assert ways["Kafka, this stack"] == pytest.approx(told.by_resource["stream"])


def test_the_worker_is_the_one_that_is_counted() -> None:
    defaults = {name: field.default for name, field in WorkerSettings.model_fields.items()}
    assert defaults["batch_bytes"] == figures.WORKER_BATCH_BYTES
    assert defaults["batch_records"] == figures.WORKER_BATCH_RECORDS
    assert defaults["sweep_seconds"] == figures.WORKER_SWEEP_SECONDS

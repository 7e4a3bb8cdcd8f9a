"""A function may do what its code calls, and what a service does in its name, and nothing else."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from pipeline import names
from tests.unit.infra.policy.reach import ENTRIES, attributes_reached, called, called_by
from tests.unit.infra.policy.stack import statements

DECRYPTING: Final = {"kms:Decrypt", "kms:DescribeKey"}
LOGGING: Final = {"logs:CreateLogStream", "logs:PutLogEvents"}
IN_ITS_NAME: Final = {
    # Lambda guide, "Process Amazon Kinesis Data Streams records with Lambda".
    "processing": {
        *("kinesis:DescribeStream", "kinesis:DescribeStreamSummary"),
        *(*DECRYPTING, "kms:Encrypt", "kms:GenerateDataKey", *LOGGING),
    },
    "sweeper": {*DECRYPTING, "kms:Encrypt", "kms:GenerateDataKey", *LOGGING},
    # Kinesis guide, "Permissions to use user-generated KMS keys": who puts asks for a data key.
    "probe": {*DECRYPTING, "kms:GenerateDataKey", *LOGGING},
    "auditor": {*DECRYPTING, *LOGGING},
    "scaler": LOGGING,
}
"""What no line of the code calls.

The key: DynamoDB guide, "DynamoDB encryption at rest usage notes" (who writes items encrypts), and
Amazon S3 guide, "Using server-side encryption with AWS KMS keys". The log: Lambda guide, "Sending
Lambda function logs to CloudWatch Logs".
"""

EVERY_FUNCTION: Final = {"shard_utilization_percent": "50", "shard_count_max": "8"}
"""Settings under which a stack has each of them."""

PROTOCOL: Final = {"lake/", "staging/", "ids/", "journal/"}
PREFIXES: Final = {
    # Lambda guide, "Retain discarded batch records": the mapping writes with the function's role,
    # and `pipeline/sources/discards.py` reads.
    "processing": (PROTOCOL | {names.ON_FAILURE_PREFIX}, PROTOCOL | {names.ON_FAILURE_PREFIX}),
    "sweeper": (PROTOCOL | {names.ON_FAILURE_PREFIX}, PROTOCOL),
    "probe": ({f"lake/{names.CANARY_TABLE}/"}, set[str]()),
    "auditor": ({"lake/"}, set[str]()),
    "scaler": (set[str](), set[str]()),
}
"""Which prefixes of the lake each function reads and lists, and which it writes."""


@pytest.fixture(params=ENTRIES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def allowed(kind: str, register: Callable[..., Any]) -> list[dict[str, Any]]:
    """The statements of a function's role."""
    return statements(register(EVERY_FUNCTION).resources[f"{kind}-policy"])


def test_every_call_is_allowed_and_every_action_is_called(
    kind: str, allowed: list[dict[str, Any]]
) -> None:
    actions = {action for statement in allowed for action in statement["Action"]}
    assert actions == called(kind) | IN_ITS_NAME[kind]
    assert not called(kind) & IN_ITS_NAME[kind]


def test_no_action_is_allowed_twice_on_the_same_thing(allowed: list[dict[str, Any]]) -> None:
    granted = [(a, r) for s in allowed for a in s["Action"] for r in s["Resource"]]
    assert len(set(granted)) == len(granted)


def test_the_lake_is_open_to_each_function_in_its_own_prefixes(
    kind: str, allowed: list[dict[str, Any]]
) -> None:
    reading, writing = PREFIXES[kind]
    assert _prefixes(allowed, "s3:GetObject") == reading
    assert _prefixes(allowed, "s3:PutObject") == writing
    listed = {
        prefix.removesuffix("*")
        for statement in allowed
        if "s3:ListBucket" in statement["Action"]
        for prefix in statement["Condition"]["StringLike"]["s3:prefix"]
    }
    assert listed == reading


def _prefixes(allowed: list[dict[str, Any]], action: str) -> set[str]:
    return {
        arn.split("/", 1)[1].removesuffix("*")
        for statement in allowed
        if action in statement["Action"]
        for arn in statement["Resource"]
    }


GIVEN: Final = {
    "stream": "kafka",
    "kafka_cluster": "given",
    "kafka_security": "tls",
    "service_url": "b-1.example.com:9094",
    "package": "local",
}
"""A cluster that asks IAM for nothing."""


def test_the_watcher_may_do_what_its_code_calls_and_nothing_else(
    register: Callable[..., Any],
) -> None:
    allowed = statements(register(GIVEN).resources["watcher-task-policy"])
    actions = {action for statement in allowed for action in statement["Action"]}
    # What sends to any stream can send to Kinesis as well, whose streams no watcher takes.
    called_for = called_by("main", of="pipeline.watcher.__main__") - {"kinesis:PutRecords"}
    assert actions == called_for | DECRYPTING
    assert _prefixes(allowed, "s3:GetObject") == {f"lake/{names.CANARY_TABLE}/"}


def test_the_watcher_reads_its_topic_and_sends_canaries_in_no_group(
    register: Callable[..., Any],
) -> None:
    registered = register({"stream": "kafka", "package": "local"})
    granted = {
        action.removeprefix("kafka-cluster:"): statement["Resource"]
        for statement in statements(registered.resources["watcher-task-policy"])
        for action in statement["Action"]
        if action.startswith("kafka-cluster:")
    }
    cluster = registered.resources["stream"].outputs["arn"]
    topic, group = granted["ReadData"][0], granted["DescribeGroup"][0]
    assert topic.endswith("/sluice-dev-events")
    assert group.endswith("/sluice-dev-worker")
    # MSK guide, "Authorization policy actions": an idempotent producer asks the cluster, and a
    # consumer where its group is coordinated. To join one takes AlterGroup.
    assert granted == {
        "Connect": [cluster],
        "WriteDataIdempotently": [cluster],
        "DescribeGroup": [group],
        **{action: [topic] for action in ("DescribeTopic", "ReadData", "WriteData")},
    }


TOPIC_ACTIONS: Final = {
    "create_topics": "CreateTopic",
    "create_partitions": "AlterTopic",
    "incremental_alter_configs": "AlterTopicDynamicConfiguration",
    "describe_configs": "DescribeTopicDynamicConfiguration",
    "list_topics": "DescribeTopic",
}
"""MSK guide, "Semantics of IAM authorization policy actions and resources", by the client's names
of what they allow."""


@pytest.mark.parametrize(
    ("cluster", "entry", "of"),
    [
        ("provisioned", "require_fit", "pipeline.sources.kafka_topic"),
        ("serverless", "make_topic", "pipeline.sources.kafka_topic_maker"),
    ],
)
def test_workers_may_do_with_their_topic_what_they_do_before_they_read_it(
    cluster: str, entry: str, of: str, register: Callable[..., Any]
) -> None:
    registered = register({"stream": "kafka", "package": "local", "kafka_cluster": cluster})
    granted = {
        action.removeprefix("kafka-cluster:"): statement["Resource"]
        for statement in statements(registered.resources["worker-task-policy"])
        for action in statement["Action"]
        if action.startswith("kafka-cluster:") and "Topic" in action
    }
    reached = attributes_reached(entry, of=of)
    assert set(granted) == {action for called, action in TOPIC_ACTIONS.items() if called in reached}
    arn = registered.resources["stream"].outputs["arn"].replace(":cluster/", ":topic/")
    assert {topic for each in granted.values() for topic in each} == {f"{arn}/sluice-dev-events"}


def test_watcher_and_workers_are_told_secrets_of_their_own(register: Callable[..., Any]) -> None:
    registered = register({"stream": "pulsar", "package": "local"})
    secrets = registered.outputs["broker_secrets"]
    for kind in ("worker", "watcher"):
        told = {
            arn
            for statement in statements(registered.resources[f"{kind}-execution-policy"])
            if "secretsmanager:GetSecretValue" in statement["Action"]
            for arn in statement["Resource"]
        }
        assert told == {secrets[kind]}


def test_a_function_is_what_its_handler_runs(register: Callable[..., Any]) -> None:
    for kind, entry in ENTRIES.items():
        assert register(EVERY_FUNCTION).inputs(kind)["handler"].split(".")[1] == entry


def test_code_that_calls_more_is_seen_to() -> None:
    reached = attributes_reached("worker_for")
    assert "put_item" not in reached
    assert {"get_object", "put_object", "transact_write_items"} <= attributes_reached(
        "sweep_ledger"
    )
    assert not {"put_object", "put_item"} & attributes_reached("probe_freshness")

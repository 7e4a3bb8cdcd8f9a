"""Under enforced IAM the functions can do their work, and nothing beside it."""

import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, Final

import boto3
import pytest

from infra.local import deploy, supervisor
from infra.local.supervisor import LocalAws
from pipeline.domain.contracts import ACTIONS
from tests.embedded_aws import where
from tests.unit.pipeline.conftest import put
from tests.waiting import until

DONE_SECONDS_MAX = 180.0
NEEDED = {
    "sweeper": ("dynamodb:GetItem", "dynamodb:Query", "kinesis:ListShards"),
    "probe": (
        *("dynamodb:GetItem", "dynamodb:Query", "kinesis:GetShardIterator"),
        *("kinesis:ListShards", "kinesis:PutRecord", "s3:ListBucket"),
    ),
    "auditor": (
        *("dynamodb:GetItem", "dynamodb:Query", "kinesis:GetShardIterator", "kinesis:ListShards"),
    ),
}
"""What every run of each asks for, whatever the stream holds."""
PROCESSING = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "s3:PutObject")
"""What every batch asks for: to fence, to stage, to commit, to publish."""
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
PROBE = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    if "service" not in event:
        return {}
    client = boto3.client(event["service"])
    try:
        getattr(client, event["operation"])(**event["parameters"])
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"
"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """An embedded AWS that enforces IAM."""
    folder = tmp_path_factory.mktemp("strict")
    yield supervisor.start(folder, enforce_iam=True)
    supervisor.stop(folder)


@pytest.fixture(scope="module")
def client(strict: LocalAws) -> Callable[[str], Any]:
    return partial(boto3.session.Session().client, **where(strict))


@pytest.fixture
def up(
    strict: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., dict[str, Any]]]:
    """Bring a stack up; `plain_http` lifts the lake's refusal of it, for here is no TLS."""
    state_file = tmp_path / "state.json"

    def run(stack: str, *, plain_http: bool, **settings: str) -> dict[str, Any]:
        # Loaded by the first update; before, there is nothing to patch.
        from infra import policies

        read_stream, tls_only = policies.read_stream, policies.tls_only
        # ministack 1.5.33 cannot tell which stream an iterator is of, so it asks about any.
        anywhere = {"Effect": "Allow", "Action": ["kinesis:GetRecords"], "Resource": ["*"]}
        monkeypatch.setattr(policies, "read_stream", lambda arn: [*read_stream(arn), anywhere])
        if plain_http:
            monkeypatch.setattr(
                policies, "tls_only", lambda arn: tls_only(arn).replace('"false"', '"neither"')
            )
        return deploy.up(
            settings,
            stack=stack,
            endpoint=strict.endpoint,
            region=strict.region,
            state_file=state_file,
            on_event=lambda _: None,
        )

    yield run
    deploy.down(
        state_file=state_file,
        endpoint=strict.endpoint,
        region=strict.region,
        on_event=lambda _: None,
    )


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    """A package of functions that try one call and answer how it went."""
    path = tmp_path / "probe.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lambdas/__init__.py", "")
        for folder in ("process_stream", "sweep_ledger", "probe_freshness", "audit_lake"):
            archive.writestr(f"lambdas/{folder}/__init__.py", "")
            archive.writestr(f"lambdas/{folder}/handler.py", PROBE)
    return path


def test_the_pipeline_can_do_its_work_and_none_of_its_functions_without_one_of_its_rights(
    up: Callable[..., dict[str, Any]], client: Callable[[str], Any]
) -> None:
    outputs = up("working", plain_http=True)
    action = {
        "type": ACTIONS.table,
        "id": "one",
        "producer": "test",
        "sequence": 0,
        "event_time": time.time_ns() // 1_000_000,
        "session": "s",
        "user": "u",
        "action": "view",
        "carrier": "AA",
        "destination": "JFK",
        "duration_ms": 5,
        "user_agent": "test",
    }
    body = json.dumps(action).encode()
    for data in (body, b"not an event"):
        client("kinesis").put_record(StreamName=outputs["stream_name"], PartitionKey="s", Data=data)

    def keys() -> list[str]:
        listed = client("s3").list_objects_v2(Bucket=outputs["lake_bucket"])
        return [item["Key"] for item in listed.get("Contents", [])]

    until(
        lambda: any(key.endswith(".done") for key in keys()),
        seconds_max=DONE_SECONDS_MAX,
        what=keys,
    )
    assert {key.split("/")[1] for key in keys() if key.startswith("lake/")} >= {"actions"}
    for kind, rights in NEEDED.items():
        function = outputs[f"{kind}_function_name"]
        assert _refusal(client, function) == ""
        for right in rights:
            assert "AccessDenied" in _refusal_without(client, function, right), (kind, right)
        assert _refusal(client, function) == ""

    mapping, function = outputs["mapping_uuid"], outputs["function_name"]
    client("lambda").update_event_source_mapping(UUID=mapping, Enabled=False)
    until(
        lambda: client("lambda").get_event_source_mapping(UUID=mapping)["State"] == "Disabled",
        seconds_max=DONE_SECONDS_MAX,
    )
    stream: Any = SimpleNamespace(kinesis=client("kinesis"), name=outputs["stream_name"])
    for number, right in enumerate(PROCESSING):
        batch = put(stream, body.replace(b'"one"', b'"%d"' % number))
        assert "AccessDenied" in _refusal_without(client, function, right, batch), right
        assert _refusal(client, function, batch) == ""


def _refusal_without(
    client: Callable[[str], Any], function: str, right: str, event: Mapping[str, Any] = NOTHING
) -> str:
    """What a run of a function says when its role has lost one action; then it is given back."""
    role = {"RoleName": function, "PolicyName": "allowed"}
    document = client("iam").get_role_policy(**role)["PolicyDocument"]
    whole = document if isinstance(document, str) else json.dumps(document)
    less = json.loads(whole)
    for statement in less["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != right]
    less["Statement"] = [each for each in less["Statement"] if each["Action"]]
    client("iam").put_role_policy(**role, PolicyDocument=json.dumps(less))
    try:
        return _refusal(client, function, event)
    finally:
        client("iam").put_role_policy(**role, PolicyDocument=whole)


def _refusal(
    client: Callable[[str], Any], function: str, event: Mapping[str, Any] = NOTHING
) -> str:
    """Run a function; return what it failed with, "" if it did not."""
    answer = client("lambda").invoke(
        FunctionName=function, Qualifier="live", Payload=json.dumps(dict(event))
    )
    return str(answer["Payload"].read()) if "FunctionError" in answer else ""


def test_the_functions_can_do_nothing_else(
    up: Callable[..., dict[str, Any]], client: Callable[[str], Any], probe: Path
) -> None:
    outputs = up("probing", plain_http=True, package_file=str(probe))
    bucket, table = outputs["lake_bucket"], outputs["ledger_table"]

    def tried(service: str, operation: str, **parameters: Any) -> str:
        answer = client("lambda").invoke(
            FunctionName=outputs["function_name"],
            Qualifier="live",
            Payload=json.dumps(
                {"service": service, "operation": operation, "parameters": parameters}
            ),
        )
        return str(json.loads(answer["Payload"].read()))

    item = {"pk": {"S": "shard#0"}, "sk": {"S": "head"}}
    assert tried("s3", "put_object", Bucket=bucket, Key="staging/a", Body="a") == "allowed"
    assert tried("s3", "put_object", Bucket=bucket, Key="aws/lambda/a", Body="a") == "allowed"
    assert tried("s3", "get_object", Bucket=bucket, Key="staging/a") == "allowed"
    assert tried("dynamodb", "put_item", TableName=table, Item=item) == "allowed"

    assert tried("s3", "put_object", Bucket=bucket, Key="code/a", Body="a") == "AccessDenied"
    assert tried("s3", "delete_object", Bucket=bucket, Key="staging/a") == "AccessDenied"
    assert tried("s3", "delete_bucket_policy", Bucket=bucket) == "AccessDenied"
    assert tried("s3", "list_buckets") == "AccessDenied"
    denied = "AccessDeniedException"
    assert tried("dynamodb", "delete_item", TableName=table, Key=item) == denied
    assert tried("dynamodb", "scan", TableName=table) == denied
    assert tried("kinesis", "delete_stream", StreamName=outputs["stream_name"]) == denied
    assert tried("kms", "schedule_key_deletion", KeyId=outputs["key_arn"]) == denied


def test_probe_and_auditor_can_write_neither_lake_nor_ledger(
    up: Callable[..., dict[str, Any]], client: Callable[[str], Any], probe: Path
) -> None:
    outputs = up("watching", plain_http=True, package_file=str(probe))
    bucket, table, stream = (outputs[k] for k in ("lake_bucket", "ledger_table", "stream_name"))
    item = {"pk": {"S": "shard#0"}, "sk": {"S": "head"}}

    def tried(kind: str, service: str, operation: str, **parameters: Any) -> str:
        answer = client("lambda").invoke(
            FunctionName=outputs[f"{kind}_function_name"],
            Qualifier="live",
            Payload=json.dumps(
                {"service": service, "operation": operation, "parameters": parameters}
            ),
        )
        return str(json.loads(answer["Payload"].read()))

    record = {"StreamName": stream, "PartitionKey": "s", "Data": "a"}
    for kind in ("probe", "auditor"):
        for prefix in ("lake/canaries", "lake/quarantine", "staging", "ids"):
            put = {"Bucket": bucket, "Key": f"{prefix}/a", "Body": "a"}
            assert tried(kind, "s3", "put_object", **put) == "AccessDenied"
        denied = "AccessDeniedException"
        assert tried(kind, "dynamodb", "get_item", TableName=table, Key=item) == "allowed"
        assert tried(kind, "dynamodb", "put_item", TableName=table, Item=item) == denied
        assert tried(kind, "kinesis", "delete_stream", StreamName=stream) == denied
        canary = tried(kind, "kinesis", "put_record", **record)
        assert canary == ("allowed" if kind == "probe" else denied)
        listed = {"Bucket": bucket, "Prefix": "lake/actions/"}
        seen = tried(kind, "s3", "list_objects_v2", **listed)
        assert seen == ("AccessDenied" if kind == "probe" else "allowed")


def test_the_lake_refuses_plain_http(
    up: Callable[..., dict[str, Any]], client: Callable[[str], Any], probe: Path
) -> None:
    outputs = up("plain", plain_http=False, package_file=str(probe))
    put = {"Bucket": outputs["lake_bucket"], "Key": "staging/a", "Body": "a"}
    answer = client("lambda").invoke(
        FunctionName=outputs["function_name"],
        Qualifier="live",
        Payload=json.dumps({"service": "s3", "operation": "put_object", "parameters": put}),
    )
    assert json.loads(answer["Payload"].read()) == "AccessDenied"

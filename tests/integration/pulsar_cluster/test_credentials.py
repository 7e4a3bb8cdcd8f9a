"""What the cluster's machines wait for is put once, whole, and renewed when asked."""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from infra import pulsar_credentials
from infra.local.supervisor import LocalAws
from infra.pulsar.node.calls import Aws
from infra.pulsar.node.machine import prepare
from infra.pulsar.programs import JAVA
from infra.pulsar_credentials import Anew, hosts_of, put_programs
from infra.pulsar_nodes import BROKER_FILES
from infra.pulsar_secrets import KINDS
from pipeline.errors import UserError
from pipeline.sources.connections import PulsarConnection
from pipeline.sources.credentials import with_credentials

HOSTS = ("brokers",)
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ANSWERED = (AWSResponse("", 200, {}, None), dict[str, Any]())
"""Stands for ECS's answer, by which nobody goes."""


@pytest.fixture
def arns(client: Callable[[str], Any], request: pytest.FixtureRequest) -> dict[str, str]:
    manager = client("secretsmanager")
    return {
        kind: manager.create_secret(Name=f"{request.node.name}-{kind}")["ARN"] for kind in KINDS
    }


def made() -> dict[str, dict[str, str]]:
    return {
        kind: dict(members) for kind, members in pulsar_credentials.made(HOSTS, now=NOW).items()
    }


def held(manager: Any, arn: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(manager.get_secret_value(SecretId=arn)["SecretString"])
    return found


def fill_secrets(manager: Any, arns: Mapping[str, str], anew: Anew = "") -> Sequence[str]:
    return pulsar_credentials.fill_secrets(manager, arns, HOSTS, now=NOW, anew=anew)


def test_they_are_put_once_and_all_anew_when_asked(
    client: Callable[[str], Any], arns: dict[str, str]
) -> None:
    manager = client("secretsmanager")
    assert set(fill_secrets(manager, arns)) == set(KINDS)
    first = held(manager, arns["worker"])
    assert not fill_secrets(manager, arns)
    assert held(manager, arns["worker"]) == first
    assert set(fill_secrets(manager, arns, "all")) == set(KINDS)
    again = held(manager, arns["worker"])
    assert again["token"] != first["token"]
    assert again["ca"] != first["ca"]


def test_a_certificate_is_made_anew_without_anything_that_clients_hold(
    client: Callable[[str], Any], arns: dict[str, str]
) -> None:
    manager = client("secretsmanager")
    fill_secrets(manager, arns)
    before = {kind: held(manager, arn) for kind, arn in arns.items()}
    assert fill_secrets(manager, arns, "certificate") == ["brokers"]
    brokers = held(manager, arns["brokers"])
    changed = {member for member in brokers if brokers[member] != before["brokers"][member]}
    assert changed == {"certificate", "key"}


def test_a_client_that_came_later_is_let_in_by_the_brokers_that_are_there(
    client: Callable[[str], Any], arns: dict[str, str]
) -> None:
    manager = client("secretsmanager")
    before = {kind: arn for kind, arn in arns.items() if kind != "watcher"}
    assert set(fill_secrets(manager, before)) == set(before)
    assert fill_secrets(manager, arns) == ["watcher"]
    watcher, brokers = (held(manager, arns[kind]) for kind in ("watcher", "brokers"))
    assert watcher["ca"] == brokers["ca"]
    signed, _, signature = watcher["token"].rpartition(".")
    public = serialization.load_der_public_key(base64.b64decode(brokers["token_public_base64"]))
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(
        base64.urlsafe_b64decode(f"{signature}=="),
        signed.encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )


def test_brokers_that_came_later_than_their_clients_are_no_matter_for_guesses(
    client: Callable[[str], Any], arns: dict[str, str]
) -> None:
    manager = client("secretsmanager")
    fill_secrets(manager, {"worker": arns["worker"]})
    with pytest.raises(UserError, match=r"filled in part: .*brokers.*--renew-all"):
        fill_secrets(manager, arns)


def test_a_brokers_machine_makes_its_files_of_them(
    client: Callable[[str], Any],
    arns: dict[str, str],
    aws: LocalAws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    fill_secrets(client("secretsmanager"), arns)
    machine = {
        "artifacts": [],
        "files": {},
        "secrets": [{"arn": arns["brokers"], "files": BROKER_FILES}],
    }
    api = Aws(aws.region, (aws.access_key_id, aws.secret_access_key, ""))
    prepare(api, machine, tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(BROKER_FILES)


def test_workers_and_watcher_start_with_what_was_filled(
    client: Callable[[str], Any],
    arns: dict[str, str],
    aws: LocalAws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = list[dict[str, Any]]()
    ecs = client("ecs")
    ecs.meta.events.register(
        "before-call.ecs.UpdateService",
        lambda params, **_: started.append(json.loads(params["body"])) or ANSWERED,
    )
    clients = {"ecs": ecs, "secretsmanager": client("secretsmanager")}
    monkeypatch.setattr(pulsar_credentials.boto3, "client", lambda name, **_: clients[name])
    outputs = tmp_path / "outputs.json"
    services = {f"{each}_service": f"s-{each}" for each in ("worker", "watcher")}
    told = {"region": aws.region, "broker_secrets": arns, "worker_cluster": "c", **services}
    told["broker_bucket"] = "none"
    outputs.write_text(json.dumps({**told, "connection": {"service_url": "pulsar+ssl://b:6651"}}))

    assert pulsar_credentials.main([str(outputs)]) == 0
    assert [(each["cluster"], each["service"]) for each in started] == [
        ("c", "s-worker"),
        ("c", "s-watcher"),
    ]
    assert all(each["forceNewDeployment"] for each in started)
    assert pulsar_credentials.main([str(outputs)]) == 0
    assert len(started) == 4


def test_who_signs_is_told_to_nobody_else() -> None:
    held = made()
    for member in ("private", "authority_key"):
        secret = held["signing"][member]
        assert [kind for kind in held if secret in held[kind].values()] == ["signing"]


def test_a_worker_reads_them_from_files_of_its_own() -> None:
    connection = PulsarConnection(service_url="pulsar+ssl://b:6651", topic="persistent://a/b/c")
    held = made()["worker"]
    found = with_credentials(connection, json.dumps(held))
    assert isinstance(found, PulsarConnection)
    assert found.token_file is not None
    assert found.ca_file is not None
    assert found.token_file.read_text() == held["token"]
    assert found.token_file.stat().st_mode & 0o077 == 0
    assert found.ca_file.read_text() == held["ca"]


@pytest.mark.parametrize("secret", ["", "[]", "{}", "7", '{"password": "x"}'])
def test_a_secret_that_is_none_is_said_without_telling_it(secret: str) -> None:
    connection = PulsarConnection(service_url="pulsar+ssl://b:6651", topic="persistent://a/b/c")
    with pytest.raises(UserError, match="fill their secret"):
        with_credentials(connection, secret)


def test_the_certificate_is_for_the_load_balancer_and_for_each_broker() -> None:
    url = "pulsar+ssl://brokers-1.elb.eu-central-1.amazonaws.com:6651"
    assert hosts_of(url, "eu-central-1") == [
        "brokers-1.elb.eu-central-1.amazonaws.com",
        "*.eu-central-1.compute.internal",
    ]
    assert hosts_of(url, "us-east-1")[1] == "*.ec2.internal"


def test_programs_are_put_by_their_hash_alone(
    client: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, said = client("s3"), list[str]()
    s3.create_bucket(Bucket="put-programs")
    (tmp_path / "java").write_bytes(b"java")
    right = replace(JAVA, name="java", sha256=hashlib.sha256(b"java").hexdigest())
    for name in ("DISTRIBUTION", "JAVA", "OFFLOADERS"):
        monkeypatch.setattr(pulsar_credentials, name, right)
    put_programs(s3, "put-programs", tmp_path, said.append)
    assert said == ["java: put"]
    assert s3.head_object(Bucket="put-programs", Key=right.key)["ContentLength"] == 4
    for name in ("DISTRIBUTION", "JAVA", "OFFLOADERS"):
        monkeypatch.setattr(pulsar_credentials, name, JAVA)
    (tmp_path / JAVA.name).write_bytes(b"evil")
    with pytest.raises(UserError, match="its sha256 is"):
        put_programs(s3, "put-programs", tmp_path, said.append)

"""A certificate made anew is trusted by whoever trusted the one before, at every step."""

import datetime as dt
import json
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3.exceptions
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError

from infra import pulsar_credentials
from infra.pulsar_credentials import CALLS, CERTIFICATE_MAX, Secrets, made, renewed

NOW = dt.datetime.now(dt.UTC)
HOSTS = ["broker"]
OUTPUTS = {
    **dict.fromkeys(pulsar_credentials.OUTPUTS, "x"),
    "connection": {"service_url": "pulsar+ssl://b:6651"},
    "broker_secrets": {"brokers": "arn"},
    "region": "eu-central-1",
}


def trusts(client: Secrets, kind: str, server: Secrets, folder: Path) -> bool:
    """Return whether who holds the first takes what brokers that hold the second show."""
    shown = server["brokers"]
    for member in ("certificate", "key"):
        (folder / member).write_text(shown[member])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cadata=client[kind]["ca"])
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    ends = (
        context.wrap_bio(to_server, to_client, server_side=True),
        trusting.wrap_bio(to_client, to_server, server_hostname=HOSTS[0]),
    )
    shaken: set[ssl.SSLObject] = set()
    while len(shaken) < len(ends):
        for end in ends:
            try:
                end.do_handshake()
                shaken.add(end)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return True


def all_trust(before: Secrets, after: Secrets, folder: Path) -> bool:
    """Return whether old and new go together: clients and brokers, in whatever order replaced."""
    return all(
        trusts(one, kind, other, folder)
        for kind in ("brokers", "worker", "watcher", "producer")
        for one, other in ((before, after), (after, before), (after, after))
    )


def test_a_certificate_is_renewed_under_the_same_authority(tmp_path: Path) -> None:
    before = made(HOSTS, now=NOW)
    after = renewed(before, HOSTS, now=NOW)
    assert {kind for kind in after if after[kind] != before[kind]} == {"brokers"}
    assert after["brokers"]["certificate"] != before["brokers"]["certificate"]
    assert all_trust(before, after, tmp_path)


def test_nobody_trusts_all_anew_before_he_is_told(tmp_path: Path) -> None:
    assert not trusts(made(HOSTS, now=NOW), "worker", made(HOSTS, now=NOW), tmp_path)


def without_authority(held: Secrets) -> Secrets:
    """As a person who brought a certificate of his own has it."""
    own = made(HOSTS, now=NOW)
    brokers = {**held["brokers"], **{m: own["brokers"][m] for m in ("certificate", "key")}}
    clients = {kind: {**held[kind], "ca": own["worker"]["ca"].strip()} for kind in held}
    brokers["ca"] = clients["brokers"]["ca"]
    return {**clients, "brokers": brokers, "signing": held["signing"]}


def near_its_end(held: Secrets) -> Secrets:
    """As it is after nine years."""
    old = made(HOSTS, now=NOW - dt.timedelta(days=3_650) + CERTIFICATE_MAX / 2)
    fresh = pulsar_credentials.Authority(
        certificate=old["signing"]["authority"], key=old["signing"]["authority_key"]
    ).sign(HOSTS, now=NOW)
    return {
        **old,
        "brokers": {**old["brokers"], "certificate": fresh.certificate, "key": fresh.key},
    }


def signed_by_nobody_who_is_held(held: Secrets) -> Secrets:
    """As an earlier revision left it, which forgot who had signed."""
    return {**held, "signing": {"private": held["signing"]["private"]}}


@pytest.mark.parametrize(
    "as_it_was", [without_authority, near_its_end, signed_by_nobody_who_is_held]
)
def test_another_authority_is_trusted_first_and_signs_the_next_time(
    as_it_was: Callable[[Secrets], Secrets], tmp_path: Path
) -> None:
    before = as_it_was(made(HOSTS, now=NOW))
    trusting = renewed(before, HOSTS, now=NOW)
    assert trusting["brokers"]["certificate"] == before["brokers"]["certificate"]
    assert all_trust(before, trusting, tmp_path)
    after = renewed(trusting, HOSTS, now=NOW)
    assert after["brokers"]["certificate"] != trusting["brokers"]["certificate"]
    assert all_trust(trusting, after, tmp_path)
    assert not trusts(before, "brokers", after, tmp_path)


def test_tokens_outlive_every_renewal_of_the_certificate() -> None:
    before = made(HOSTS, now=NOW)
    after = renewed(signed_by_nobody_who_is_held(before), HOSTS, now=NOW)
    kept = [(kind, member) for kind in before for member in before[kind] if "token" in member]
    assert len(kept) == 4
    assert all(after[kind][member] == before[kind][member] for kind, member in kept)
    assert after["signing"]["private"] == before["signing"]["private"]


def run(tmp_path: Path, outputs: object = OUTPUTS) -> int:
    path = tmp_path / "outputs.json"
    path.write_text(outputs if isinstance(outputs, str) else json.dumps(outputs))
    return pulsar_credentials.main([str(path)])


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no\nway"}}, "GetSecretValue")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refused("AccessDeniedException"), "AccessDeniedException"),
        (NoCredentialsError(), "Unable to locate credentials"),
        (ConnectTimeoutError(endpoint_url="https://s"), "timeout"),
        (boto3.exceptions.S3UploadFailedError("Failed to upload"), "Failed to upload"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_aws_refuses_is_said_in_one_line(
    error: Exception,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def client(*_: Any, config: object, **__: Any) -> Any:
        assert config is CALLS
        raise error

    monkeypatch.setattr(pulsar_credentials.boto3, "client", client)
    assert run(tmp_path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(f"^AWS: .*{said}.*run it again", line)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ("not JSON", "pulumi stack output --json"),
        ("[]", "pulumi stack output --json"),
        ({"region": "r"}, "no broker_bucket: no outputs of a stack with a Pulsar of its own"),
    ],
)
def test_outputs_of_another_kind_are_refused_in_one_line(
    outputs: object, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, outputs) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_missing_file_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pulsar_credentials.main([str(tmp_path / "none.json")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "none.json" in line

"""A machine's own programs against the embedded AWS: the step that brings it what it runs."""

import ast
import base64
import datetime as dt
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from infra.local.supervisor import LocalAws
from infra.pulsar import broker
from infra.pulsar.broker import BrokerNode, Keeping
from infra.pulsar.cluster import Cluster, Jvm, MetadataServer
from infra.pulsar.node.artifacts import install
from infra.pulsar.node.calls import Aws, Failed
from infra.pulsar.node.machine import prepare
from infra.pulsar.programs import DISTRIBUTION
from infra.pulsar.user_data import NODE, user_data

BUCKET = "programs-of-a-cluster"
NODE_OF_A_BROKER = BrokerNode(
    cluster=Cluster(name="c", metadata=(MetadataServer(number=1, host="10.42.0.10"),), zones={}),
    jvm=Jvm(heap_mb=2_048, direct_mb=3_072),
    keeping=Keeping(retention_minutes=1_440),
)


@pytest.fixture(scope="module")
def s3(client: Callable[[str], Any]) -> Any:
    made = client("s3")
    made.create_bucket(Bucket=BUCKET)
    return made


@pytest.fixture
def api(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """What a machine's programs call, as they would with their role."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    return Aws(aws.region, (aws.access_key_id, aws.secret_access_key, ""))


def tarball(**files: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size, entry.mode = len(text), 0o755 if "bin" in name else 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def put(s3: Any, body: bytes, target: Path, *, strip: int = 1, key: str = "a") -> dict[str, Any]:
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    digest = hashlib.sha256(body).hexdigest()
    return {
        "bucket": BUCKET,
        "key": key,
        "sha256": digest,
        "target": str(target),
        "strip": strip,
    }


def test_a_program_is_brought_once_and_again_when_it_changes(
    s3: Any, api: Aws, tmp_path: Path
) -> None:
    target = tmp_path / "opt" / "pulsar"
    wanted = put(s3, tarball(pulsar__lib__a="1", pulsar__bin__run="#!"), target)
    assert install(api, wanted)
    assert (target / "lib" / "a").read_text() == "1"
    assert (target / "bin" / "run").stat().st_mode & 0o111
    assert not install(api, wanted)
    newer = put(s3, tarball(pulsar__lib__b="2"), target, key="b")
    assert install(api, newer)
    assert sorted(path.name for path in (target / "lib").iterdir()) == ["b"]


def test_other_bytes_than_those_of_the_hash_are_not_unpacked(
    s3: Any, api: Aws, tmp_path: Path
) -> None:
    wanted = put(s3, tarball(pulsar__a="1"), tmp_path / "pulsar")
    s3.put_object(Bucket=BUCKET, Key="a", Body=tarball(pulsar__a="evil"))
    with pytest.raises(Failed, match="its sha256 is"):
        install(api, wanted)
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_is_not_there_yet_is_said(s3: Any, api: Aws, tmp_path: Path) -> None:
    wanted = {**put(s3, b"", tmp_path / "pulsar"), "key": "none"}
    with pytest.raises(Failed, match=f"s3://{BUCKET}/none: 404"):
        install(api, wanted)


def test_no_path_of_an_archive_leads_out_of_its_folder(s3: Any, api: Aws, tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("top/../../outside", "x")
        packed.writestr("top/inside", "y")
    install(api, put(s3, out.getvalue(), tmp_path / "java"))
    assert not (tmp_path / "outside").exists()
    assert (tmp_path / "java" / "inside").read_text() == "y"


def test_secrets_are_files_that_their_owner_alone_reads(
    s3: Any, api: Aws, client: Callable[[str], Any], tmp_path: Path
) -> None:
    made = client("secretsmanager").create_secret(
        Name="server",
        SecretString=json.dumps({"key": "PEM", "public_base64": base64.b64encode(b"\0").decode()}),
    )
    machine = {
        "artifacts": [],
        "files": {str(tmp_path / "data" / "myid"): "1\n"},
        "secrets": [
            {"arn": made["ARN"], "files": {"server.key": "key", "public.der": "public_base64"}}
        ],
    }
    prepare(api, machine, tmp_path / "run")
    key = tmp_path / "run" / "server.key"
    assert key.read_text() == "PEM"
    assert key.stat().st_mode & 0o077 == 0
    assert (tmp_path / "run" / "public.der").read_bytes() == b"\0"
    assert (tmp_path / "data" / "myid").read_text() == "1\n"


def test_a_secret_without_a_member_is_said(
    api: Aws, client: Callable[[str], Any], tmp_path: Path
) -> None:
    made = client("secretsmanager").create_secret(Name="empty", SecretString="{}")
    machine = {
        "artifacts": [],
        "files": {},
        "secrets": [{"arn": made["ARN"], "files": {"server.key": "key"}}],
    }
    with pytest.raises(Failed, match="has no key yet"):
        prepare(api, machine, tmp_path / "run")


@pytest.mark.parametrize(
    ("method", "url", "service", "payload"),
    [
        ("GET", "https://s3.eu-central-1.amazonaws.com/lake/programs/a-b.tar.gz", "s3", b""),
        ("POST", "https://ec2.eu-central-1.amazonaws.com/", "ec2", b"Action=DescribeVolumes"),
    ],
)
def test_a_signature_is_that_of_awss_own_library(
    method: str, url: str, service: str, payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Aws("eu-central-1", ("AKIA", "secret", "session"))
    headers = api.signed(method, url, {}, hashlib.sha256(payload).hexdigest(), service)
    request = AWSRequest(method=method, url=url, data=payload)
    for name in ("X-Amz-Date", "X-Amz-Content-Sha256"):
        if name in headers:
            request.headers[name] = headers[name]
    theirs = SigV4Auth(Credentials("AKIA", "secret", "session"), service, "eu-central-1")
    monkeypatch.setattr("botocore.auth.get_current_datetime", _at(headers["X-Amz-Date"]))
    theirs.add_auth(request)
    assert headers["Authorization"] == request.headers["Authorization"]


def test_the_programs_are_of_the_python_that_the_machines_have() -> None:
    files = sorted(NODE.glob("*.py"))
    assert len(files) > 5
    for path in files:
        ast.parse(path.read_text(), feature_version=(3, 9))


def test_user_data_is_what_cloud_init_unpacks_and_the_same_each_time() -> None:
    machine = {"artifacts": [DISTRIBUTION.wanted(BUCKET)]}
    made = user_data(NODE_OF_A_BROKER.render(), machine, keeps_topics=True)
    assert made == user_data(NODE_OF_A_BROKER.render(), machine, keeps_topics=True)
    text = gzip.decompress(base64.b64decode(made)).decode()
    assert text.startswith("#cloud-config\n")
    config = json.loads(text.partition("\n")[2])
    written = {each["path"]: each["content"] for each in config["write_files"]}
    assert f"/etc/systemd/system/{broker.SERVICE}" in written
    assert "/opt/sluice/infra/pulsar/node/machine.py" in written
    assert json.loads(written["/etc/pulsar/machine.json"])["folder"] == "/run/pulsar"
    programs = [e["path"] for e in config["write_files"] if e["permissions"] == "0755"]
    assert programs == ["/etc/pulsar/zone_of"]
    assert "pulsar-topics.timer" in config["runcmd"][-1]


def test_user_data_that_ec2_would_refuse_is_refused() -> None:
    noise = hashlib.shake_256(b"").hexdigest(16_384)
    with pytest.raises(ValueError, match="16384 at most"):
        user_data(NODE_OF_A_BROKER.render(), {"noise": noise})


def _at(moment: str) -> Callable[..., Any]:
    return lambda *_, **__: dt.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)

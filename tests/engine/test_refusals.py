"""What can be known to be wrong ends `pulumi up` in one line, with nothing made."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local import processes

UP = ("up", "--yes", "--skip-preview")
REFUSED = 1
STACK = "refused"
ENGINES_OWN = {"pulumi:pulumi:Stack", "pulumi:providers:aws"}
EXPIRED = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token "
    "included in the request is expired</Message></Error><RequestId>r</RequestId></ErrorResponse>"
)


class ExpiredCredentials(BaseHTTPRequestHandler):
    """STS as it answers whoever comes with yesterday's token."""

    def do_POST(self) -> None:
        body = EXPIRED.encode()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(403)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def stack(engine: Any) -> Any:
    """A stack that was never up."""
    engine("stack", "init", STACK)
    return engine


@pytest.fixture
def refused(
    stack: Any, aws: Any, package_file: Path, client: Callable[[str], Any]
) -> Callable[..., str]:
    """Try `pulumi up` under a configuration; return what it said, nothing being made."""

    def tried(config: dict[str, Any] | None = None, **environment: str) -> str:
        given = {"aws:region": aws.region, "sluice:package_file": str(package_file)}
        chosen = {key: value for key, value in (given | (config or {})).items() if value}
        file = stack.folder / f"Pulumi.{STACK}.yaml"
        salt = yaml.safe_load(file.read_text())["encryptionsalt"]
        file.write_text(yaml.safe_dump({"encryptionsalt": salt, "config": chosen}))
        changed = replace(stack, environment=stack.environment | environment)
        text: str = changed(*UP, code=REFUSED, stack=STACK).text
        resources = stack.state(stack=STACK)["deployment"].get("resources", [])
        assert {resource["type"] for resource in resources} <= ENGINES_OWN
        assert client("kinesis").list_streams()["StreamNames"] == []
        assert client("s3").list_buckets()["Buckets"] == []
        assert "Traceback" not in text
        assert 'File "' not in text
        return text

    return tried


@pytest.fixture
def expired_port() -> Iterator[int]:
    """The port of a local provider whose credentials have expired."""
    sts = ThreadingHTTPServer(("127.0.0.1", 0), ExpiredCredentials)
    thread = threading.Thread(target=sts.serve_forever)
    thread.start()
    endpoint = f"http://127.0.0.1:{sts.server_port}"
    provider = subprocess.Popen(
        [
            *(sys.executable, "-m", "infra.local.provider", "--endpoint", endpoint),
            *("--region", "us-east-1", "--parent", str(os.getpid())),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert provider.stdout is not None
    yield int(provider.stdout.readline())
    if (process := processes.find(provider.pid)) is not None:
        processes.end([process], grace_seconds=6.0)
    provider.wait()
    provider.stdout.close()
    sts.shutdown()
    thread.join()
    sts.server_close()


def test_no_region(refused: Callable[..., str]) -> None:
    said = refused({"aws:region": None})
    assert "aws:region is not set: pulumi config set aws:region eu-central-1" in said


def test_the_wrong_account(refused: Callable[..., str], client: Callable[[str], Any]) -> None:
    account = client("sts").get_caller_identity()["Account"]
    said = refused({"aws:allowedAccountIds": ["222222222222"]})
    assert f"these credentials are of account {account}, but aws:allowedAccountIds" in said
    assert "lists 222222222222: use those of the right account (AWS_PROFILE)" in said


def test_expired_credentials(refused: Callable[..., str], expired_port: int) -> None:
    said = refused(PULUMI_DEBUG_PROVIDERS=f"aws:{expired_port}")
    assert "the AWS credentials have expired: get new ones (aws sso login, or aws conf" in said


def test_a_provider_that_is_too_old(
    refused: Callable[..., str], stack: Any, tmp_path: Path
) -> None:
    """The old package would not even load the program: it is noticed before that is tried."""
    (tmp_path / "pulumi_aws").mkdir()
    (tmp_path / "pulumi_aws/__init__.py").write_text("raise ImportError('of another time')\n")
    (tmp_path / "pulumi_aws-6.83.0.dist-info").mkdir()
    (tmp_path / "pulumi_aws-6.83.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: pulumi-aws\nVersion: 6.83.0\n"
    )
    said = refused(PYTHONPATH=f"{tmp_path}:{stack.environment['PYTHONPATH']}")
    assert "pulumi-aws 6.83.0 is too old, 7.10 is needed: uv sync --all-groups" in said

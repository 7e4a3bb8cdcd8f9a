"""`sluice doctor`: each line driven by what a machine has, and this machine looked at for real."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sluice import doctor
from sluice.doctor import probe
from sluice.machine import FREE_BYTES_MIN, JAVA_OLDEST, Check, Machine, checks, line, ready

WELL = Machine(
    python=(3, 11, 7),
    uv=(0, 9, 1),
    git=(2, 39, 5),
    free_bytes=FREE_BYTES_MIN,
    port="",
    java=(21, 0, 8),
    kafka=True,
    pulsar=True,
    engine=Path("bin"),
    uv_on_path=Path("/usr/bin/uv"),
    docker=(28, 2, 2),
    buildx=(0, 24, 0),
    go=(1, 25, 11),
    credentials="env",
    region="eu-central-1",
)
REQUIRED = ("Python", "uv", "git", "disk space", "a free port")
OPTIONAL = (
    *("Java", "Kafka", "Pulsar"),
    *("Pulumi CLI", "uv on PATH", "Docker", "Go", "AWS credentials", "AWS region"),
)


def by_name(machine: Machine) -> dict[str, Check]:
    return {check.name: check for check in checks(machine)}


def test_a_machine_that_has_all_is_ready_and_every_line_says_what_was_found() -> None:
    found = by_name(WELL)
    assert tuple(found) == (*REQUIRED, *OPTIONAL)
    assert all(check.ok for check in found.values())
    assert [line(check).split()[0] for check in found.values()] == ["ok"] * len(found)
    assert "3.11.7" in line(found["Python"])
    assert ready(checks(WELL))


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("Python", {"python": (3, 10, 12)}),
        ("uv", {"uv": None}),
        ("uv", {"uv": (0, 6, 9)}),
        ("git", {"git": None}),
        ("disk space", {"free_bytes": FREE_BYTES_MIN - 1}),
        ("a free port", {"port": "Operation not permitted"}),
        ("Java", {"java": None}),
        ("Java", {"java": (17, 0, 2)}),
        ("Kafka", {"kafka": False}),
        ("Pulsar", {"pulsar": False}),
        ("Pulumi CLI", {"engine": None}),
        ("uv on PATH", {"uv_on_path": None}),
        ("Docker", {"docker": None}),
        ("Docker", {"buildx": None}),
        ("Go", {"go": None}),
        ("Go", {"go": (1, 24, 9)}),
        ("AWS credentials", {"credentials": None}),
        ("AWS region", {"region": None}),
    ],
)
def test_what_is_missing_says_for_what_and_how_to_get_it(
    name: str, lacking: dict[str, Any]
) -> None:
    machine = replace(WELL, **lacking)
    found = by_name(machine)
    assert [check.name for check in found.values() if not check.ok] == [name]
    said = line(found[name])
    assert said.startswith("missing")
    assert f"needed for {found[name].needed_for}" in said
    assert f"get it: {found[name].get}" in said
    assert ready(checks(machine)) is (name in OPTIONAL)


def test_credentials_that_cannot_be_used_say_why() -> None:
    broken = replace(WELL, credentials=None, credentials_fault="the profile is not there")
    assert "the profile is not there" in line(by_name(broken)["AWS credentials"])


def test_the_cli_is_built_where_go_is_and_installed_where_it_is_not() -> None:
    without = replace(WELL, engine=None)
    assert "python -m infra.local.engine" in by_name(without)["Pulumi CLI"].get
    assert "infra.local.engine" not in by_name(replace(without, go=None))["Pulumi CLI"].get


def test_what_docker_lacks_is_told_apart() -> None:
    silent = by_name(replace(WELL, docker=None))["Docker"]
    assert silent.found == "no daemon answers"
    assert by_name(replace(WELL, buildx=None))["Docker"].found == "28.2.2; without buildx"


def test_aws_is_a_line_only_when_it_was_asked() -> None:
    assert "AWS identity" not in by_name(WELL)
    known = by_name(replace(WELL, identity="arn:aws:iam::1:user/me in account 1"))
    assert known["AWS identity"].ok
    refused = replace(WELL, refused="ExpiredToken")
    assert "ExpiredToken" in line(by_name(refused)["AWS identity"])
    assert ready(checks(refused))


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A person without any configuration of AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))


@pytest.mark.usefixtures("no_aws")
def test_this_machine_is_seen_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = probe(ask_aws=False)
    assert bare.python == sys.version_info[:3]
    assert bare.git is not None
    assert bare.java is not None
    assert bare.java >= JAVA_OLDEST
    assert (bare.port, bare.credentials, bare.region) == ("", None, None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    logged_in = probe(ask_aws=False)
    assert (logged_in.credentials, logged_in.region) == ("env", "eu-west-1")


def test_a_shells_uv_is_looked_for_beside_the_environments_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder in ("environment", "shell"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "uv").touch(mode=0o755)
    environment, shell = str(tmp_path / "environment"), str(tmp_path / "shell")
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", environment)
    assert probe(ask_aws=False).uv_on_path == tmp_path / "environment" / "uv"
    monkeypatch.setenv("UV", f"{environment}/uv")
    assert probe(ask_aws=False).uv_on_path is None
    monkeypatch.setenv("PATH", f"{environment}{os.pathsep}{shell}")
    assert probe(ask_aws=False).uv_on_path == tmp_path / "shell" / "uv"


def test_the_daemon_and_its_builder_are_asked_for_their_versions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/bin/sh\ncase "$*" in\n"version --format {{.Server.Version}}") echo 28.2.2 ;;\n'
        '"buildx version") echo github.com/docker/buildx v0.24.0 d0e5e86 ;;\nesac\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = probe(ask_aws=False)
    assert (found.docker, found.buildx) == ((28, 2, 2), (0, 24, 0))
    docker.write_text("#!/bin/sh\necho; echo no daemon >&2; exit 1\n")
    found = probe(ask_aws=False)
    assert (found.docker, found.buildx) == (None, None)


@pytest.mark.usefixtures("no_aws")
def test_a_profile_that_is_not_there_is_a_fault_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    found = by_name(probe(ask_aws=False))
    assert not found["AWS credentials"].ok
    assert "nobody" in found["AWS credentials"].found


class Sts(http.server.BaseHTTPRequestHandler):
    """Answers every request as STS refuses one."""

    def do_POST(self) -> None:
        body = b"<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def refusing() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sts) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("no_aws")
def test_credentials_that_aws_refuses_are_told_with_its_word(
    monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", refusing)
    told = probe(ask_aws=True)
    assert told.identity is None
    assert "ExpiredToken" in told.refused


def test_the_command_prints_a_line_a_check_and_ends_with_0_here(
    cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = cli(tmp_path, "doctor", "--json")
    assert done.returncode == 0, done.stdout
    told = json.loads(done.stdout)
    assert told["ready"] is True
    assert [check["name"] for check in told["checks"]] == [*REQUIRED, *OPTIONAL]


def test_the_command_ends_with_2_where_the_demo_lacks_something(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "probe", lambda *, ask_aws: replace(WELL, git=None, go=None))
    assert doctor.doctor.main([], standalone_mode=False) == 2
    said = capsys.readouterr().out
    assert [word for word in said.splitlines() if word.startswith("missing")] == [
        *("missing  git              none", "missing  Go               none"),
    ]

"""Say what this machine lacks, which command needs it, and how to get it."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import botocore.session
import rich_click as click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.engine import install
from sluice.console import result, result_json, say
from sluice.options import json_option
from sluice.stack import ROOT

PYTHON_OLDEST: Final = (3, 11)
UV_OLDEST: Final = (0, 7)
GO_OLDEST: Final = (1, 25)
"""Of `dev` and of `infra/local/engine/go`."""
FREE_BYTES_MIN: Final = 3 * 2**30
"""Environment and uv's cache take 2 GB, stacks and loads the rest."""
PROBE_SECONDS_MAX: Final = 10
AWS_CONNECT_SECONDS_MAX: Final = 3
AWS_READ_SECONDS_MAX: Final = 5
EXIT_MISSING: Final = 2

DEMO: Final = "demo, tests and every local stack"
DEPLOYS: Final = "pulumi up, and every command with --stack of a stack on AWS"

Version = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What was found on a machine; None for what is not there."""

    python: Version
    uv: Version | None
    git: Version | None
    free_bytes: int
    port: str
    """Why no port of 127.0.0.1 can be had; empty where one can."""
    engine: Path | None
    """Where a Pulumi CLI lies with its Python language host."""
    go: Version | None
    credentials: str | None
    """By which method AWS credentials would be found."""
    credentials_fault: str = ""
    """Why those that are configured cannot be used."""
    region: str | None
    identity: str | None = None
    """Whose credentials they are, as AWS says; None where nobody asked."""
    refused: str = ""
    """Why AWS did not say."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line: a part, whether it is there, and for what. `required` is it by demo and tests."""

    name: str
    ok: bool
    found: str
    needed_for: str
    get: str
    required: bool = False


def checks(machine: Machine) -> tuple[Check, ...]:
    """Return every check of a machine, what demo and tests need first."""
    asked = machine.identity is not None or machine.refused
    return (*_for_the_demo(machine), *_for_aws(machine), *([_identity(machine)] if asked else []))


def _for_the_demo(machine: Machine) -> tuple[Check, ...]:
    return (
        Check(
            name="Python",
            ok=machine.python >= PYTHON_OLDEST,
            found=_said(machine.python),
            needed_for=DEMO,
            get=f"install Python {_said(PYTHON_OLDEST)} or newer (python.org/downloads)",
            required=True,
        ),
        Check(
            name="uv",
            ok=machine.uv is not None and machine.uv >= UV_OLDEST,
            found=_said(machine.uv),
            needed_for=DEMO,
            get="run ./dev demo: it installs the uv that uv.lock pins, under .tools/",
            required=True,
        ),
        Check(
            name="git",
            ok=machine.git is not None,
            found=_said(machine.git),
            needed_for="tests, and the revision that a deploy notes",
            get="install git by the system's packages (git-scm.com/downloads)",
            required=True,
        ),
        Check(
            name="disk space",
            ok=machine.free_bytes >= FREE_BYTES_MIN,
            found=f"{machine.free_bytes / 2**30:.1f} GB free",
            needed_for=DEMO,
            get=f"free {FREE_BYTES_MIN / 2**30:.0f} GB; .sluice/ holds stacks and loads of before",
            required=True,
        ),
        Check(
            name="a free port",
            ok=not machine.port,
            found=machine.port or "127.0.0.1 gives one",
            needed_for=DEMO,
            get="let this user listen on 127.0.0.1; a sandbox or firewall forbids it",
            required=True,
        ),
    )


def _for_aws(machine: Machine) -> tuple[Check, ...]:
    can_build = machine.go is not None and machine.go >= GO_OLDEST
    build = "or: ./dev run python -m infra.local.engine" if can_build else "or Go, which builds it"
    return (
        Check(
            name="Pulumi CLI",
            ok=machine.engine is not None,
            found=str(machine.engine or "not with its Python language host"),
            needed_for="pulumi up; tests/engine",
            get=f"pulumi.com/docs/install; {build}",
        ),
        Check(
            name="Go",
            ok=can_build,
            found=_said(machine.go),
            needed_for="tests/engine, where there is no Pulumi CLI",
            get=f"install Go {_said(GO_OLDEST)} or newer (go.dev/dl)",
        ),
        Check(
            name="AWS credentials",
            ok=machine.credentials is not None,
            found=machine.credentials or machine.credentials_fault or "none",
            needed_for=DEPLOYS,
            get="aws configure sso, or AWS_PROFILE; then: ./dev sluice doctor --aws",
        ),
        Check(
            name="AWS region",
            ok=machine.region is not None,
            found=machine.region or "none; a stack file's aws:region is enough for Pulumi",
            needed_for="verify of a stream and lake of anybody's",
            get="export AWS_REGION=eu-central-1, or aws configure set region eu-central-1",
        ),
    )


def _identity(machine: Machine) -> Check:
    return Check(
        name="AWS identity",
        ok=machine.identity is not None,
        found=machine.identity or machine.refused,
        needed_for=DEPLOYS,
        get="log in anew (aws sso login), or mend the credentials; then ask again",
    )


def probe(*, ask_aws: bool) -> Machine:
    """Look at this machine; AWS itself is asked only if that is wanted."""
    session = botocore.session.Session()
    region, credentials, fault = _configured(session)
    identity, refused = _asked(session, region) if ask_aws else (None, "")
    return Machine(
        python=sys.version_info[:3],
        uv=_version(_uv(), "--version"),
        git=_version(shutil.which("git"), "--version"),
        free_bytes=shutil.disk_usage(ROOT).free,
        port=_port(),
        engine=install.find(),
        go=_version(shutil.which("go"), "version"),
        credentials=credentials,
        credentials_fault=fault,
        region=region,
        identity=identity,
        refused=refused,
    )


def _uv() -> str | None:
    """Return the uv on the path, else the one that `dev` installed."""
    own = [ROOT / ".tools" / "uv" / place for place in ("bin/uv", "Scripts/uv.exe")]
    return shutil.which("uv") or next((str(path) for path in own if path.exists()), None)


def _version(program: str | None, *words: str) -> Version | None:
    """Return the version that a program says, None for one that is absent or says none."""
    if program is None:
        return None
    try:
        said = subprocess.run(
            [program, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=PROBE_SECONDS_MAX,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+(?:\.\d+)+", said)
    return tuple(map(int, found[0].split("."))) if found else None


def _port() -> str:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return ""
    except OSError as error:
        return str(error)


def _configured(session: Any) -> tuple[str | None, str | None, str]:
    """Return the region, how credentials would be found, and why they would not.

    The metadata service of a machine on EC2 is left alone: elsewhere it answers after seconds.
    """
    try:
        region = session.get_config_variable("region")
        resolver = session.get_component("credential_provider")
        resolver.remove("iam-role")
        found = resolver.load_credentials()
    except BotoCoreError as error:
        return None, None, " ".join(str(error).split())
    return region, None if found is None else str(found.method), ""


def _asked(session: Any, region: str | None) -> tuple[str | None, str]:
    """Return whose credentials they are, or why AWS did not say."""
    try:
        told = session.create_client(
            "sts",
            region_name=region or "us-east-1",
            config=Config(
                connect_timeout=AWS_CONNECT_SECONDS_MAX,
                read_timeout=AWS_READ_SECONDS_MAX,
                retries={"total_max_attempts": 1},
            ),
        ).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return None, " ".join(str(error).split())
    return f"{told['Arn']} in account {told['Account']}", ""


def _said(version: Version | None) -> str:
    return ".".join(map(str, version)) if version else "none"


def ready(found: Sequence[Check]) -> bool:
    """Return whether what demo and tests need is there."""
    return all(check.ok for check in found if check.required)


def line(check: Check) -> str:
    """Return one check as a person reads it; what is missing says for what, and how to get it."""
    head = f"{'ok' if check.ok else 'missing':8} {check.name:16} {check.found}"
    if check.ok:
        return head
    return f"{head}\n{'':25} needed for {check.needed_for}\n{'':25} get it: {check.get}"


@click.command(help=__doc__)
@click.option("--aws", "ask_aws", is_flag=True, help="Also ask AWS whose credentials these are.")
@json_option
def doctor(*, ask_aws: bool, as_json: bool) -> int:
    """Print a line a check; exit with 2 where demo or tests lack something."""
    found = checks(probe(ask_aws=ask_aws))
    well = ready(found)
    if as_json:
        result_json({"ready": well, "checks": [vars(check) for check in found]})
    else:
        for check in found:
            result(line(check))
        say("demo and tests have what they need" if well else "demo and tests lack what is above")
    return 0 if well else EXIT_MISSING

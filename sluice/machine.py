"""What a machine needs for which command: a check a part, decided from what was found on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PYTHON_OLDEST: Final = (3, 11)
UV_OLDEST: Final = (0, 7)
GO_OLDEST: Final = (1, 25)
"""Of `dev` and of `infra/local/engine/go`."""
JAVA_OLDEST: Final = (21,)
KAFKA_MEGABYTES: Final = 45
PULSAR_MEGABYTES: Final = 245
FREE_BYTES_MIN: Final = 3 * 2**30
"""Environment and uv's cache take 2 GB, stacks and loads the rest."""

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
    java: Version | None
    """Of the Java that the locked packages bring; what is on PATH does not matter."""
    kafka: bool
    """Whether Kafka's files are installed."""
    pulsar: bool
    """Whether Pulsar's files are installed."""
    engine: Path | None
    """Where a Pulumi CLI lies with its Python language host."""
    uv_on_path: Path | None
    """The uv that a shell finds; what runs inside the project's environment always finds one."""
    docker: Version | None
    """Of the daemon that the client reaches."""
    buildx: Version | None
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
    brokers = (
        _java(machine.java),
        _broker("kafka", installed=machine.kafka, megabytes=KAFKA_MEGABYTES),
        _broker("pulsar", installed=machine.pulsar, megabytes=PULSAR_MEGABYTES),
    )
    identity = (_identity(machine),) if asked else ()
    return (*_for_the_demo(machine), *brokers, *_for_aws(machine), *identity)


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


def _java(found: Version | None) -> Check:
    return Check(
        name="Java",
        ok=found is not None and found >= JAVA_OLDEST,
        found=_said(found),
        needed_for="demo --stream kafka or pulsar; tests of the brokers",
        get="./dev demo installs it, on Linux (glibc), macOS and Windows: it is a locked package",
    )


def _broker(name: str, *, installed: bool, megabytes: int) -> Check:
    return Check(
        name=name.capitalize(),
        ok=installed,
        found="installed" if installed else f"not fetched yet ({megabytes} MB)",
        needed_for=f"demo --stream {name}; tests of it",
        get=f"its first use fetches it; or now: ./dev run python -m infra.local.brokers {name}",
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
            name="uv on PATH",
            ok=machine.uv_on_path is not None,
            found=str(machine.uv_on_path or "none"),
            needed_for="pulumi up from a shell: it is the toolchain that Pulumi.yaml names",
            get='export PATH="$PWD/.venv/bin:$PATH"  (./dev keeps the locked one there)',
        ),
        _docker(machine),
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


def _docker(machine: Machine) -> Check:
    version = "no daemon answers" if machine.docker is None else _said(machine.docker)
    return Check(
        name="Docker",
        ok=machine.docker is not None and machine.buildx is not None,
        found=version if machine.buildx else f"{version}; without buildx",
        needed_for="pulumi up with stream kafka or pulsar, which builds the workers' image",
        get="docs.docker.com/get-docker; or push it elsewhere: pulumi config set worker_image ...",
    )


def _identity(machine: Machine) -> Check:
    return Check(
        name="AWS identity",
        ok=machine.identity is not None,
        found=machine.identity or machine.refused,
        needed_for=DEPLOYS,
        get="log in anew (aws sso login), or mend the credentials; then ask again",
    )


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

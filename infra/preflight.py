"""What can be known to be wrong before anything is made: a sentence each, with what to do.

Imports nothing of the program, so that it also speaks where the program itself would not load.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import metadata
from typing import Final

import pulumi

PYTHON_MIN: Final = (3, 11)
PACKAGES_MIN: Final[Mapping[str, tuple[int, int]]] = {"pulumi": (3, 200), "pulumi-aws": (7, 10)}
"""What the program is written for, as the deploy group of pyproject.toml says. The AWS provider is
of its Python package's own version, so this holds for it too (Pulumi docs, "Default providers")."""

REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d+")
"""AWS General Reference, "AWS service endpoints": such as eu-central-1."""

OTHER_PARTITION: Final = re.compile(r"(cn|us-gov|us-iso\w*|eu-isoe|eusc)-.*")
"""AWS IAM user guide, "Amazon Resource Names (ARNs)": partitions whose ARNs begin otherwise."""

UNRESERVED_RUNS_MIN: Final = 100
"""AWS Lambda developer guide, "Configuring reserved concurrency for a function": what an account
keeps for functions that reserve nothing."""
CONCURRENCY_QUOTA: Final = ("lambda", "L-B99A9384")
"""Service and code of "Concurrent executions" in Service Quotas: 1,000, for a new account less."""

CALLER_IDENTITY: Final = "aws:index/getCallerIdentity:getCallerIdentity"
REASON_CHARACTERS_MAX: Final = 300

UNANSWERED: Final[tuple[tuple[str, str], ...]] = (
    (
        r"AWS account ID not allowed|AWS account ID is forbidden",
        "these credentials are of an account that aws:allowedAccountIds of the stack's file does "
        "not list: use those of the right account (AWS_PROFILE)",
    ),
    (
        r"expired|InvalidGrantException",
        "the AWS credentials have expired: get new ones (aws sso login, or aws configure)",
    ),
    (
        r"InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|InvalidAccessKeyId",
        "AWS does not know these credentials: choose others (AWS_PROFILE), or set them anew "
        "(aws configure)",
    ),
    (
        r"shared config profile|config profile .* could not be found",
        "there is no such AWS profile: set AWS_PROFILE or aws:profile to one that "
        "`aws configure list-profiles` lists",
    ),
    (
        r"(?i:region not set|(missing|invalid|empty)[\w ]* region)",
        "the AWS provider takes no such region: pulumi config set aws:region eu-central-1",
    ),
    (
        r"no such host|lookup .* on|[Cc]ould not (connect|resolve)|connection refused|timed? ?out",
        "AWS cannot be reached: see that aws:region is spelled right and that the network or proxy "
        "lets https through",
    ),
    (
        r"AccessDenied|not authorized",
        "these credentials may not even say whose they are: a policy of the account denies "
        "sts:GetCallerIdentity",
    ),
    (
        r"(?i:no valid credential|failed to refresh cached credentials|IMDS|unable to locate cred)",
        "there are no AWS credentials: set AWS_PROFILE, or run aws configure",
    ),
)
"""What the AWS provider, STS and the network say when asked who calls, the surest sign first."""


def refuse(faults: Sequence[str]) -> None:
    """Raise pulumi.RunError, in one line, if there are faults: the engine then makes nothing."""
    if faults:
        raise pulumi.RunError("; ".join(faults))


def installed() -> dict[str, str]:
    """Return the versions of the packages that the program is written for, those that there are."""
    found = {}
    for package in PACKAGES_MIN:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def version_faults(python: Sequence[int], packages: Mapping[str, str]) -> list[str]:
    """Return what of Python and its packages (versions by name) is too old, or is not there."""
    faults = []
    if tuple(python[:2]) < PYTHON_MIN:
        faults.append(
            f"Python {_dotted(python[:2])} is too old, {_dotted(PYTHON_MIN)} is needed: remove "
            ".venv and run ./dev sluice doctor"
        )
    for package, least in PACKAGES_MIN.items():
        version = packages.get(package)
        if version is None:
            faults.append(
                f"there is no {package}, {_dotted(least)} is needed: uv sync --all-groups"
            )
        elif tuple(map(int, re.findall(r"\d+", version)[:2])) < least:
            faults.append(
                f"{package} {version} is too old, {_dotted(least)} is needed: uv sync --all-groups"
            )
    return faults


def region_faults(region: str | None) -> list[str]:
    """Return what is wrong with the region that the stack asks for."""
    if not region:
        return ["aws:region is not set: pulumi config set aws:region eu-central-1"]
    if REGION.fullmatch(region.rstrip("abcdef")) and region[-1].isalpha():
        return [
            f"aws:region {region} is an availability zone: pulumi config set aws:region "
            f"{region.rstrip('abcdef')}"
        ]
    if not REGION.fullmatch(region):
        return [
            f"aws:region {region!r} is no region's name: pulumi config set aws:region eu-central-1"
        ]
    if OTHER_PARTITION.fullmatch(region):
        return [
            f"aws:region {region} is of another partition of AWS than aws, whose ARNs the policies "
            "of this program name: choose a region of the partition aws"
        ]
    return []


def account_faults(account: str, allowed: str | None) -> list[str]:
    """Return why a stack may not go to this account; `allowed` is the JSON of the stack's file.

    `aws:allowedAccountIds` is the AWS provider's own, so that it also guards `pulumi refresh` and
    `pulumi destroy`, which run no program (Pulumi registry, AWS provider, "Configuration").
    """
    if not allowed:
        return []
    accounts = _accounts(allowed)
    if accounts is None:
        return [
            f"aws:allowedAccountIds {allowed} is no list of account ids: "
            'pulumi config set --path "aws:allowedAccountIds[0]" 123456789012 --type string'
        ]
    if account in accounts:
        return []
    return [
        f"these credentials are of account {account}, but aws:allowedAccountIds of the stack's "
        f"file lists {', '.join(accounts)}: use those of the right account (AWS_PROFILE)"
    ]


def concurrency_faults(runs_max: float | None, reserved: int) -> list[str]:
    """Return why Lambda would not keep so many concurrent runs for the functions of this stack.

    `runs_max` is what the account has in the region, None where it would not say: what other
    functions reserve comes on top, so that Lambda may still refuse what is let through here.
    """
    if not reserved or runs_max is None or runs_max - reserved >= UNRESERVED_RUNS_MIN:
        return []
    service, code = CONCURRENCY_QUOTA
    return [
        f"the stack's functions reserve {reserved} concurrent runs, but of the {runs_max:.0f} that "
        f"this account has in this region Lambda keeps {UNRESERVED_RUNS_MIN} unreserved: ask for "
        "more, and deploy once they are granted (aws service-quotas request-service-quota-increase "
        f"--service-code {service} --quota-code {code} --desired-value 1000)"
    ]


def namespace_faults(project: str, keys: Iterable[str], settings: Collection[str]) -> list[str]:
    """Return which keys of the stack's file are settings that a project of this name never reads.

    They are of the name that the project had before: all of them would be at their defaults.
    """
    lost = sorted(
        key
        for key in keys
        for namespace, _, name in [key.partition(":")]
        if namespace not in (project, "aws", "pulumi") and name in settings
    )
    if not lost:
        return []
    return [
        f"{', '.join(lost)}: a setting of another project than {project}, as Pulumi.yaml calls "
        f"this one: write {project}:{lost[0].partition(':')[2]}, and so on, in the stack's file"
    ]


def unanswered(error: str) -> str:
    """Return what to do when AWS would not say who calls, and what it said instead."""
    said = " ".join(error.split()).removeprefix(f"invoke of {CALLER_IDENTITY} failed: ")
    reason = said if len(said) <= REASON_CHARACTERS_MAX else f"...{said[-REASON_CHARACTERS_MAX:]}"
    for sign, advice in UNANSWERED:
        if re.search(sign, said):
            return f"{advice} ({reason})"
    return f"AWS would not say whose credentials these are: ./dev sluice doctor --aws ({reason})"


def _accounts(allowed: str) -> list[str] | None:
    """Return the account ids of a JSON list; None if it is none."""
    try:
        listed = json.loads(allowed)
    except ValueError:
        return None
    if not isinstance(listed, list) or not listed:
        return None
    accounts = [str(each) for each in listed]
    return accounts if all(re.fullmatch(r"\d{12}", each) for each in accounts) else None


def _dotted(version: Iterable[int]) -> str:
    return ".".join(map(str, version))

"""What is known to be wrong before anything is made is told in one line, with what to do."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import preflight
from infra.naming import Names
from infra.preflight import (
    account_faults,
    concurrency_faults,
    namespace_faults,
    region_faults,
    unanswered,
    version_faults,
)
from infra.settings import parse
from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
NEW = {"pulumi": "3.200.0", "pulumi-aws": "7.10.0"}
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/worker:1"
STS = "operation error STS: GetCallerIdentity, https response error StatusCode: 403, api error "


def test_this_very_environment_is_new_enough() -> None:
    assert version_faults((3, 11, 0), preflight.installed()) == []


def test_the_least_versions_are_those_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    least = {
        package: f"{package}>={'.'.join(map(str, version))}"
        for package, version in preflight.PACKAGES_MIN.items()
    }
    assert set(least.values()) <= set(project["dependency-groups"]["deploy"])
    python = ".".join(map(str, preflight.PYTHON_MIN))
    assert project["project"]["requires-python"].startswith(f">={python}")


@pytest.mark.parametrize(
    ("python", "packages", "told"),
    [
        ((3, 10, 4), NEW, "Python 3.10 is too old, 3.11 is needed: remove .venv"),
        ((3, 12), NEW | {"pulumi-aws": "6.83.0"}, "pulumi-aws 6.83.0 is too old, 7.10 is needed"),
        ((3, 12), NEW | {"pulumi-aws": "7.9.1"}, "pulumi-aws 7.9.1 is too old, 7.10 is needed"),
        ((3, 12), NEW | {"pulumi": "3.99.0"}, "pulumi 3.99.0 is too old, 3.200 is needed"),
        ((3, 12), {"pulumi": "4.0.0a1"}, "there is no pulumi-aws, 7.10 is needed: uv sync"),
    ],
)
def test_what_is_too_old_is_named_with_what_is_needed(
    python: tuple[int, ...], packages: dict[str, str], told: str
) -> None:
    (fault,) = version_faults(python, packages)
    assert fault.startswith(told)


@pytest.mark.parametrize("region", ["eu-central-1", "ap-southeast-7", "us-east-2", "mx-central-1"])
def test_a_region_of_aws_is_taken(region: str) -> None:
    assert region_faults(region) == []


@pytest.mark.parametrize(
    ("region", "told"),
    [
        (None, "aws:region is not set: pulumi config set aws:region eu-central-1"),
        ("", "aws:region is not set"),
        ("eu-central-1a", "is an availability zone: pulumi config set aws:region eu-central-1"),
        ("Frankfurt", "aws:region 'Frankfurt' is no region's name: pulumi config set aws:region"),
        ("eu_central_1", "is no region's name"),
        ("cn-north-1", "is of another partition of AWS"),
        ("us-gov-west-1", "is of another partition of AWS"),
        ("eusc-de-east-1", "is of another partition of AWS"),
    ],
)
def test_another_region_is_refused(region: str | None, told: str) -> None:
    (fault,) = region_faults(region)
    assert told in fault


def test_a_stack_goes_to_any_account_unless_its_file_says_otherwise() -> None:
    assert account_faults("111111111111", None) == []
    assert account_faults("111111111111", '["222222222222", "111111111111"]') == []
    assert account_faults("111111111111", "[111111111111]") == []


def test_the_wrong_account_is_named_with_the_right_one() -> None:
    (fault,) = account_faults("111111111111", '["222222222222"]')
    assert "are of account 111111111111" in fault
    assert "lists 222222222222: use those of the right account (AWS_PROFILE)" in fault


@pytest.mark.parametrize("allowed", ["222222222222", "prod", "[]", '["prod"]', "{", "[22]"])
def test_a_list_of_accounts_that_is_none_guards_nothing_and_so_is_refused(allowed: str) -> None:
    (fault,) = account_faults("111111111111", allowed)
    assert "is no list of account ids: pulumi config set --path" in fault


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (STS + "ExpiredToken: The security token included in the request is expired", "expired: "),
        ("the SSO session has expired or is invalid", "have expired: get new ones (aws sso login"),
        (STS + "InvalidClientTokenId: The security token is invalid", "does not know these cred"),
        ("failed to get shared config profile, prod", "no such AWS profile: set AWS_PROFILE"),
        ("No valid credential sources found", "there are no AWS credentials: set AWS_PROFILE"),
        ("failed to refresh cached credentials, no EC2 IMDS role found", "are no AWS credentials"),
        ("dial tcp: lookup sts.eu-centrall-1.amazonaws.com: no such host", "cannot be reached: "),
        ("AWS account ID not allowed: 111111111111", "aws:allowedAccountIds of the stack's file"),
        ("Invalid AWS Region: eu-nowhere-1", "takes no such region: pulumi config set aws:region"),
        (STS + "AccessDenied: with an explicit deny", "may not even say whose they are"),
        ("something new", "./dev sluice doctor --aws (something new)"),
    ],
)
def test_an_answer_of_aws_becomes_what_to_do(said: str, advice: str) -> None:
    told = unanswered(f"invoke of {preflight.CALLER_IDENTITY} failed:\n  {said}")
    assert advice in told
    assert said in told


@given(st.text())
def test_whatever_aws_says_is_told_in_one_line(said: str) -> None:
    assert len(unanswered(said).splitlines()) == 1
    assert len(unanswered(said)) < 600


def test_an_account_that_could_not_reserve_what_the_stack_does_is_told_how_to_get_more() -> None:
    (fault,) = concurrency_faults(10, 2)
    assert "reserve 2 concurrent runs, but of the 10 that this account has" in fault
    assert "request-service-quota-increase --service-code lambda --quota-code L-B99A9384" in fault
    assert len(concurrency_faults(101, 2)) == 1


@pytest.mark.parametrize(("runs_max", "reserved"), [(102, 2), (1000, 34), (None, 2), (10, 0)])
def test_what_an_account_can_reserve_or_does_not_tell_is_no_fault(
    runs_max: float | None, reserved: int
) -> None:
    assert concurrency_faults(runs_max, reserved) == []


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"audit_minutes": "0"},
        {"concurrency_max": "32", "shard_utilization_percent": "60", "shard_count_max": "8"},
        {"stream": "kafka", "worker_image": IMAGE},
    ],
)
def test_what_is_asked_for_is_what_the_functions_reserve(
    register: Callable[..., Any], settings: dict[str, str]
) -> None:
    functions = register(settings).of_type("Function")
    # Loaded by the program's first run, which hears the AWS package's own warnings.
    from infra.deployments.watchers import reserved_runs

    kept = [function.inputs.get("reservedConcurrentExecutions", 0) for function in functions]
    assert reserved_runs(parse(settings)) == sum(kept)


def test_a_new_account_is_refused_before_anything_is_made(
    register: Callable[..., Any], made: list[str], provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = provider.invoke
    monkeypatch.setattr(provider, "invoke", lambda *asked: {**answers(*asked), "value": 10})
    with pytest.raises(UserError, match="reserve 2 concurrent runs, but of the 10"):
        register(stack="new-account")
    assert made == []


def test_who_may_not_ask_for_quotas_may_deploy(
    register: Callable[..., Any], made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    # Loaded by the program's first run, which hears the AWS package's own warnings.
    from pulumi_aws import servicequotas

    def denied(**_: str) -> None:
        raise Exception("AccessDeniedException: not authorized")  # noqa: TRY002 - the SDK's own

    monkeypatch.setattr(servicequotas, "get_service_quota", denied)
    register(stack="unasked")
    assert "sweeper" in made


def test_settings_of_the_name_before_are_not_passed_over() -> None:
    keys = ["sluice:retain_data", "sluice:log_days", "aws:region", "ours:memory_mb", "x:theirs"]
    settings = ["retain_data", "log_days", "memory_mb", "region"]
    (fault,) = namespace_faults("ours", keys, settings)
    assert fault.startswith("sluice:log_days, sluice:retain_data: a setting of another project")
    assert "write ours:log_days" in fault
    assert namespace_faults("sluice", keys[:3], settings) == []


def test_faults_are_one_error_of_the_run_and_none_is_none() -> None:
    preflight.refuse([])
    with pytest.raises(pulumi.RunError, match=r"^a; b$"):
        preflight.refuse(["a", "b"])


@pytest.mark.parametrize("stack", ["Dev", "a_b", "x" * 40, "prod/eu"])
def test_a_stack_that_aws_could_not_name_is_refused(stack: str) -> None:
    with pytest.raises(UserError, match=r"the stack's name .*pulumi stack rename"):
        Names(project="sluice", stack=stack, account="111111111111", region="eu-central-1")

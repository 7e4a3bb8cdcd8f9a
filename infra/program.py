"""One stack: settings, composition, exports."""

import re
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import pulumi
import pulumi_aws as aws

from infra import preflight
from infra.deployments.kafka import KafkaDeployment
from infra.deployments.kinesis import KinesisDeployment
from infra.deployments.pulsar import PulsarDeployment, check_names
from infra.deployments.watchers import reserved_runs
from infra.function_package import function_archive
from infra.naming import Names
from infra.settings import Settings, load
from infra.tags import tag_everything
from pipeline.contracts import CONTRACTS
from pipeline.core.faults import check_contracts
from pipeline.errors import UserError

README: Final = Path(__file__).resolve().parent.parent / "Pulumi.README.md"
"""What Pulumi Cloud shows of a stack, its outputs filled in (Pulumi docs, "Stack READMEs")."""
OUTPUT: Final = re.compile(r"\$\{outputs\.(\w+)")


class Deployment(Protocol):
    """What a composition is once it is made."""

    @property
    def outputs(self) -> dict[str, Any]:
        """What a client of the stack needs to know."""
        ...


def make_stack() -> None:
    """Make one stack. Raises pulumi.RunError, before anything is made, for what is refused."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    given = pulumi.runtime.config.CONFIG.get()
    preflight.refuse(preflight.namespace_faults(project, given, Settings.model_fields))
    settings = load(project)
    preflight.refuse(preflight.region_faults(aws.config.region))
    account, region = _caller()
    allowed = pulumi.Config("aws").get("allowedAccountIds")
    preflight.refuse(preflight.account_faults(account, allowed))
    if reserved := reserved_runs(settings):
        preflight.refuse(preflight.concurrency_faults(_runs_max(), reserved))
    try:
        check_contracts(CONTRACTS)
        names = Names(project=project, stack=stack, account=account, region=region)
        compose = _composition(settings, names)
    except UserError as error:
        raise pulumi.RunError(str(error)) from None
    tag_everything({"project": project, "stack": stack, "managed-by": "pulumi"})
    outputs = compose().outputs
    for name, value in outputs.items():
        pulumi.export(name, value)
    pulumi.export("readme", readme(outputs))


def readme(outputs: Collection[str]) -> str:
    """Return the stack's README without the lines that speak of outputs that it does not have."""
    lines = README.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if set(OUTPUT.findall(line)) <= set(outputs))


def _composition(settings: Settings, names: Names) -> Callable[[], Deployment]:
    """Return what makes the stack on its stream. Raises UserError for what cannot be packaged."""
    if settings.stream == "kafka":
        return partial(KafkaDeployment, settings, names)
    if settings.stream == "pulsar":
        check_names(settings, names)
        return partial(PulsarDeployment, settings, names)
    archive = settings.package_file or function_archive(settings.package, settings.architecture)
    return partial(KinesisDeployment, settings, names, archive)


def _caller() -> tuple[str, str]:
    """Return whose account it is, and the region: AWS is asked, so bad credentials show here."""
    try:
        return aws.get_caller_identity().account_id, aws.get_region().region
    # The SDK raises a plain Exception for whatever a provider or AWS refuses.
    except Exception as error:
        raise pulumi.RunError(preflight.unanswered(str(error))) from None


def _runs_max() -> float | None:
    """Return how many functions the account may run at once; None if the caller may not ask."""
    service, code = preflight.CONCURRENCY_QUOTA
    try:
        return aws.servicequotas.get_service_quota(service_code=service, quota_code=code).value
    # As above. Nothing is lost: Lambda itself refuses, later.
    except Exception:
        return None

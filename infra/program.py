"""One stack: settings, composition, exports."""

from pathlib import Path
from typing import Final

import pulumi
import pulumi_aws as aws

from infra import preflight
from infra.deployments.kinesis import KinesisDeployment
from infra.function_package import function_archive
from infra.naming import Names
from infra.settings import load
from infra.tags import tag_everything
from pipeline.contracts import CONTRACTS
from pipeline.core.faults import check_contracts
from pipeline.errors import UserError

README: Final = Path(__file__).resolve().parent.parent / "Pulumi.README.md"
"""What Pulumi Cloud shows of a stack, its outputs filled in (Pulumi docs, "Stack READMEs")."""


def make_stack() -> None:
    """Make one stack. Raises pulumi.RunError, before anything is made, for what is refused."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    settings = load(project)
    preflight.refuse(preflight.region_faults(aws.config.region))
    account, region = _caller()
    allowed = pulumi.Config("aws").get("allowedAccountIds")
    preflight.refuse(preflight.account_faults(account, allowed))
    try:
        check_contracts(CONTRACTS)
        names = Names(project=project, stack=stack, account=account, region=region)
        archive = settings.package_file or function_archive(settings.package, settings.architecture)
    except UserError as error:
        raise pulumi.RunError(str(error)) from None
    tag_everything({"project": project, "stack": stack, "managed-by": "pulumi"})
    deployment = KinesisDeployment(settings, names, archive)
    for name, value in deployment.outputs.items():
        pulumi.export(name, value)
    pulumi.export("readme", README.read_text(encoding="utf-8"))


def _caller() -> tuple[str, str]:
    """Return whose account it is, and the region: AWS is asked, so bad credentials show here."""
    try:
        return aws.get_caller_identity().account_id, aws.get_region().region
    # The SDK raises a plain Exception for whatever a provider or AWS refuses.
    except Exception as error:
        raise pulumi.RunError(preflight.unanswered(str(error))) from None

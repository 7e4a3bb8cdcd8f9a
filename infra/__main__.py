"""The Pulumi program: settings, composition, exports."""

from pathlib import Path

import pulumi
import pulumi_aws as aws

from infra.deployments.kinesis import KinesisDeployment
from infra.function_package import function_archive
from infra.naming import Names
from infra.settings import load
from infra.tags import tag_everything
from pipeline.contracts import CONTRACTS
from pipeline.core.faults import check_contracts
from pipeline.errors import UserError

README = Path(__file__).resolve().parent.parent / "Pulumi.README.md"
"""What Pulumi Cloud shows of a stack, its outputs filled in (Pulumi docs, "Stack READMEs")."""


def main() -> None:
    """Make one stack."""
    project, stack = pulumi.get_project(), pulumi.get_stack()
    settings = load(project)
    try:
        check_contracts(CONTRACTS)
        names = Names(
            project=project,
            stack=stack,
            account=aws.get_caller_identity().account_id,
            region=aws.get_region().region,
        )
        archive = settings.package_file or function_archive(settings.package, settings.architecture)
    except UserError as error:
        raise pulumi.RunError(str(error)) from None
    tag_everything({"project": project, "stack": stack, "managed-by": "pulumi"})
    deployment = KinesisDeployment(settings, names, archive)
    for name, value in deployment.outputs.items():
        pulumi.export(name, value)
    pulumi.export("readme", README.read_text(encoding="utf-8"))


main()

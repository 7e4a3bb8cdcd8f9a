"""IAM statements of worker and watcher: their tasks', and those of ECS that starts them."""

from collections.abc import Sequence
from typing import Final

from infra.policies import (
    CANARIES_PREFIX,
    Statement,
    allow,
    decrypt_with_key,
    read_lake,
    read_ledger,
    use_key,
    use_lake,
    use_ledger,
    write_logs,
)

PULLING: Final = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
)


def process_topic(*, ledger: str, lake: str, key: str) -> list[Statement]:
    """Return what a worker may do besides reading its topic: run the whole protocol."""
    return [*use_ledger(ledger), *use_lake(lake), *use_key(key)]


def watch_topic(*, ledger: str, lake: str, key: str) -> list[Statement]:
    """Return what the watcher may do besides asking its topic: look, and write nothing."""
    return [
        *read_ledger(ledger),
        *read_lake(lake, (CANARIES_PREFIX,)),
        *decrypt_with_key(key),
    ]


def pull_image(repository_arn: str) -> list[Statement]:
    """Pull one repository's images; a token is the registry's and has no narrower resource."""
    return [allow(["ecr:GetAuthorizationToken"], ["*"]), allow(PULLING, [repository_arn])]


def layers_bucket(region: str) -> Statement:
    """Let layers through the endpoint of S3: ECR signs for them, not this account.

    Amazon ECR user guide, "Amazon ECR interface VPC endpoints", "Minimum Amazon S3 bucket
    permissions for Amazon ECR".
    """
    return allow(["s3:GetObject"], [f"arn:aws:s3:::prod-{region}-starport-layer-bucket/*"])


def start_task(
    *, repository: str, log_group: str, secrets: Sequence[str], key: str
) -> list[Statement]:
    """Return what ECS may do to start a task: pull its image, tell its secrets, write its log.

    ECS developer guide, "Amazon ECS task execution IAM role".
    """
    told = (
        [allow(["secretsmanager:GetSecretValue"], secrets), allow(["kms:Decrypt"], [key])]
        if secrets
        else []
    )
    return [*pull_image(repository), *write_logs(log_group), *told]

"""Repositories of container images."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    changes,
    deletes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Pairs

REPOSITORY: Final = ResourceType(
    token="aws:ecr/repository:Repository",
    service="ecr",
    create=Call(
        operation="create_repository",
        parameters={
            "repositoryName": "$name",
            "imageTagMutability": "$imageTagMutability",
            "imageScanningConfiguration": {"scanOnPush": "$imageScanningConfiguration.scanOnPush"},
            "encryptionConfiguration": {
                "encryptionType": "$encryptionConfigurations.0.encryptionType",
                "kmsKey": "$encryptionConfigurations.0.kmsKey",
            },
            "tags": Pairs(of="$tags"),
        },
    ),
    id="$name",
    identity=("name",),
    replaces=("encryptionConfigurations",),
    ignored=("forceDelete",),
    updates=(
        changes(
            ("imageTagMutability",),
            "put_image_tag_mutability",
            repositoryName="$name",
            imageTagMutability="$imageTagMutability",
        ),
        changes(
            ("imageScanningConfiguration",),
            "put_image_scanning_configuration",
            repositoryName="$name",
            imageScanningConfiguration={"scanOnPush": "$imageScanningConfiguration.scanOnPush"},
        ),
        tag_updates({"resourceArn": "$out.arn"}, members=("tags", "tagKeys")),
    ),
    read=reads("describe_repositories", repositoryNames=["$name"]),
    outputs={
        "arn": "$read.repositories.0.repositoryArn",
        "name": "$name",
        "registryId": "$read.repositories.0.registryId",
        "repositoryUrl": "$read.repositories.0.repositoryUri",
    },
    delete=deletes("delete_repository", repositoryName="$name", force="$forceDelete"),
    exists=("RepositoryAlreadyExistsException",),
    gone=("RepositoryNotFoundException",),
)

_POLICY: Final = Call(
    operation="put_lifecycle_policy",
    parameters={"repositoryName": "$repository", "lifecyclePolicyText": "$policy"},
)

LIFECYCLE_POLICY: Final = ResourceType(
    token="aws:ecr/lifecyclePolicy:LifecyclePolicy",
    service="ecr",
    create=_POLICY,
    id="$repository",
    identity=("repository",),
    updates=(Update(properties=("policy",), calls=(_POLICY,)),),
    delete=deletes("delete_lifecycle_policy", repositoryName="$repository"),
    gone=("LifecyclePolicyNotFoundException", "RepositoryNotFoundException"),
)

TYPES: Final = (REPOSITORY, LIFECYCLE_POLICY)

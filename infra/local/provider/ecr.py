"""Repositories of container images."""

from typing import Final

from infra.local.provider.resource_type import Call, ResourceType, Update, tag_updates
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
        Update(
            properties=("imageTagMutability",),
            calls=(
                Call(
                    operation="put_image_tag_mutability",
                    parameters={
                        "repositoryName": "$name",
                        "imageTagMutability": "$imageTagMutability",
                    },
                ),
            ),
        ),
        Update(
            properties=("imageScanningConfiguration",),
            calls=(
                Call(
                    operation="put_image_scanning_configuration",
                    parameters={
                        "repositoryName": "$name",
                        "imageScanningConfiguration": {
                            "scanOnPush": "$imageScanningConfiguration.scanOnPush"
                        },
                    },
                ),
            ),
        ),
        tag_updates({"resourceArn": "$out.arn"}, members=("tags", "tagKeys")),
    ),
    read=(
        Call(
            operation="describe_repositories",
            parameters={"repositoryNames": ["$name"]},
            into="read",
        ),
    ),
    outputs={
        "arn": "$read.repositories.0.repositoryArn",
        "name": "$name",
        "registryId": "$read.repositories.0.registryId",
        "repositoryUrl": "$read.repositories.0.repositoryUri",
    },
    delete=(
        Call(
            operation="delete_repository",
            parameters={"repositoryName": "$name", "force": "$forceDelete"},
        ),
    ),
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
    delete=(
        Call(operation="delete_lifecycle_policy", parameters={"repositoryName": "$repository"}),
    ),
    gone=("LifecyclePolicyNotFoundException", "RepositoryNotFoundException"),
)

TYPES: Final = (REPOSITORY, LIFECYCLE_POLICY)

"""Secrets: what holds them. Their values are put by no program."""

from typing import Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    changes,
    reads,
    tag_updates,
)
from infra.local.provider.template import Pairs

RECOVERY_DAYS: Final = 30
"""The one window that the program gives, unless a secret goes at once."""

SECRET: Final = ResourceType(
    token="aws:secretsmanager/secret:Secret",
    service="secretsmanager",
    create=Call(
        operation="create_secret",
        parameters={
            "Name": "$name",
            "Description": "$description",
            "KmsKeyId": "$kmsKeyId",
            "Tags": Pairs(of="$tags"),
        },
        into="create",
    ),
    id="$create.ARN",
    identity=("name",),
    updates=(
        changes(
            ("description", "kmsKeyId"),
            "update_secret",
            SecretId="$id",
            Description="$description",
            KmsKeyId="$kmsKeyId",
        ),
        tag_updates({"SecretId": "$id"}),
    ),
    # Said when it is deleted, and at no other time.
    ignored=("recoveryWindowInDays",),
    read=reads("describe_secret", SecretId="$id"),
    outputs={"arn": "$read.ARN", "name": "$read.Name"},
    delete=(
        Call(
            operation="delete_secret",
            parameters={"SecretId": "$id", "ForceDeleteWithoutRecovery": True},
            when=("$recoveryWindowInDays", 0),
        ),
        Call(
            operation="delete_secret",
            parameters={"SecretId": "$id", "RecoveryWindowInDays": "$recoveryWindowInDays"},
            when=("$recoveryWindowInDays", RECOVERY_DAYS),
        ),
    ),
    find=Call(operation="describe_secret", parameters={"SecretId": "$name"}, into="found"),
    found="$found",
    exists=("ResourceExistsException",),
    gone=("ResourceNotFoundException",),
)

TYPES: Final = (SECRET,)

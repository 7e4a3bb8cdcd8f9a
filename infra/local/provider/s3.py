"""Buckets, what is configured on them, and the objects that the program puts there."""

from typing import Any, Final

from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    Update,
    deletes,
    reads,
    sets,
)
from infra.local.provider.template import Content, Each, First, Joined, Pairs, Scope

_GONE: Final = ("NoSuchBucket", "NoSuchKey", "404")
_BUCKET_ARN: Final = Joined(parts=("arn:aws:s3:::", "$bucket"))


def _empty(client: Any, scope: Scope) -> None:
    """Delete every object, version and delete marker, where whoever deletes has said so.

    A bucket must be empty to go: without `forceDestroy` S3 refuses one that is not.
    """
    if not (scope.get("forceDestroy") or scope["forced"]):
        return
    paginator = client.get_paginator("list_object_versions")
    for page in paginator.paginate(Bucket=scope["bucket"]):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        if objects:
            client.delete_objects(
                Bucket=scope["bucket"], Delete={"Objects": objects, "Quiet": True}
            )


BUCKET: Final = ResourceType(
    token="aws:s3/bucket:Bucket",
    service="s3",
    create=Call(
        operation="create_bucket",
        # us-east-1 is the one region that must not be named (S3 API, CreateBucket).
        parameters={"Bucket": "$bucket"},
    ),
    id="$bucket",
    identity=("bucket",),
    # It is read when the bucket is deleted, and nothing is called when it changes.
    ignored=("forceDestroy",),
    updates=(
        sets(
            ("tags",),
            "put_bucket_tagging",
            Bucket="$bucket",
            Tagging={"TagSet": Pairs(of="$tags")},
        ),
    ),
    read=reads("head_bucket", Bucket="$bucket"),
    outputs={"bucket": "$bucket", "arn": _BUCKET_ARN},
    prepare_delete=_empty,
    delete=deletes("delete_bucket", Bucket="$bucket"),
    exists=("BucketAlreadyOwnedByYou",),
    gone=_GONE,
)


def _configuration(
    token: str,
    *,
    put: Call,
    properties: tuple[str, ...],
    delete: Call | None,
    gone: tuple[str, ...] = _GONE,
) -> ResourceType:
    """Return a type that is one setting of a bucket: put to create and to change."""
    return ResourceType(
        token=token,
        service="s3",
        create=put,
        id="$bucket",
        identity=("bucket",),
        updates=(Update(properties=properties, calls=(put,)),),
        outputs={"bucket": "$bucket"},
        delete=(delete,) if delete else (),
        gone=gone,
    )


VERSIONING: Final = _configuration(
    "aws:s3/bucketVersioning:BucketVersioning",
    put=Call(
        operation="put_bucket_versioning",
        parameters={
            "Bucket": "$bucket",
            "VersioningConfiguration": {"Status": "$versioningConfiguration.status"},
        },
    ),
    properties=("versioningConfiguration",),
    delete=Call(
        operation="put_bucket_versioning",
        parameters={"Bucket": "$bucket", "VersioningConfiguration": {"Status": "Suspended"}},
    ),
)

ENCRYPTION: Final = _configuration(
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    put=Call(
        operation="put_bucket_encryption",
        parameters={
            "Bucket": "$bucket",
            "ServerSideEncryptionConfiguration": {
                "Rules": Each(
                    of="$rules",
                    to={
                        "BucketKeyEnabled": "$item.bucketKeyEnabled",
                        "ApplyServerSideEncryptionByDefault": {
                            "SSEAlgorithm": (
                                "$item.applyServerSideEncryptionByDefault.sseAlgorithm"
                            ),
                            "KMSMasterKeyID": (
                                "$item.applyServerSideEncryptionByDefault.kmsMasterKeyId"
                            ),
                        },
                    },
                )
            },
        },
    ),
    properties=("rules",),
    delete=Call(operation="delete_bucket_encryption", parameters={"Bucket": "$bucket"}),
)

PUBLIC_ACCESS_BLOCK: Final = _configuration(
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    put=Call(
        operation="put_public_access_block",
        parameters={
            "Bucket": "$bucket",
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": "$blockPublicAcls",
                "BlockPublicPolicy": "$blockPublicPolicy",
                "IgnorePublicAcls": "$ignorePublicAcls",
                "RestrictPublicBuckets": "$restrictPublicBuckets",
            },
        },
    ),
    properties=(
        "blockPublicAcls",
        "blockPublicPolicy",
        "ignorePublicAcls",
        "restrictPublicBuckets",
    ),
    delete=Call(operation="delete_public_access_block", parameters={"Bucket": "$bucket"}),
)

POLICY: Final = _configuration(
    "aws:s3/bucketPolicy:BucketPolicy",
    put=Call(operation="put_bucket_policy", parameters={"Bucket": "$bucket", "Policy": "$policy"}),
    properties=("policy",),
    delete=Call(operation="delete_bucket_policy", parameters={"Bucket": "$bucket"}),
)

LIFECYCLE: Final = _configuration(
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    put=Call(
        operation="put_bucket_lifecycle_configuration",
        parameters={
            "Bucket": "$bucket",
            "LifecycleConfiguration": {
                "Rules": Each(
                    of="$rules",
                    to={
                        "ID": "$item.id",
                        "Status": "$item.status",
                        "Filter": {"Prefix": "$item.filter.prefix"},
                        "Expiration": {
                            "Days": "$item.expiration.days",
                            "ExpiredObjectDeleteMarker": (
                                "$item.expiration.expiredObjectDeleteMarker"
                            ),
                        },
                        "NoncurrentVersionExpiration": {
                            "NoncurrentDays": "$item.noncurrentVersionExpiration.noncurrentDays"
                        },
                        "AbortIncompleteMultipartUpload": {
                            "DaysAfterInitiation": (
                                "$item.abortIncompleteMultipartUpload.daysAfterInitiation"
                            )
                        },
                    },
                )
            },
        },
    ),
    properties=("rules",),
    delete=Call(operation="delete_bucket_lifecycle", parameters={"Bucket": "$bucket"}),
)

OWNERSHIP: Final = _configuration(
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    put=Call(
        operation="put_bucket_ownership_controls",
        parameters={
            "Bucket": "$bucket",
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "$rule.objectOwnership"}]},
        },
    ),
    properties=("rule",),
    delete=Call(operation="delete_bucket_ownership_controls", parameters={"Bucket": "$bucket"}),
)

_PUT_OBJECT: Final = Call(
    operation="put_object",
    parameters={
        "Bucket": "$bucket",
        "Key": "$key",
        "Body": First(of=(Content(of="$source"), "$content")),
        "ContentType": "$contentType",
    },
    into="put",
)

OBJECT: Final = ResourceType(
    token="aws:s3/bucketObjectv2:BucketObjectv2",
    service="s3",
    create=_PUT_OBJECT,
    id=Joined(parts=("$bucket", "/", "$key")),
    identity=("bucket", "key"),
    ignored=("tags",),
    updates=(
        Update(properties=("source", "content", "sourceHash", "contentType"), calls=(_PUT_OBJECT,)),
    ),
    outputs={"bucket": "$bucket", "key": "$key"},
    delete=deletes("delete_object", Bucket="$bucket", Key="$key"),
    gone=_GONE,
)

TYPES: Final = (
    BUCKET,
    VERSIONING,
    ENCRYPTION,
    PUBLIC_ACCESS_BLOCK,
    POLICY,
    LIFECYCLE,
    OWNERSHIP,
    OBJECT,
)

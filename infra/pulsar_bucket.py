"""The bucket of a Pulsar cluster: what its machines run, what topics there are, offloaded ledgers.

Not the lake's: the offloader names its objects itself, and only its own bucket can hold them.
"""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra import closed_bucket
from infra.lake import UPLOAD_DAYS

OLD_VERSION_DAYS: Final = 7
"""What the offloader deletes is past its retention; a mistake shows within a week."""


@dataclass(frozen=True, kw_only=True)
class PulsarBucketArgs:
    """What the bucket is made from."""

    bucket: str
    key_arn: pulumi.Input[str]
    retain: bool
    destroy: bool
    """Whether the bucket may be deleted with objects in it."""


class PulsarBucket(pulumi.ComponentResource):
    """A versioned bucket, encrypted with the stack's key, closed to public and plain HTTP."""

    bucket: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: PulsarBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the bucket and all that is configured on it."""
        super().__init__("sluice:stream:PulsarBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket,
            force_destroy=args.destroy,
            opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
        )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=child,
        )
        encryption = closed_bucket.encrypt(name, bucket, args.key_arn, child)
        closed_bucket.close(name, bucket, child)
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=_lifecycle(),
            # Rules about old versions want versioning first.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        # Whoever writes to the bucket waits until it encrypts.
        self.bucket = pulumi.Output.all(bucket.bucket, encryption.id).apply(lambda v: str(v[0]))
        self.bucket_arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "bucket_arn": self.bucket_arn})


def _lifecycle() -> list[aws.s3.BucketLifecycleConfigurationRuleArgsDict]:
    return [
        {
            "id": "old-versions",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "noncurrent_version_expiration": {"noncurrent_days": OLD_VERSION_DAYS},
        },
        {
            "id": "unfinished-uploads",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abort_incomplete_multipart_upload": {"days_after_initiation": UPLOAD_DAYS},
        },
    ]

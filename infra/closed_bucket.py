"""What makes a bucket safe: the stack's key, one owner, no public access, no plain HTTP."""

import pulumi
import pulumi_aws as aws

from infra import policies


def encrypt(
    name: str,
    bucket: aws.s3.Bucket,
    key_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> aws.s3.BucketServerSideEncryptionConfiguration:
    """Encrypt with the key, through a bucket key: one request to KMS for many objects."""
    return aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption",
        bucket=bucket.bucket,
        rules=[
            {
                "bucket_key_enabled": True,
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms",
                    "kms_master_key_id": key_arn,
                },
            }
        ],
        opts=opts,
    )


def close(name: str, bucket: aws.s3.Bucket, opts: pulumi.ResourceOptions) -> None:
    """Close the bucket to other owners, to the public and to plain HTTP."""
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership",
        bucket=bucket.bucket,
        rule={"object_ownership": "BucketOwnerEnforced"},
        opts=opts,
    )
    block = aws.s3.BucketPublicAccessBlock(
        f"{name}-public-access-block",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    aws.s3.BucketPolicy(
        f"{name}-policy",
        bucket=bucket.bucket,
        policy=bucket.arn.apply(policies.tls_only),
        # S3 refuses two changes of a bucket's access at once.
        opts=pulumi.ResourceOptions(parent=opts.parent, depends_on=[block]),
    )

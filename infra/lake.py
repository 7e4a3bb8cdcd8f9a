"""The lake bucket: tables, and the hidden prefixes that the protocol works in."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra import closed_bucket
from infra.widget import Panel, Widget, own_series
from pipeline import metrics, names

CODE_PREFIX: Final = "code/"
"""Where the functions' packages lie: over 50 MB Lambda takes them from S3 alone."""

UPLOAD_DAYS: Final = 7
"""An unfinished multipart upload is nobody's after a week, and is paid for until it is gone."""

PANEL: Final = Panel(
    title="Lake",
    widgets=(
        Widget(
            title="From arrival to queryable (ms)",
            lines=(
                *own_series("p50", metrics.ARRIVAL_TO_QUERYABLE_MS),
                *own_series("p99", metrics.ARRIVAL_TO_QUERYABLE_MS),
            ),
        ),
        Widget(title="Files published", lines=own_series("Sum", metrics.FILES)),
        Widget(title="Bytes published", lines=own_series("Sum", metrics.BYTES)),
    ),
)
"""How fresh the lake is, and of what files it is made."""


@dataclass(frozen=True, kw_only=True)
class LakeArgs:
    """What a lake is made from."""

    bucket: str
    key_arn: pulumi.Input[str]
    hidden_days: int
    """How long staged bytes, ids and journal are kept."""
    noncurrent_days: int
    """How long overwritten or deleted versions are kept; at least `hidden_days` for hidden ones."""
    retain: bool
    """Whether the bucket refuses to be destroyed, and to be emptied for it."""
    destroy: bool
    """Whether the bucket may be deleted with objects in it."""


class Lake(pulumi.ComponentResource):
    """A versioned bucket, encrypted with the stack's key, closed to public and plain HTTP."""

    bucket: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: LakeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the bucket and all that is configured on it."""
        super().__init__("sluice:lake:Lake", name, None, opts)
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
            rules=lifecycle_rules(args),
            # Rules about old versions want versioning first.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        # Whoever writes to the bucket waits until it encrypts.
        self.bucket = pulumi.Output.all(bucket.bucket, encryption.id).apply(lambda v: str(v[0]))
        self.bucket_arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "bucket_arn": self.bucket_arn})


def lifecycle_rules(args: LakeArgs) -> list[aws.s3.BucketLifecycleConfigurationRuleArgsDict]:
    """Return what expires when: hidden prefixes by age, old versions everywhere, tables never."""
    hidden = (names.STAGING_PREFIX, names.IDS_PREFIX, names.JOURNAL_PREFIX)
    rules: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": f"expire-{prefix.rstrip('/')}",
            "status": "Enabled",
            "filter": {"prefix": prefix},
            "expiration": {"days": args.hidden_days},
            "noncurrent_version_expiration": {"noncurrent_days": args.hidden_days},
        }
        for prefix in hidden
    ]
    rules += [
        {
            "id": f"old-versions-{prefix.strip('/').replace('/', '-')}",
            "status": "Enabled",
            "filter": {"prefix": prefix},
            "noncurrent_version_expiration": {"noncurrent_days": args.noncurrent_days},
        }
        for prefix in (names.LAKE_PREFIX, names.ON_FAILURE_PREFIX, CODE_PREFIX)
    ]
    rules.append(
        {
            "id": "unfinished-uploads",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abort_incomplete_multipart_upload": {"days_after_initiation": UPLOAD_DAYS},
        }
    )
    return rules

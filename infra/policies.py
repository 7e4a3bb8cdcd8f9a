"""IAM statements as functions of ARNs: what each part may do, and nothing else."""

import json
from collections.abc import Sequence
from typing import Any, Final

from pipeline import names

Statement = dict[str, Any]

VERSION: Final = "2012-10-17"
READ_PREFIXES: Final = (
    names.LAKE_PREFIX,
    names.STAGING_PREFIX,
    names.IDS_PREFIX,
    names.JOURNAL_PREFIX,
    names.ON_FAILURE_PREFIX,
)
WRITE_PREFIXES: Final = tuple(p for p in READ_PREFIXES if p != names.ON_FAILURE_PREFIX)
"""What the protocol writes; what a mapping gives up is written by the mapping."""

CANARIES_PREFIX: Final = f"{names.LAKE_PREFIX}{names.CANARY_TABLE}/"
"""All that the probe sees of the lake: it looks for its own canaries."""
AUDITED_PREFIXES: Final = (names.LAKE_PREFIX,)
"""What the auditor reads: every table, quarantine among them."""

KEY_ADMINISTRATION: Final = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:RetireGrant",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
"""What the account may delegate by IAM: without it a key could never be managed again.

Nor could an encrypted volume or table be made (Amazon EBS user guide, "Requirements for Amazon EBS
encryption"; DynamoDB developer guide, "Key policy for a customer managed key").
"""
LOG_ENCRYPTION: Final = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey")
"""CloudWatch Logs user guide, "Encrypt log data in CloudWatch Logs using AWS KMS"."""


def document(statements: Sequence[Statement]) -> str:
    """Return a policy document as JSON, the same text for the same statements."""
    return json.dumps({"Version": VERSION, "Statement": list(statements)}, sort_keys=True)


def assumed_by(service: str) -> str:
    """Return a role's trust policy: one AWS service may assume it."""
    return document([allow(["sts:AssumeRole"], None, Principal={"Service": service})])


def read_stream(stream_arn: str) -> list[Statement]:
    """Read a stream's records and list its shards."""
    return [
        allow(
            ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"], [stream_arn]
        )
    ]


def feed_function(stream_arn: str, bucket_arn: str) -> list[Statement]:
    """Let the mapping do with its function's role what the function does not do itself.

    Lambda developer guide, "Process Amazon Kinesis Data Streams records with Lambda" and "Retain
    discarded batch records for a Kinesis Data Streams event source".
    """
    return [
        allow(["kinesis:DescribeStream", "kinesis:DescribeStreamSummary"], [stream_arn]),
        allow(["s3:PutObject"], [f"{bucket_arn}/{names.ON_FAILURE_PREFIX}*"]),
    ]


def change_shards(stream_arn: str) -> list[Statement]:
    """See how many shards a stream has, and change that."""
    return [allow(["kinesis:DescribeStreamSummary", "kinesis:UpdateShardCount"], [stream_arn])]


def read_metrics() -> list[Statement]:
    """Read metrics, which have no ARN (Service Authorization Reference, "Amazon CloudWatch")."""
    return [allow(["cloudwatch:GetMetricData"], ["*"])]


def send_canaries(stream_arn: str) -> list[Statement]:
    """Put single records on a stream: all that the probe writes anywhere, its log aside."""
    return [allow(["kinesis:PutRecord"], [stream_arn])]


def read_ledger(table_arn: str) -> list[Statement]:
    """Read heads and commits, and change none."""
    return [allow(["dynamodb:GetItem", "dynamodb:Query"], [table_arn])]


def use_ledger(table_arn: str) -> list[Statement]:
    """Read and write heads and commits; a transaction needs the actions of its parts.

    The conditions of its parts need none (DynamoDB developer guide, "Using IAM with transactions").
    """
    return [
        *read_ledger(table_arn),
        allow(["dynamodb:PutItem", "dynamodb:UpdateItem"], [table_arn]),
    ]


def use_lake(bucket_arn: str) -> list[Statement]:
    """Read, write and list the lake's prefixes; never delete: objects go by lifecycle alone."""
    return [
        *read_lake(bucket_arn, READ_PREFIXES),
        allow(["s3:PutObject"], [f"{bucket_arn}/{prefix}*" for prefix in WRITE_PREFIXES]),
    ]


def read_lake(bucket_arn: str, prefixes: Sequence[str]) -> list[Statement]:
    """Read and list what lies under `prefixes` of the lake, and write nothing.

    Who may not list a key is told "forbidden" of one that is not there (S3 API reference,
    "GetObject"), where the protocol has to know that it is not.
    """
    return [
        allow(["s3:GetObject"], [f"{bucket_arn}/{prefix}*" for prefix in prefixes]),
        allow(
            ["s3:ListBucket"],
            [bucket_arn],
            Condition={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        ),
    ]


def decrypt_with_key(key_arn: str) -> list[Statement]:
    """Decrypt through the services that hold the data, and encrypt nothing.

    Kinesis developer guide, "Permissions to use user-generated KMS keys"; DynamoDB developer guide,
    "DynamoDB encryption at rest usage notes", wants the key described as well.
    """
    return [allow(["kms:Decrypt", "kms:DescribeKey"], [key_arn])]


def encrypt_records(key_arn: str) -> list[Statement]:
    """Have Kinesis and S3 encrypt what is put there: each asks for a data key."""
    return [allow(["kms:GenerateDataKey"], [key_arn])]


def use_key(key_arn: str) -> list[Statement]:
    """Encrypt and decrypt through all the services that hold the data, DynamoDB among them."""
    return [
        *decrypt_with_key(key_arn),
        *encrypt_records(key_arn),
        allow(["kms:Encrypt"], [key_arn]),
    ]


def process_events(*, stream: str, ledger: str, lake: str, key: str) -> list[Statement]:
    """Return what the stream processor may do, and its mapping with it."""
    return [
        *sweep_ledger(stream=stream, ledger=ledger, lake=lake, key=key),
        *feed_function(stream, lake),
    ]


def sweep_ledger(*, stream: str, ledger: str, lake: str, key: str) -> list[Statement]:
    """Return what the sweeper may do: it runs the whole protocol, as the processor does."""
    return [*read_stream(stream), *use_ledger(ledger), *use_lake(lake), *use_key(key)]


def probe_freshness(*, stream: str, ledger: str, lake: str, key: str) -> list[Statement]:
    """Return what the probe may do: look at stream and ledger, send a canary and look for it.

    It encrypts, for a record of an encrypted stream is encrypted with its key.
    """
    return [
        *read_stream(stream),
        *send_canaries(stream),
        *read_ledger(ledger),
        *read_lake(lake, (CANARIES_PREFIX,)),
        *decrypt_with_key(key),
        *encrypt_records(key),
    ]


def audit_lake(*, stream: str, ledger: str, lake: str, key: str) -> list[Statement]:
    """Return what the auditor may do: read everything that it compares, and write nothing."""
    return [
        *read_stream(stream),
        *read_ledger(ledger),
        *read_lake(lake, AUDITED_PREFIXES),
        *decrypt_with_key(key),
    ]


def scale_shards(*, stream: str, ledger: str, lake: str, key: str) -> list[Statement]:
    """Return what the scaler may do: measure the stream and change its shards, and no more."""
    del ledger, lake, key
    return [*change_shards(stream), *read_metrics()]


def write_logs(log_group_arn: str) -> list[Statement]:
    """Write to one log group, which the program has made with its retention."""
    return [allow(["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"])]


def key_policy(*, account: str, region: str, with_budget: bool = False) -> str:
    """Return the key's own policy: the account, its logs, and what tells an encrypted topic."""
    context = f"arn:aws:logs:{region}:{account}:log-group:*"
    return document(
        [
            allow(KEY_ADMINISTRATION, ["*"], Principal={"AWS": f"arn:aws:iam::{account}:root"}),
            allow(
                [f"kms:{each}" for each in (*LOG_ENCRYPTION, "DescribeKey")],
                ["*"],
                Principal={"Service": f"logs.{region}.amazonaws.com"},
                Condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": context}},
            ),
            *(
                allow(
                    ["kms:Decrypt", "kms:GenerateDataKey"],
                    ["*"],
                    Principal={"Service": service},
                    Condition={"StringEquals": {"aws:SourceAccount": account}},
                )
                for service in _tellers(with_budget=with_budget)
            ),
        ]
    )


def tls_only(bucket_arn: str) -> str:
    """Return a bucket policy that refuses whoever comes without TLS."""
    return document(
        [
            {
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": ["s3:*"],
                "Resource": [bucket_arn, f"{bucket_arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ]
    )


def publish_alarms(topic_arn: str, *, account: str, with_budget: bool = False) -> str:
    """Return a topic policy that lets this account's alarms publish, and its budget if it is to."""
    return document(
        [
            allow(
                ["sns:Publish"],
                [topic_arn],
                Principal={"Service": service},
                Condition={"StringEquals": {"aws:SourceAccount": account}},
            )
            for service in _tellers(with_budget=with_budget)
        ]
    )


def _tellers(*, with_budget: bool) -> tuple[str, ...]:
    """Return the services that publish to a topic (AWS Cost Management user guide, "Creating an
    Amazon SNS topic for budget notifications").
    """
    return ("cloudwatch.amazonaws.com", *(("budgets.amazonaws.com",) if with_budget else ()))


def allow(actions: Sequence[str], resources: Sequence[str] | None, **rest: Any) -> Statement:
    """Return one statement that allows; without `resources` that of a trust policy."""
    where = {} if resources is None else {"Resource": list(resources)}
    return {"Effect": "Allow", "Action": list(actions), **where, **rest}

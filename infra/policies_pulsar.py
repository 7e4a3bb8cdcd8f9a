"""IAM statements of the machines of a Pulsar cluster."""

from collections.abc import Sequence
from typing import Final

from infra.policies import Statement, allow
from infra.pulsar.programs import PREFIX, TOPICS_KEY

OFFLOADED: Final = "*-ledger-*"
"""How the offloader names what it writes: a random id, this, and the ledger's number."""
CLUSTER_TAG: Final = "sluice-cluster"
DESCRIBED: Final = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeVolumes")
"""Amazon EC2 lets them be allowed on all resources alone (Service Authorization Reference)."""


def fetch_programs(bucket_arn: str) -> list[Statement]:
    """Read what machines run, and nothing else of the bucket."""
    return [allow(["s3:GetObject"], [f"{bucket_arn}/{PREFIX}*"])]


def keep_topics(bucket_arn: str) -> list[Statement]:
    """Read what topics there should be."""
    return [allow(["s3:GetObject"], [f"{bucket_arn}/{TOPICS_KEY}"])]


def offload(bucket_arn: str) -> list[Statement]:
    """Write, read and delete offloaded ledgers (Pulsar documentation, "Use AWS S3 offloader")."""
    return [
        allow(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], [f"{bucket_arn}/{OFFLOADED}"]),
        allow(["s3:AbortMultipartUpload"], [f"{bucket_arn}/{OFFLOADED}"]),
        allow(["s3:GetBucketLocation", "s3:ListBucket"], [bucket_arn]),
    ]


def attach(
    volumes: Sequence[str], interfaces: Sequence[str] = (), *, machines: str, cluster: str
) -> list[Statement]:
    """Attach volumes and interfaces of the stack to machines of its cluster, and to no other.

    `machines` are all instances of the account and region: one has no ARN before it is there.
    Amazon EC2 user guide, "Example policies to control access the Amazon EC2 API", "Work with
    volumes".
    """
    ours = {"StringEquals": {f"aws:ResourceTag/{CLUSTER_TAG}": cluster}}
    statements = [allow(DESCRIBED, ["*"])]
    for action, owned in (
        ("ec2:AttachVolume", volumes),
        ("ec2:AttachNetworkInterface", interfaces),
    ):
        if owned:
            statements += [allow([action], owned), allow([action], [machines], Condition=ours)]
    return statements


def read_secrets(secrets: Sequence[str]) -> list[Statement]:
    """Read secrets; their key is allowed apart."""
    return [allow(["secretsmanager:GetSecretValue"], secrets)]


def attach_encrypted(key_arn: str) -> list[Statement]:
    """Let EC2 use the key for a volume that a machine attaches (Amazon EBS user guide,
    "Permissions for IAM users").
    """
    for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [allow(["kms:CreateGrant"], [key_arn], Condition=for_services)]


def encrypt(key_arn: str) -> list[Statement]:
    """Have S3 encrypt what is offloaded."""
    return [allow(["kms:GenerateDataKey"], [key_arn])]


def decrypt(key_arn: str) -> list[Statement]:
    """Decrypt programs and secrets through the services that hold them."""
    return [allow(["kms:Decrypt"], [key_arn])]


def through_s3(bucket_arn: str) -> list[Statement]:
    """Return what machines may do with the cluster's bucket through the network's endpoint."""
    return [
        *fetch_programs(bucket_arn),
        *keep_topics(bucket_arn),
        *offload(bucket_arn),
    ]


def through_ec2(region: str, account: str, cluster: str) -> list[Statement]:
    """Return what machines may do through EC2's endpoint; their roles say with which things."""
    where = f"arn:aws:ec2:{region}:{account}"
    return attach(
        [f"{where}:volume/*"],
        [f"{where}:network-interface/*"],
        machines=f"{where}:instance/*",
        cluster=cluster,
    )

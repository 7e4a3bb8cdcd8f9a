"""Rules about what is stored: encrypted, kept, closed to strangers and named for its owner."""

from collections.abc import Iterator
from typing import Final

from tests.unit.infra.policy.stack import Break, Rule, Stack, at, kind_of, statements

ENCRYPTED_BY: Final = {
    "LogGroup": "kmsKeyId",
    "MskCluster": "encryptionInfo.encryptionAtRestKmsKeyArn",
    "Secret": "kmsKeyId",
    "Stream": "kmsKeyId",
    "Table": "serverSideEncryption.kmsKeyArn",
    "Topic": "kmsMasterKeyId",
    "Volume": "kmsKeyId",
}
"""Where each kind that holds data itself names the key; a bucket has a resource of its own."""

DATA: Final = (
    *("Bucket", "Key", "MskCluster", "MskServerlessCluster", "MskTopic", "Stream", "Table"),
    "Volume",
)
"""What is lost for good when it is destroyed; without the key all the others are as well."""

TAGS: Final = {"project": "sluice", "managed-by": "pulumi"}

UNTAGGABLE: Final = frozenset(
    {
        *("Alias", "BucketLifecycleConfiguration", "BucketOwnershipControls", "BucketPolicy"),
        *("BucketPublicAccessBlock", "BucketServerSideEncryptionConfiguration"),
        *("BucketVersioning", "CatalogTable", "Dashboard", "EventTarget", "Grant"),
        "LifecyclePolicy",
        *("MskConfiguration", "MskTopic", "Permission", "Policy"),
        *("RolePolicy", "RouteTableAssociation", "TopicPolicy", "TopicSubscription"),
    }
)
TAGGABLE: Final = frozenset(
    {
        *("Bucket", "BucketObjectv2", "Budget", "CatalogDatabase", "Cluster", "CompositeAlarm"),
        *("DefaultSecurityGroup", "EventRule", "EventSourceMapping", "Function", "Key"),
        *("LogGroup", "MetricAlarm", "MskCluster", "MskServerlessCluster", "Repository", "Role"),
        *("RouteTable", "SecurityGroup", "SecurityGroupEgressRule", "SecurityGroupIngressRule"),
        *("Service", "Stream", "Subnet", "Table", "Target", "TaskDefinition", "Topic", "Vpc"),
        *("Group", "InstanceProfile", "LaunchTemplate", "Listener", "LoadBalancer"),
        *("NetworkInterface", "Secret", "ServiceLinkedRole", "TargetGroup", "Volume"),
        "VpcEndpoint",
    }
)


def known(stack: Stack) -> Iterator[str]:
    """Whatever is of a kind that no rule has heard of would pass all of them."""
    for resource in stack.resources.values():
        if kind_of(resource) not in TAGGABLE | UNTAGGABLE:
            yield f"{resource.name}: {resource.type} is a type that these rules do not know"


def tagged(stack: Stack) -> Iterator[str]:
    for resource in stack.of(*TAGGABLE):
        held = resource.inputs.get("tags", {})
        # A group of machines has a list of them.
        tags = {e["key"]: e["value"] for e in held} if isinstance(held, list) else held
        if not tags.items() >= TAGS.items() or not tags.get("stack"):
            yield f"{resource.name}: is not tagged with project, stack and managed-by"
    for resource in stack.of(*UNTAGGABLE):
        if "tags" in resource.inputs:
            yield f"{resource.name}: has tags, so {resource.type} can be tagged after all"


def encrypted(stack: Stack) -> Iterator[str]:
    if not stack.key:
        yield "the stack has no key of its own, or more than one"
    for resource in stack.of(*ENCRYPTED_BY):
        if at(resource.inputs, ENCRYPTED_BY[kind_of(resource)]) != stack.key:
            yield f"{resource.name}: is not encrypted with the stack's key"
    for stream in stack.of("Stream"):
        if stream.inputs.get("encryptionType") != "KMS":
            yield f"{stream.name}: does not encrypt"
    for table in stack.of("Table"):
        if at(table.inputs, "serverSideEncryption.enabled") is not True:
            yield f"{table.name}: does not encrypt with a key of the account"
    encrypting = {
        each.inputs["bucket"]
        for each in stack.of("BucketServerSideEncryptionConfiguration")
        if [at(r, "applyServerSideEncryptionByDefault") for r in each.inputs["rules"]]
        == [{"sseAlgorithm": "aws:kms", "kmsMasterKeyId": stack.key}]
        and all(r.get("bucketKeyEnabled") for r in each.inputs["rules"])
    }
    for bucket in stack.of("Bucket"):
        if bucket.inputs["bucket"] not in encrypting:
            yield f"{bucket.name}: does not encrypt with the stack's key and a bucket key"


def rotated(stack: Stack) -> Iterator[str]:
    for key in stack.of("Key"):
        if key.inputs.get("enableKeyRotation") is not True:
            yield f"{key.name}: is never rotated"


def private(stack: Stack) -> Iterator[str]:
    closed = {
        each.inputs["bucket"]
        for each in stack.of("BucketPublicAccessBlock")
        if [v for k, v in each.inputs.items() if k != "bucket"] == [True] * 4
    }
    without_acls = {
        each.inputs["bucket"]
        for each in stack.of("BucketOwnershipControls")
        if each.inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    }
    for bucket in stack.of("Bucket"):
        if bucket.inputs["bucket"] not in closed:
            yield f"{bucket.name}: public access is not blocked in all four ways"
        if bucket.inputs["bucket"] not in without_acls:
            yield f"{bucket.name}: takes ACLs"


def tls_only(stack: Stack) -> Iterator[str]:
    refusing = {
        policy.inputs["bucket"]
        for policy in stack.of("BucketPolicy")
        for s in statements(policy)
        if (s["Effect"], s["Principal"], s["Action"]) == ("Deny", {"AWS": "*"}, ["s3:*"])
        and s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and len(s["Resource"]) == 2
    }
    for bucket in stack.of("Bucket"):
        if bucket.inputs["bucket"] not in refusing:
            yield f"{bucket.name}: does not refuse plain HTTP"


def recoverable(stack: Stack) -> Iterator[str]:
    versioned = {
        each.inputs["bucket"]
        for each in stack.of("BucketVersioning")
        if at(each.inputs, "versioningConfiguration.status") == "Enabled"
    }
    for bucket in stack.of("Bucket"):
        if bucket.inputs["bucket"] not in versioned:
            yield f"{bucket.name}: keeps no old versions"
    for table in stack.of("Table"):
        if at(table.inputs, "pointInTimeRecovery.enabled") is not True:
            yield f"{table.name}: cannot be restored to a point in time"


def protected(stack: Stack) -> Iterator[str]:
    for resource in stack.of(*DATA):
        if not resource.protect:
            yield f"{resource.name}: can be destroyed with a stack that keeps its data"
    for bucket in stack.of("Bucket"):
        if bucket.inputs["forceDestroy"]:
            yield f"{bucket.name}: is emptied to be destroyed"
    for table in stack.of("Table"):
        if table.inputs["deletionProtectionEnabled"] is not True:
            yield f"{table.name}: DynamoDB lets it be deleted"


RULES: Final = (
    Rule(
        id="known-types",
        why="A type that no rule looks at is not checked by any.",
        check=known,
        breaks=(Break(resource="ledger", path="type", value="aws:rds/instance:Instance"),),
    ),
    Rule(
        id="tagged",
        why="Tagging AWS resources, 'Best practices': owner and cost of each can be told.",
        check=tagged,
        breaks=(
            Break(resource="stream", path="tags/project"),
            Break(resource="lake", path="tags/stack"),
            Break(resource="alarms-iterator-age", path="tags"),
            Break(resource="lake-policy", path="tags", value=TAGS),
        ),
    ),
    Rule(
        id="encrypted",
        why="AWS KMS guide, 'Using AWS KMS with AWS services': who lost the key's use lost all.",
        check=encrypted,
        breaks=(
            Break(resource="encryption"),
            Break(resource="stream", path="encryptionType", value="NONE"),
            Break(resource="stream", path="kmsKeyId", value="alias/aws/kinesis"),
            Break(resource="ledger", path="serverSideEncryption"),
            Break(resource="ledger", path="serverSideEncryption/enabled", value=False),
            Break(resource="lake-encryption"),
            Break(resource="lake-encryption", path="rules/0/bucketKeyEnabled", value=False),
            Break(resource="alarms", path="kmsMasterKeyId", value="alias/aws/sns"),
            Break(resource="alarms-pages", path="kmsMasterKeyId"),
            Break(resource="auditor-log-group", path="kmsKeyId"),
        ),
    ),
    Rule(
        id="key-rotated",
        why="AWS KMS guide, 'Rotate AWS KMS keys'.",
        check=rotated,
        breaks=(Break(resource="encryption", path="enableKeyRotation", value=False),),
    ),
    Rule(
        id="no-public-access",
        why="Amazon S3 guide, 'Blocking public access' and 'Controlling ownership of objects'.",
        check=private,
        breaks=(
            Break(resource="lake-public-access-block"),
            Break(resource="lake-public-access-block", path="blockPublicPolicy", value=False),
            Break(resource="lake-ownership", path="rule/objectOwnership", value="ObjectWriter"),
        ),
    ),
    Rule(
        id="tls-only",
        why="Amazon S3 guide, 'Security best practices': enforce encryption in transit.",
        check=tls_only,
        breaks=(
            Break(resource="lake-policy"),
            Break(resource="lake-policy", path="policy/Statement/0/Effect", value="Allow"),
            Break(resource="lake-policy", path="policy/Statement/0/Resource/1"),
            Break(
                resource="lake-policy", path="policy/Statement/0/Condition/Bool/aws:SecureTransport"
            ),
        ),
    ),
    Rule(
        id="recoverable",
        why="Amazon S3 guide, 'Using versioning'; DynamoDB guide, 'Point-in-time recovery'.",
        check=recoverable,
        breaks=(
            Break(
                resource="lake-versioning",
                path="versioningConfiguration/status",
                value="Suspended",
            ),
            Break(resource="ledger", path="pointInTimeRecovery/enabled", value=False),
        ),
    ),
    Rule(
        id="data-protected",
        why="Pulumi, 'protect'; DynamoDB guide, 'Using deletion protection'.",
        check=protected,
        breaks=(
            *(Break(resource=r, path="protect", value=False) for r in ("encryption", "stream")),
            *(Break(resource=r, path="protect", value=False) for r in ("lake", "ledger")),
            Break(resource="lake", path="forceDestroy", value=True),
            Break(resource="ledger", path="deletionProtectionEnabled", value=False),
        ),
        keeping_only=True,
    ),
)

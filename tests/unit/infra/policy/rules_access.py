"""Rules about who may do what: each function by a role of its own, nobody by wildcard."""

from collections.abc import Iterator
from typing import Any, Final

from infra.local.state import Resource
from pipeline.names import ON_FAILURE_PREFIX
from tests.unit.infra.policy.stack import Break, Rule, Stack, at, kind_of, statements

WIDE: Final = {
    # A network interface has no ARN before Lambda has made it.
    ":network-interface/*": {
        *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface"),
        *("ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"),
    },
    # Nor has a machine before its group has started it; a condition names its cluster.
    ":instance/*": {"ec2:AttachNetworkInterface", "ec2:AttachVolume"},
    "*": {
        *("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeVolumes"),
        *("ecr:GetAuthorizationToken", "cloudwatch:GetMetricData"),
    },
}
"""By the end of a resource that is no thing of the stack: the actions that have no narrower one.

Service Authorization Reference, "Actions defined by" Amazon EC2, Amazon ECR and Amazon CloudWatch.
"""
GIVEN: Final = ("arn:aws:kafka:", "arn:aws:secretsmanager:")
"""What may be somebody else's and named by a setting, whole: a cluster, and how to get in."""
ITSELF: Final = "Key"
"""AWS KMS guide, "Key policies": there `*` is the key that the policy is of, and no other."""


def _allowing(stack: Stack) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Every statement that allows something, with the resource whose policy has it."""
    for resource in stack.of("RolePolicy", "BucketPolicy", "TopicPolicy", "Key"):
        for statement in statements(resource):
            if statement["Effect"] == "Allow":
                yield resource, statement
    for role in stack.of("Role"):
        yield from ((role, s) for s in statements(role, "assumeRolePolicy"))


def actions(stack: Stack) -> Iterator[str]:
    for resource, statement in _allowing(stack):
        if "NotAction" in statement or any("*" in a for a in statement["Action"]):
            yield f"{resource.name}: allows actions by wildcard"


def resources(stack: Stack) -> Iterator[str]:
    """A wildcard stands for parts of one thing of the stack: a prefix's objects, a log's streams.

    Service Authorization Reference, "Resource types defined by" Amazon S3 and CloudWatch Logs.
    """
    buckets = tuple(f"{bucket.outputs['arn']}/" for bucket in stack.of("Bucket"))
    groups = {f"{group.outputs['arn']}:*" for group in stack.of("LogGroup")}
    own = {str(resource.outputs.get("arn")) for resource in stack.resources.values()}
    for resource, statement in _allowing(stack):
        if "NotResource" in statement:
            yield f"{resource.name}: allows all resources but some"
        for arn in statement.get("Resource", ()):
            prefix = arn.removesuffix("/*")
            of_lake = arn.startswith(buckets) and prefix != arn and "*" not in prefix
            is_itself = kind_of(resource) == ITSELF and arn == "*"
            is_given = arn.startswith(GIVEN) and "*" not in arn
            # One object, or those of the names that the offloader gives.
            is_object = arn.startswith(buckets) and "*" not in arn.replace("/*-ledger-*", "/")
            if is_itself or is_given or is_object or _no_narrower(arn, statement["Action"]):
                continue
            if not (arn in own | groups or (of_lake and f"{prefix}/" not in buckets)):
                yield f"{resource.name}: allows {arn}, which is more than a thing of the stack"


def _no_narrower(arn: str, allowed: list[str]) -> bool:
    return any(arn.endswith(end) and set(allowed) <= known for end, known in WIDE.items())


def principals(stack: Stack) -> Iterator[str]:
    for resource, statement in _allowing(stack):
        if kind_of(resource) == "RolePolicy":
            continue
        said = statement.get("Principal")
        if not isinstance(said, dict) or "*" in said.values():
            yield f"{resource.name}: allows anybody"
        elif "Service" in said and kind_of(resource) != "Role" and "Condition" not in statement:
            yield f"{resource.name}: {said['Service']} may act for any account"
    for permission in stack.of("Permission"):
        if permission.inputs["principal"] == "*" or not permission.inputs.get("sourceArn"):
            yield f"{permission.name}: lets more invoke than one schedule"


def roles(stack: Stack) -> Iterator[str]:
    by_arn = {role.outputs["arn"]: role for role in stack.of("Role")}
    used = list(_used_roles(stack))
    arns = [arn for _, arn, _ in used]
    for user, arn, _ in used:
        if arn not in by_arn or arns.count(arn) > 1:
            yield f"{user}: has no role of its own"
    for arn, role in by_arn.items():
        users = [service for _, used_arn, service in used if used_arn == arn]
        if not users:
            yield f"{role.name}: is no function's and no worker's"
        if [s["Principal"] for s in statements(role, "assumeRolePolicy")] != [
            {"Service": f"{service}.amazonaws.com"} for service in users
        ]:
            yield f"{role.name}: can be assumed by more than what runs with it"
        own = [p for p in stack.of("RolePolicy") if p.inputs["role"] == role.outputs["name"]]
        if len(own) != 1 or "managedPolicyArns" in role.inputs:
            yield f"{role.name}: its rights are not in one policy"


def _used_roles(stack: Stack) -> Iterator[tuple[str, Any, str]]:
    """Who runs with a role, the role's ARN, and the service that assumes it."""
    for function in stack.of("Function"):
        yield function.name, function.inputs["role"], "lambda"
    for task in stack.of("TaskDefinition"):
        for kind in ("taskRoleArn", "executionRoleArn"):
            yield f"{task.name}'s {kind}", task.inputs.get(kind), "ecs-tasks"
    by_name = {role.outputs["name"]: role.outputs["arn"] for role in stack.of("Role")}
    for profile in stack.of("InstanceProfile"):
        yield profile.name, by_name.get(profile.inputs["role"]), "ec2"


def destinations(stack: Stack) -> Iterator[str]:
    buckets = {bucket.outputs["arn"] for bucket in stack.of("Bucket")}
    roles_of = {alias.outputs.get("arn"): _role_of(stack, alias) for alias in stack.of("Alias")}
    writable = {
        (policy.inputs["role"], arn)
        for policy in stack.of("RolePolicy")
        for s in statements(policy)
        if "s3:PutObject" in s["Action"]
        for arn in s["Resource"]
    }
    for mapping in stack.of("EventSourceMapping"):
        given_up = at(mapping.inputs, "destinationConfig.onFailure.destinationArn")
        if given_up not in buckets:
            yield f"{mapping.name}: what it gives up is kept nowhere"
        role = roles_of.get(mapping.inputs["functionName"])
        if (role, f"{given_up}/{ON_FAILURE_PREFIX}*") not in writable:
            yield f"{mapping.name}: may not write what it gives up, with its function's role"


def _role_of(stack: Stack, alias: Resource) -> str | None:
    """The name of the role of an alias's function; a key's alias has none."""
    names = {role.outputs["arn"]: str(role.outputs["name"]) for role in stack.of("Role")}
    for function in stack.of("Function"):
        if function.outputs["name"] == alias.inputs.get("functionName"):
            return names.get(function.inputs["role"])
    return None


RULES: Final = (
    Rule(
        id="no-action-by-wildcard",
        why="IAM guide, 'Security best practices in IAM': apply least-privilege permissions.",
        check=actions,
        breaks=(
            Break(resource="processing-policy", path="policy/Statement/0/Action/0", value="s3:*"),
            Break(resource="encryption", path="policy/Statement/0/Action/0", value="kms:*"),
            Break(resource="alarms-policy", path="policy/Statement/0/Action/0", value="sns:*"),
            Break(resource="probe-role", path="assumeRolePolicy/Statement/0/Action/0", value="*"),
        ),
    ),
    Rule(
        id="no-resource-by-wildcard",
        why="IAM guide, 'IAM JSON policy elements: Resource'.",
        check=resources,
        breaks=(
            Break(resource="alarms-policy", path="policy/Statement/0/Resource/0", value="*"),
            *(
                Break(resource="auditor-policy", path="policy/Statement/0/Resource/0", value=arn)
                for arn in (
                    "*",
                    "arn:aws:s3:::*",
                    "arn:aws:s3:::sluice-dev-lake-123456789012-eu-central-1/*",
                    "arn:aws:s3:::another/lake/*",
                    "arn:aws:kinesis:eu-central-1:123456789012:stream/*",
                    "arn:aws:logs:eu-central-1:123456789012:log-group:*",
                )
            ),
        ),
    ),
    Rule(
        id="no-stranger",
        why="IAM guide, 'The confused deputy problem'.",
        check=principals,
        breaks=(
            Break(resource="encryption", path="policy/Statement/0/Principal/AWS", value="*"),
            Break(resource="encryption", path="policy/Statement/1/Condition"),
            Break(resource="alarms-policy", path="policy/Statement/0/Principal", value="*"),
            Break(resource="alarms-pages-policy", path="policy/Statement/0/Condition"),
            Break(resource="sweeper-permission", path="sourceArn"),
            Break(resource="sweeper-permission", path="principal", value="*"),
            Break(resource="probe-role", path="assumeRolePolicy/Statement/0/Principal", value="*"),
        ),
    ),
    Rule(
        id="a-role-for-each-function",
        why="Lambda guide, 'Defining Lambda function permissions with an execution role'.",
        check=roles,
        breaks=(
            Break(
                resource="sweeper",
                path="role",
                value="arn:aws:iam:eu-central-1:123456789012:processing-role",
            ),
            Break(resource="auditor"),
            Break(resource="auditor-policy"),
            Break(
                resource="probe-role",
                path="assumeRolePolicy/Statement/0/Principal/Service",
                value="ec2.amazonaws.com",
            ),
        ),
    ),
    Rule(
        id="on-failure-destination",
        why="Lambda guide, 'Retain discarded batch records for a Kinesis event source'.",
        check=destinations,
        breaks=(
            Break(resource="processing-mapping", path="destinationConfig"),
            Break(resource="lake"),
            Break(resource="processing-policy"),
        ),
    ),
)

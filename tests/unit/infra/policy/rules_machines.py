"""Rules about machines: replaced when lost, closed to the world, nothing unencrypted."""

from collections.abc import Iterator
from typing import Final

from tests.unit.infra.policy.stack import Break, Rule, Stack, at

ON_PULSAR: Final = "dev on Pulsar"


def metadata(stack: Stack) -> Iterator[str]:
    for template in stack.of("LaunchTemplate"):
        if at(template.inputs, "metadataOptions.httpTokens") != "required":
            yield f"{template.name}: its machines tell their role to whoever asks plainly"
        if at(template.inputs, "metadataOptions.httpPutResponseHopLimit") != 1:
            yield f"{template.name}: its machines tell their role beyond themselves"


def disks(stack: Stack) -> Iterator[str]:
    for template in stack.of("LaunchTemplate"):
        for disk in template.inputs.get("blockDeviceMappings") or [{}]:
            if at(disk, "ebs.encrypted") != "true" or at(disk, "ebs.kmsKeyId") != stack.key:
                yield f"{template.name}: has a disk that the stack's key does not encrypt"
    for volume in stack.of("Volume"):
        if volume.inputs.get("encrypted") is not True:
            yield f"{volume.name}: is not encrypted"


def reachable(stack: Stack) -> Iterator[str]:
    groups = {group.id for group in stack.of("SecurityGroup")}
    for template in stack.of("LaunchTemplate"):
        if not set(template.inputs.get("vpcSecurityGroupIds") or [""]) <= groups:
            yield f"{template.name}: its machines are in no group of the stack"
        if "keyName" in template.inputs:
            yield f"{template.name}: somebody can log in"
    for balancer in stack.of("LoadBalancer"):
        if balancer.inputs.get("internal") is not True or not balancer.inputs["securityGroups"]:
            yield f"{balancer.name}: is open to the internet"


def replaced(stack: Stack) -> Iterator[str]:
    """A machine that no group has is gone for good when it is lost."""
    templates = {each.id: each for each in stack.of("LaunchTemplate")}
    subnets = {each.id for each in stack.of("Subnet")}
    used = set()
    for group in stack.of("Group"):
        used.add(at(group.inputs, "launchTemplate.id"))
        if group.inputs["minSize"] < 1 or group.inputs["desiredCapacity"] < 1:
            yield f"{group.name}: may be empty"
        if not set(group.inputs["vpcZoneIdentifiers"]) <= subnets:
            yield f"{group.name}: is not in the stack's network"
        # What keeps data is one machine in its zone: what it says to whom replaces no disk's.
        serves = group.inputs.get("targetGroupArns") and group.inputs["desiredCapacity"] > 1
        if serves and group.inputs["healthCheckType"] != "ELB":
            yield f"{group.name}: keeps a machine that does not serve"
    for identifier in templates.keys() - used:
        yield f"{templates[identifier].name}: no group starts its machines"


RULES: Final = (
    Rule(
        id="machines-tell-themselves-alone",
        why="Security Hub, AutoScaling.3 and AutoScaling.4: IMDSv2, and a hop limit of one.",
        check=metadata,
        broken_in=ON_PULSAR,
        breaks=(
            Break(
                resource="stream-broker-template",
                path="metadataOptions/httpTokens",
                value="optional",
            ),
            Break(
                resource="stream-bookie-1-1-template",
                path="metadataOptions/httpPutResponseHopLimit",
                value=2,
            ),
        ),
    ),
    Rule(
        id="no-plain-disk",
        why="Security Hub, EC2.3 and EC2.7: attached volumes are encrypted.",
        check=disks,
        broken_in=ON_PULSAR,
        breaks=(
            Break(resource="stream-bookie-1-1-ledgers", path="encrypted", value=False),
            Break(resource="stream-broker-template", path="blockDeviceMappings"),
            Break(
                resource="stream-broker-template",
                path="blockDeviceMappings/0/ebs/kmsKeyId",
                value="alias/aws/ebs",
            ),
        ),
    ),
    Rule(
        id="machines-are-private",
        why="Security Hub, EC2.9 and AutoScaling.5: no public address, no way to log in.",
        check=reachable,
        broken_in=ON_PULSAR,
        breaks=(
            Break(resource="stream-access-front", path="internal", value=False),
            Break(resource="stream-broker-template", path="vpcSecurityGroupIds"),
            Break(resource="stream-broker-template", path="keyName", value="mine"),
        ),
    ),
    Rule(
        id="machines-are-replaced",
        why="EC2 Auto Scaling guide, 'Health checks for instances in an Auto Scaling group'.",
        check=replaced,
        broken_in=ON_PULSAR,
        breaks=(
            Break(resource="stream-broker"),
            Break(resource="stream-bookie-1-1", path="minSize", value=0),
            Break(resource="stream-broker", path="healthCheckType", value="EC2"),
            Break(resource="stream-broker", path="vpcZoneIdentifiers", value=["subnet-other"]),
        ),
    ),
)

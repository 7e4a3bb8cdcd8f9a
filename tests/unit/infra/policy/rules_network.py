"""Rules about networks: nothing is open, no way out but endpoints, one for each that is called."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from infra.settings_network import BROKER_PREFIX_LENGTH
from tests.unit.infra.policy.reach import called
from tests.unit.infra.policy.stack import Break, Rule, Stack, at, kind_of, statements

PRIVATE: Final = "dev in a private network"
PRIVATE_AND_SCALED: Final = "prod in a private network"
ON_KAFKA: Final = "dev on Kafka"
GIVEN_PULSAR: Final = "dev on a given Pulsar"
WORKERS: Final = {"dynamodb", "ecr.api", "ecr.dkr", "logs", "s3"}
"""What a task on Fargate is started and logged by (Amazon ECR guide, "Amazon ECR interface VPC
endpoints"; ECS guide, "Using the awslogs log driver"), and what a worker calls."""
TOKEN: Final = ["ecr:GetAuthorizationToken"]
DESCRIBED: Final = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeVolumes"]
FIGURES: Final = ["cloudwatch:GetMetricData"]
LAYERS: Final = ["arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/*"]
"""What has no narrower resource, and, last, what ECR signs for."""
WAYS_OUT: Final = ("EgressOnlyInternetGateway", "InternetGateway", "NatGateway", "Route")
ENDPOINTS: Final = {"cloudwatch": "monitoring", "kinesis": "kinesis-streams"}
"""The endpoint of a service, where it is not called as the service's actions are."""


def closed(stack: Stack) -> Iterator[str]:
    groups = {group.id for group in stack.of("SecurityGroup")}
    for group in stack.of("SecurityGroup", "DefaultSecurityGroup"):
        if group.inputs.get("ingress") or group.inputs.get("egress"):
            yield f"{group.name}: has rules of its own, which no rule here sees"
    for rule in stack.of("SecurityGroupIngressRule", "SecurityGroupEgressRule"):
        given = rule.inputs
        inwards = kind_of(rule) == "SecurityGroupIngressRule"
        known = given.get("referencedSecurityGroupId") in groups
        outside = given.get("prefixListId") or _is_somebodys(given.get("cidrIpv4"))
        if not (known or (outside and not inwards)):
            yield f"{rule.name}: is open to more than a group of the stack or a service"
        if given["ipProtocol"] != "tcp" or given.get("fromPort") != given.get("toPort"):
            yield f"{rule.name}: opens more than one port"
    kept = {group.inputs["vpcId"] for group in stack.of("DefaultSecurityGroup")}
    for vpc in stack.of("Vpc"):
        if vpc.id not in kept:
            yield f"{vpc.name}: its default group lets everything out"


def _is_somebodys(cidr: str | None) -> bool:
    """Whether these are the addresses of a given broker, and not everybody's."""
    return cidr is not None and IPv4Network(cidr).prefixlen >= BROKER_PREFIX_LENGTH


def no_way_out(stack: Stack) -> Iterator[str]:
    for way in stack.of(*WAYS_OUT):
        yield f"{way.name}: is a way out of a private network"
    for table in stack.of("RouteTable"):
        if table.inputs.get("routes"):
            yield f"{table.name}: has routes beside the network's own and the endpoints'"
    for subnet in stack.of("Subnet"):
        if subnet.inputs.get("mapPublicIpOnLaunch") is not False:
            yield f"{subnet.name}: gives public addresses"
    routed = {each.inputs["subnetId"] for each in stack.of("RouteTableAssociation")}
    for subnet in stack.of("Subnet"):
        if subnet.id not in routed:
            yield f"{subnet.name}: has the network's main routes, not the endpoints'"


def reached(stack: Stack) -> Iterator[str]:
    """A function in a network that lacks an endpoint hangs until its time is over."""
    there = {e.inputs["serviceName"].split(".", 3)[3] for e in stack.of("VpcEndpoint")}
    for task in stack.of("TaskDefinition"):
        for service in sorted(WORKERS - there):
            yield f"{task.name}: needs {service}, to which there is no way"
    for function in stack.of("Function"):
        inside = at(function.inputs, "vpcConfig.subnetIds")
        if bool(stack.of("Vpc")) != bool(inside):
            yield f"{function.name}: is not where the others are"
        services = {action.split(":")[0] for action in called(function.name)} if inside else set()
        for service in sorted(services):
            if ENDPOINTS.get(service, service) not in there:
                yield f"{function.name}: calls {service}, to which there is no way"


def narrow(stack: Stack) -> Iterator[str]:
    """An endpoint without a policy is a way for data into anybody's account."""
    for endpoint in stack.of("VpcEndpoint"):
        if "policy" not in endpoint.inputs:
            yield f"{endpoint.name}: lets everything through"
            continue
        for statement in statements(endpoint):
            if any("*" in action for action in statement["Action"]):
                yield f"{endpoint.name}: lets actions through by wildcard"
            if "*" in statement["Resource"] and statement["Action"] not in (
                TOKEN,
                DESCRIBED,
                FIGURES,
            ):
                yield f"{endpoint.name}: leads to anybody's resources"
            if statement["Resource"] == LAYERS and statement["Action"] == ["s3:GetObject"]:
                continue
            if "aws:PrincipalAccount" not in statement.get("Condition", {}).get("StringEquals", {}):
                yield f"{endpoint.name}: is open to principals of other accounts"


def resolved(stack: Stack) -> Iterator[str]:
    for vpc in stack.of("Vpc"):
        if not (vpc.inputs.get("enableDnsSupport") and vpc.inputs.get("enableDnsHostnames")):
            yield f"{vpc.name}: endpoints' names are not resolved in it"
    for endpoint in stack.of("VpcEndpoint"):
        inside = endpoint.inputs["vpcEndpointType"] == "Interface"
        if inside and endpoint.inputs.get("privateDnsEnabled") is not True:
            yield f"{endpoint.name}: is not found under the service's name"


RULES: Final = (
    Rule(
        id="no-open-security-group",
        why="Security Hub, EC2.2 and EC2.18: groups open to what is known alone.",
        check=closed,
        broken_in=PRIVATE,
        breaks=(
            Break(resource="network-default-group"),
            Break(resource="network-callers", path="egress", value=[{"cidrBlocks": ["0.0.0.0/0"]}]),
            Break(resource="network-callers-to-endpoints-in", path="referencedSecurityGroupId"),
            Break(resource="network-callers-to-endpoints-in", path="ipProtocol", value="-1"),
            Break(resource="network-callers-to-endpoints-out", path="toPort", value=65_535),
            Break(resource="network-callers-to-s3", path="prefixListId"),
        ),
    ),
    Rule(
        id="no-way-to-more-than-a-given-broker",
        why="VPC guide, 'Security group rules': out to a broker's addresses alone, by its ports.",
        check=closed,
        broken_in=GIVEN_PULSAR,
        breaks=(
            Break(resource="network-callers-to-given-6651", path="cidrIpv4", value="0.0.0.0/0"),
            Break(resource="network-callers-to-given-6651", path="cidrIpv4"),
            Break(resource="network-callers-to-given-6651", path="toPort", value=65_535),
            Break(
                resource="network-callers-to-given-6651",
                path="type",
                value="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            ),
        ),
    ),
    Rule(
        id="no-way-out",
        why="VPC guide, 'VPC with servers in private subnets'; Security Hub, EC2.15.",
        check=no_way_out,
        broken_in=PRIVATE,
        breaks=(
            Break(resource="network-s3", path="type", value="aws:ec2/natGateway:NatGateway"),
            Break(
                resource="network-routes", path="routes", value=[{"destinationCidrBlock": "0/0"}]
            ),
            Break(resource="network-subnet-eu-central-1b", path="mapPublicIpOnLaunch", value=True),
            Break(resource="network-routes-eu-central-1b"),
        ),
    ),
    Rule(
        id="an-endpoint-for-each-call",
        why="VPC guide, 'Access AWS services through AWS PrivateLink'.",
        check=reached,
        broken_in=PRIVATE,
        breaks=(
            *(Break(resource=f"network-{s}") for s in ("s3", "dynamodb", "kinesis-streams")),
            Break(resource="auditor", path="vpcConfig"),
        ),
    ),
    Rule(
        id="endpoints-are-narrow",
        why="VPC guide, 'Control access to VPC endpoints using endpoint policies'.",
        check=narrow,
        broken_in=PRIVATE,
        breaks=(
            Break(resource="network-s3", path="policy"),
            Break(resource="network-s3", path="policy/Statement/0/Action/0", value="s3:*"),
            Break(resource="network-dynamodb", path="policy/Statement/0/Resource/0", value="*"),
            Break(
                resource="network-kinesis-streams",
                path="policy/Statement/0/Condition/StringEquals/aws:PrincipalAccount",
            ),
        ),
    ),
    Rule(
        id="endpoints-are-found",
        why="VPC guide, 'Private DNS names for VPC endpoints'.",
        check=resolved,
        broken_in=PRIVATE,
        breaks=(
            Break(resource="network", path="enableDnsHostnames", value=False),
            Break(resource="network-kinesis-streams", path="privateDnsEnabled", value=False),
        ),
    ),
)

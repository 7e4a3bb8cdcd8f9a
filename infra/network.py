"""A private network: subnets in several zones, and no way out but endpoints of AWS's services."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from infra.policies import Statement
from infra.policies_network import attach_function

HTTPS: Final = 443
SUBNET_BITS: Final = 4
"""The network is cut into 16 equal parts, of which each zone gets one."""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What a network is made from."""

    prefix: str
    """What the name tags begin with: nothing in a network has another name."""
    account: str
    region: str
    cidr: str
    zones: Sequence[str]
    gateways: Mapping[str, pulumi.Input[str]]
    """Policies of the endpoints that are routes and cost nothing, by service: s3 and dynamodb (VPC
    guide, "Gateway endpoints")."""
    interfaces: Mapping[str, pulumi.Input[str]]
    """Policies of the endpoints that are interfaces in each zone, by service."""


class Network(pulumi.ComponentResource):
    """Private subnets without gateway to the internet; callers reach endpoints and nothing else."""

    cidr: str
    zones: Sequence[str]
    vpc_id: pulumi.Output[str]
    subnet_ids: list[pulumi.Output[str]]
    """One in each of `zones`, in their order."""
    subnet_cidrs: Mapping[str, str]
    """By zone."""
    callers_group_id: pulumi.Output[str]
    """The security group of functions and workers: nothing comes in, and out go calls alone."""
    endpoints_group_id: pulumi.Output[str]
    route_table_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make network, subnets, groups and endpoints."""
        super().__init__("sluice:network:Network", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.cidr,
            # Without both, an endpoint's name is not resolved to its private address.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("network"),
            opts=self._child,
        )
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-group",
            vpc_id=vpc.id,
            tags=self._tags("nobody"),
            opts=self._child,
        )
        self.cidr, self.zones = args.cidr, args.zones
        parts = ipaddress.IPv4Network(args.cidr).subnets(prefixlen_diff=SUBNET_BITS)
        # Most parts stay free.
        self.subnet_cidrs = dict(zip(args.zones, map(str, parts), strict=False))
        self.vpc_id = vpc.id
        subnets = self._subnets()
        self.subnet_ids = [subnet.id for subnet in subnets]
        callers = self._group("callers", "Functions and workers: nothing comes in")
        endpoints = self._group("endpoints", "Endpoints of services: callers alone come in")
        self.callers_group_id, self.endpoints_group_id = callers.id, endpoints.id
        self._within = [*(subnet.arn for subnet in subnets), callers.arn]
        self._gateways(subnets)
        self._interfaces()
        self.register_outputs({"vpc_id": self.vpc_id, "callers_group_id": self.callers_group_id})

    @property
    def outputs(self) -> dict[str, Any]:
        """What it takes to join another network, or to put something beside the callers."""
        return {
            "vpc_id": self.vpc_id,
            "subnet_ids": self.subnet_ids,
            "callers_group_id": self.callers_group_id,
            "route_table_id": self.route_table_id,
        }

    def open_to(self, cidr: str, ports: Sequence[int]) -> None:
        """Let callers out to the brokers at addresses of somebody else's network."""
        for port in ports:
            aws.vpc.SecurityGroupEgressRule(
                f"{self._name}-callers-to-given-{port}",
                security_group_id=self.callers_group_id,
                cidr_ipv4=cidr,
                description="A given broker",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                tags=self._tags(f"callers-to-given-{port}"),
                opts=self._child,
            )

    def rights(self, function: str) -> pulumi.Output[list[Statement]]:
        """Return what the role of a function must allow, that Lambda may put it in here."""
        where = f"{self._args.region}:{self._args.account}"
        return pulumi.Output.all(*self._within).apply(
            lambda within: attach_function(
                interfaces=f"arn:aws:ec2:{where}:network-interface/*",
                within=within,
                function=f"arn:aws:lambda:{where}:function:{function}",
            )
        )

    def _tags(self, what: str) -> dict[str, str]:
        return {"Name": f"{self._args.prefix}-{what}"}

    def _subnets(self) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{self._name}-subnet-{zone}",
                vpc_id=self.vpc_id,
                availability_zone=zone,
                cidr_block=cidr,
                map_public_ip_on_launch=False,
                tags=self._tags(zone),
                opts=self._child,
            )
            for zone, cidr in self.subnet_cidrs.items()
        ]

    def _group(self, what: str, description: str) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            f"{self._name}-{what}",
            name=f"{self._args.prefix}-{what}",
            description=description,
            vpc_id=self.vpc_id,
            tags=self._tags(what),
            opts=self._child,
        )

    def _gateways(self, subnets: Sequence[aws.ec2.Subnet]) -> None:
        """Make the one route table, whose only routes beside the network's own are endpoints'."""
        table = aws.ec2.RouteTable(
            f"{self._name}-routes",
            vpc_id=self.vpc_id,
            tags=self._tags("routes"),
            opts=self._child,
        )
        self.route_table_id = table.id
        for zone, subnet in zip(self._args.zones, subnets, strict=True):
            aws.ec2.RouteTableAssociation(
                f"{self._name}-routes-{zone}",
                route_table_id=table.id,
                subnet_id=subnet.id,
                opts=self._child,
            )
        for service, policy in self._args.gateways.items():
            aws.ec2.VpcEndpoint(
                f"{self._name}-{service}",
                vpc_id=self.vpc_id,
                service_name=self._service(service),
                vpc_endpoint_type="Gateway",
                route_table_ids=[table.id],
                policy=policy,
                tags=self._tags(service),
                opts=self._child,
            )
            aws.vpc.SecurityGroupEgressRule(
                f"{self._name}-callers-to-{service}",
                security_group_id=self.callers_group_id,
                description=f"Calls of {service}",
                ip_protocol="tcp",
                from_port=HTTPS,
                to_port=HTTPS,
                prefix_list_id=aws.ec2.get_managed_prefix_list(name=self._service(service)).id,
                tags=self._tags(f"callers-to-{service}"),
                opts=self._child,
            )

    def _interfaces(self) -> None:
        if not self._args.interfaces:
            return
        allow(
            f"{self._name}-callers-to-endpoints",
            Opening(
                tag=f"{self._args.prefix}-callers-to-endpoints",
                port=HTTPS,
                source=self.callers_group_id,
                target=self.endpoints_group_id,
                description="Calls of AWS's services",
            ),
            self._child,
        )
        for service, policy in self._args.interfaces.items():
            aws.ec2.VpcEndpoint(
                f"{self._name}-{service}",
                vpc_id=self.vpc_id,
                service_name=self._service(service),
                vpc_endpoint_type="Interface",
                subnet_ids=self.subnet_ids,
                security_group_ids=[self.endpoints_group_id],
                # The code calls services by their public names.
                private_dns_enabled=True,
                policy=policy,
                tags=self._tags(service),
                opts=self._child,
            )

    def _service(self, service: str) -> str:
        return f"com.amazonaws.{self._args.region}.{service}"


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One TCP port by which one security group reaches another."""

    tag: str
    port: int
    source: pulumi.Input[str]
    target: pulumi.Input[str]
    description: str


def allow(name: str, opening: Opening, opts: pulumi.ResourceOptions) -> None:
    """Let `source` out and into `target`: a group's rules name groups, never addresses."""
    aws.vpc.SecurityGroupEgressRule(
        f"{name}-out",
        security_group_id=opening.source,
        referenced_security_group_id=opening.target,
        description=opening.description,
        ip_protocol="tcp",
        from_port=opening.port,
        to_port=opening.port,
        tags={"Name": f"{opening.tag}-out"},
        opts=opts,
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-in",
        security_group_id=opening.target,
        referenced_security_group_id=opening.source,
        description=opening.description,
        ip_protocol="tcp",
        from_port=opening.port,
        to_port=opening.port,
        tags={"Name": f"{opening.tag}-in"},
        opts=opts,
    )


def zones(count: int) -> list[str]:
    """Return the first `count` availability zones of the region that anybody may use.

    Raises pulumi.RunError where the region has fewer.
    """
    found = aws.get_availability_zones(
        state="available",
        filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
    )
    if len(found.names) < count:
        raise pulumi.RunError(
            f"zones: {count} are wanted, and the region has {len(found.names)} "
            f"({', '.join(found.names)}); pulumi config set zones {len(found.names)}"
        )
    return sorted(found.names)[:count]

"""Who reaches whom in a Pulsar cluster, and the one address by which clients find it."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.network import HTTPS, Network, Opening, allow
from infra.pulsar import figures

CLIENT_PORT: Final = 6651
ADMIN_PORT: Final = 8443
BOOKIE_PORT: Final = 3181
METADATA_PORT: Final = 2181
QUORUM_PORTS: Final = (2888, 3888)
"""Followers and elections among the metadata servers (ZooKeeper administrator's guide)."""
FIGURES_PORTS: Final = {"broker": figures.BROKER_PORT, "bookie": figures.BOOKIE_PORT}
KINDS: Final = ("metadata", "bookie", "broker")
OPENINGS: Final = (
    ("metadata", "metadata", METADATA_PORT, "First entries of the cluster"),
    *(("metadata", "metadata", port, "Quorum of the metadata store") for port in QUORUM_PORTS),
    ("bookie", "metadata", METADATA_PORT, "Metadata of bookies"),
    ("broker", "metadata", METADATA_PORT, "Metadata of brokers"),
    ("bookie", "bookie", BOOKIE_PORT, "Copies of a lost bookie"),
    ("broker", "bookie", BOOKIE_PORT, "Entries"),
    ("broker", "broker", CLIENT_PORT, "Brokers as clients of each other"),
    ("broker", "broker", ADMIN_PORT, "Topics, and requests passed on"),
)
HEALTH_SECONDS: Final = 10
HEALTHY_TIMES: Final = 2


@dataclass(frozen=True, kw_only=True)
class PulsarAccessArgs:
    """What groups and load balancer are made from."""

    cluster: str
    region: str
    network: Network
    retain: bool


class PulsarAccess(pulumi.ComponentResource):
    """A security group for each kind of machine, and an internal load balancer before them.

    Clients ask any broker through it, are told which one serves a topic, and go there themselves;
    the watcher asks any machine for figures. TLS ends at the broker: the load balancer passes on
    what it cannot read.
    """

    group_ids: dict[str, pulumi.Output[str]]
    target_group_arns: dict[str, list[pulumi.Output[str]]]
    """By the kind of machine."""
    host: pulumi.Output[str]

    def __init__(
        self, name: str, args: PulsarAccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the groups, what opens them, and the load balancer."""
        super().__init__("sluice:stream:PulsarAccess", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.group_ids = {kind: self._group(kind) for kind in (*KINDS, "front")}
        for kind in KINDS:
            self._way_to_services(kind)
        for source, target, port, why in OPENINGS:
            self._open(source, target, port, why)
        callers = args.network.callers_group_id
        for kind in ("front", "broker"):
            self._allow(f"callers-to-{kind}", callers, self.group_ids[kind], CLIENT_PORT, "Clients")
        self._open("front", "broker", CLIENT_PORT, "Clients, and whether a broker is there")
        front = self.group_ids["front"]
        for kind, port in FIGURES_PORTS.items():
            self._allow(f"callers-to-front-{port}", callers, front, port, "Figures")
            self._open("front", kind, port, "Figures for the watcher")
        balancer = self._front()
        # What decides whether a broker is replaced is whether it serves clients.
        self.target_group_arns = {
            "broker": [
                self._passed_on(balancer, CLIENT_PORT),
                self._passed_on(balancer, FIGURES_PORTS["broker"], checked=CLIENT_PORT),
            ],
            "bookie": [self._passed_on(balancer, FIGURES_PORTS["bookie"])],
        }
        self.host = balancer.dns_name
        self.register_outputs({"host": self.host})

    def _group(self, kind: str) -> pulumi.Output[str]:
        args = self._args
        group = aws.ec2.SecurityGroup(
            f"{self._name}-{kind}-group",
            name=f"{args.cluster}-{kind}",
            description=f"{kind} of the Pulsar cluster",
            vpc_id=args.network.vpc_id,
            tags={"Name": f"{args.cluster}-{kind}"},
            opts=self._child,
        )
        return group.id

    def _way_to_services(self, kind: str) -> None:
        """Let machines call AWS by the network's endpoints, and fetch their programs from S3."""
        args = self._args
        self._allow(
            f"{kind}-to-endpoints",
            self.group_ids[kind],
            args.network.endpoints_group_id,
            HTTPS,
            "Calls of AWS's services",
        )
        service = f"com.amazonaws.{args.region}.s3"
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-{kind}-to-s3",
            security_group_id=self.group_ids[kind],
            description="Programs, and offloaded ledgers",
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            prefix_list_id=aws.ec2.get_managed_prefix_list(name=service).id,
            tags={"Name": f"{args.cluster}-{kind}-to-s3"},
            opts=self._child,
        )

    def _open(self, source: str, target: str, port: int, why: str) -> None:
        groups = self.group_ids
        self._allow(f"{source}-to-{target}-{port}", groups[source], groups[target], port, why)

    def _allow(
        self, what: str, source: pulumi.Input[str], target: pulumi.Input[str], port: int, why: str
    ) -> None:
        tag = f"{self._args.cluster}-{what}"
        opening = Opening(tag=tag, port=port, source=source, target=target, description=why)
        allow(f"{self._name}-{what}", opening, self._child)

    def _front(self) -> aws.lb.LoadBalancer:
        args = self._args
        return aws.lb.LoadBalancer(
            f"{self._name}-front",
            name=args.cluster,
            load_balancer_type="network",
            internal=True,
            subnets=args.network.subnet_ids,
            security_groups=[self.group_ids["front"]],
            # A zone without a broker still finds one.
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=args.retain,
            opts=self._child,
        )

    def _passed_on(
        self, balancer: aws.lb.LoadBalancer, port: int, *, checked: int | None = None
    ) -> pulumi.Output[str]:
        """Have a port passed on to the machines of a target group; return its ARN.

        Machines are well while they take connections on the port, or on the `checked` one.
        """
        args = self._args
        of_clients = port == CLIENT_PORT
        targets = aws.lb.TargetGroup(
            f"{self._name}-targets" if of_clients else f"{self._name}-targets-{port}",
            name=args.cluster if of_clients else f"{args.cluster}-{port}",
            protocol="TCP",
            port=port,
            vpc_id=args.network.vpc_id,
            target_type="instance",
            # A client that hangs on a machine that went asks another one at once.
            connection_termination=True,
            health_check={
                "protocol": "TCP",
                **({} if checked is None else {"port": str(checked)}),
                "interval": HEALTH_SECONDS,
                "healthy_threshold": HEALTHY_TIMES,
                "unhealthy_threshold": HEALTHY_TIMES,
            },
            opts=self._child,
        )
        listener = aws.lb.Listener(
            f"{self._name}-listener" if of_clients else f"{self._name}-listener-{port}",
            load_balancer_arn=balancer.arn,
            protocol="TCP",
            port=port,
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
            opts=self._child,
        )
        # A group whose machines the load balancer is to check wants the listener first.
        return pulumi.Output.all(targets.arn, listener.arn).apply(lambda v: str(v[0]))

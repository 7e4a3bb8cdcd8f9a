"""The event stream on Pulsar: a cluster of the stack's own machines over three zones."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from infra import policies_pulsar as rights
from infra.network import Network
from infra.policies import Statement
from infra.pulsar.broker import Keeping
from infra.pulsar.programs import TOPICS_KEY
from infra.pulsar.topics import Topics
from infra.pulsar_access import CLIENT_PORT, FIGURES_PORTS, PulsarAccess, PulsarAccessArgs
from infra.pulsar_bucket import PulsarBucket
from infra.pulsar_machines import (
    MachineGroup,
    MachineGroupArgs,
    MachineRole,
    MachineRoleArgs,
    MachineStarter,
)
from infra.pulsar_nodes import Known, bookie_data, broker_data, metadata_data

METADATA_GB: Final = 10
"""Metadata of a hundred thousand ledgers, and snapshots of it."""


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Sizes and numbers of a cluster's machines."""

    metadata: str
    bookie: str
    broker: str
    bookies_per_zone: int
    brokers: int
    journal_gb: int
    ledgers_gb: int


@dataclass(frozen=True, kw_only=True)
class PulsarStreamArgs:
    """What a stream on the stack's own Pulsar is made from."""

    cluster: str
    account: str
    region: str
    machines: Machines
    topics: Topics
    network: Network
    bucket: PulsarBucket
    brokers_secret: pulumi.Output[str]
    """Secrets Manager's ARN of what the brokers read."""
    key_arn: pulumi.Input[str]
    retain: bool
    """Whether volumes and load balancer refuse to be destroyed."""


class PulsarStream(pulumi.ComponentResource):
    """Metadata store and bookies on volumes of their own, brokers before them, TLS and tokens.

    A machine that is lost is replaced by its group; the next one takes the volumes, and the
    address, of the one before.
    """

    service_url: pulumi.Output[str]
    admin_url: pulumi.Output[str]
    bookie_url: pulumi.Output[str]
    """Where the watcher is told of brokers and of bookies (`infra.pulsar.figures`)."""

    def __init__(
        self, name: str, args: PulsarStreamArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the cluster."""
        super().__init__("sluice:stream:PulsarStream", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._kept = pulumi.ResourceOptions(parent=self, protect=args.retain)
        self._access = PulsarAccess(
            f"{name}-access",
            PulsarAccessArgs(
                cluster=args.cluster, region=args.region, network=args.network, retain=args.retain
            ),
            self._child,
        )
        self._starter = MachineStarter(
            f"{name}-starter", cluster=args.cluster, key_arn=args.key_arn, opts=self._child
        )
        self._topics()
        interfaces = [self._interface(zone) for zone in range(len(args.network.subnet_ids))]
        hosts = (each.private_ip for each in interfaces)
        self._known = pulumi.Output.all(args.bucket.bucket, *hosts).apply(self._known_of)
        self._metadata(interfaces)
        self._bookies()
        self._brokers()
        self.service_url = pulumi.Output.concat(
            "pulsar+ssl://", self._access.host, f":{CLIENT_PORT}"
        )
        self.admin_url = self._told_by("https", "broker")
        self.bookie_url = self._told_by("http", "bookie")
        self.register_outputs({"service_url": self.service_url, "admin_url": self.admin_url})

    def _told_by(self, scheme: str, kind: str) -> pulumi.Output[str]:
        port = FIGURES_PORTS[kind]
        return pulumi.Output.concat(f"{scheme}://", self._access.host, f":{port}")

    def _known_of(self, values: list[Any]) -> Known:
        return Known(
            name=self._args.cluster,
            region=self._args.region,
            bucket=values[0],
            metadata_hosts=values[1:],
            zones=self._args.network.subnet_cidrs,
        )

    def _topics(self) -> None:
        """Say what topics there should be: brokers read it each minute, and bring it about."""
        aws.s3.BucketObjectv2(
            f"{self._name}-topics",
            bucket=self._args.bucket.bucket,
            key=TOPICS_KEY,
            content=self._args.topics.render(),
            content_type="application/json",
            opts=self._child,
        )

    def _interface(self, zone: int) -> aws.ec2.NetworkInterface:
        """Make the address of a metadata server, which all others know it by."""
        args = self._args
        return aws.ec2.NetworkInterface(
            f"{self._name}-metadata-{zone + 1}-interface",
            subnet_id=args.network.subnet_ids[zone],
            description=f"Metadata server {zone + 1} of {args.cluster}",
            security_groups=[self._access.group_ids["metadata"]],
            tags={"Name": f"{args.cluster}-metadata-{zone + 1}"},
            opts=self._child,
        )

    def _volume(self, what: str, zone: int, size_gb: int) -> aws.ebs.Volume:
        args = self._args
        return aws.ebs.Volume(
            f"{self._name}-{what}",
            availability_zone=args.network.zones[zone],
            size=size_gb,
            type="gp3",
            encrypted=True,
            kms_key_id=args.key_arn,
            tags={"Name": f"{args.cluster}-{what}"},
            opts=self._kept,
        )

    def _role(self, kind: str, statements: pulumi.Input[list[Statement]]) -> MachineRole:
        return MachineRole(
            f"{self._name}-{kind}",
            MachineRoleArgs(role=f"{self._args.cluster}-{kind}", kind=kind, statements=statements),
            self._child,
        )

    def _keeping(
        self,
        kind: str,
        volumes: list[aws.ebs.Volume],
        interfaces: list[aws.ec2.NetworkInterface],
    ) -> MachineRole:
        """Make the role of machines that keep things: which they may attach, and nothing else."""
        args = self._args
        machines = f"arn:aws:ec2:{args.region}:{args.account}:instance/*"
        owned = [pulumi.Output.all(*(e.arn for e in each)) for each in (volumes, interfaces)]
        return self._role(
            kind,
            pulumi.Output.all(args.bucket.bucket_arn, args.key_arn, *owned).apply(
                lambda known: [
                    *rights.fetch_programs(known[0]),
                    *rights.decrypt(known[1]),
                    *rights.attach_encrypted(known[1]),
                    *rights.attach(known[2], known[3], machines=machines, cluster=args.cluster),
                ]
            ),
        )

    def _group(self, what: str, kind: str, role: MachineRole, **rest: Any) -> None:
        args = self._args
        MachineGroup(
            f"{self._name}-{what}",
            MachineGroupArgs(
                group=f"{args.cluster}-{what}",
                cluster=args.cluster,
                machine=getattr(args.machines, kind),
                profile_arn=role.profile_arn,
                starter_arn=self._starter.role_arn,
                group_ids=[self._access.group_ids[kind]],
                key_arn=args.key_arn,
                **rest,
            ),
            self._child,
        )

    def _metadata(self, interfaces: list[aws.ec2.NetworkInterface]) -> None:
        args = self._args
        zones = range(len(interfaces))
        volumes = [self._volume(f"metadata-{zone + 1}-data", zone, METADATA_GB) for zone in zones]
        role = self._keeping("metadata", volumes, interfaces)
        for zone in zones:
            told = pulumi.Output.all(
                self._known, interfaces[zone].id, volumes[zone].id, self._access.host
            ).apply(partial(_metadata_data, zone + 1, args.machines.metadata))
            self._group(
                f"metadata-{zone + 1}",
                "metadata",
                role,
                size=1,
                subnet_ids=[args.network.subnet_ids[zone]],
                user_data=told,
            )

    def _bookies(self) -> None:
        args, machines = self._args, self._args.machines
        places = [
            (f"bookie-{zone + 1}-{number + 1}", zone)
            for zone in range(len(args.network.subnet_ids))
            for number in range(machines.bookies_per_zone)
        ]
        volumes = {
            name: (
                self._volume(f"{name}-journal", zone, machines.journal_gb),
                self._volume(f"{name}-ledgers", zone, machines.ledgers_gb),
            )
            for name, zone in places
        }
        role = self._keeping("bookie", [each for both in volumes.values() for each in both], [])
        for name, zone in places:
            journal, ledgers = volumes[name]
            told = pulumi.Output.all(self._known, journal.id, ledgers.id).apply(
                partial(_bookie_data, name, machines.bookie)
            )
            self._group(
                name,
                "bookie",
                role,
                size=1,
                subnet_ids=[args.network.subnet_ids[zone]],
                user_data=told,
                target_group_arns=self._access.target_group_arns["bookie"],
            )

    def _brokers(self) -> None:
        args, topics = self._args, self._args.topics
        offloads = topics.offload_bytes >= 0
        secret = args.brokers_secret
        role = self._role(
            "broker",
            pulumi.Output.all(args.bucket.bucket_arn, args.key_arn, secret).apply(
                lambda known: [
                    *rights.fetch_programs(known[0]),
                    *rights.keep_topics(known[0]),
                    *rights.decrypt(known[1]),
                    *rights.read_secrets([known[2]]),
                    *((*rights.offload(known[0]), *rights.encrypt(known[1])) if offloads else ()),
                ]
            ),
        )
        keeping = Keeping(
            retention_minutes=topics.retention_minutes,
            backlog_bytes_max=topics.backlog_bytes_max,
        )
        told = pulumi.Output.all(self._known, secret).apply(
            lambda v: broker_data(
                v[0],
                machine=args.machines.broker,
                secret=v[1],
                topic=topics.name,
                keeping=keeping,
                offload_bytes=topics.offload_bytes if offloads else None,
            )
        )
        self._group(
            "broker",
            "broker",
            role,
            size=args.machines.brokers,
            subnet_ids=args.network.subnet_ids,
            user_data=told,
            target_group_arns=self._access.target_group_arns["broker"],
            stateless=True,
        )


def _metadata_data(number: int, machine: str, told: list[Any]) -> str:
    known, interface, volume, host = told
    return metadata_data(
        known, number=number, machine=machine, interface=interface, volume=volume, host=host
    )


def _bookie_data(identity: str, machine: str, told: list[Any]) -> str:
    known, journal, ledgers = told
    return bookie_data(known, identity=identity, machine=machine, journal=journal, ledgers=ledgers)

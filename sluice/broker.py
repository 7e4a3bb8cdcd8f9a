"""Show the brokers of a stack on a topic, or start one again: local, of MSK, a Pulsar's machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import rich_click as click
from rich.table import Table

from infra.local import stream_broker
from pipeline.errors import UserError
from sluice import functions
from sluice import stack as stacks
from sluice.console import OUT, result, say
from sluice.options import stack_option
from sluice.stack import Stack

LOCAL_ID: Final = "1"
"""The first broker of a local stack, as a rule the only one (`infra/local/brokers/`)."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A broker, or another server of its cluster: by what name it is restarted, and how it is."""

    id: str
    name: str
    state: str


class Brokers(Protocol):
    """The brokers of one stack."""

    def nodes(self) -> Sequence[Node]:
        """Return all that there are. Raises OperatingError."""

    def restart(self, node: str, /) -> str:
        """Start one again and return what becomes of it. Raises OperatingError, UserError."""


class LocalBrokers:
    """The brokers of a local stack, processes of this machine."""

    def __init__(self, stack: Stack, kind: stream_broker.Kind) -> None:
        self._stack, self._kind = stack, kind

    def nodes(self) -> Sequence[Node]:
        """Return all, whether they run or not."""
        return [
            Node(
                id=id_,
                name=f"{self._kind} of {self._stack.name}",
                state="has ended" if node.pid is None else f"runs as process {node.pid}",
            )
            for id_, node in self._by_id().items()
        ]

    def restart(self, node: str, /) -> str:
        """End it if it runs, start it on what it had kept and wait until it serves."""
        found = self._by_id()[node]
        ran = found.pid is not None
        found.restart()
        return "was restarted, and serves" if ran else "had ended, and serves again"

    def _by_id(self) -> dict[str, Any]:
        nodes = stream_broker.nodes(self._kind, self._stack.folder)
        return {str(number): node for number, node in enumerate(nodes, int(LOCAL_ID))}


class MskBrokers:
    """The brokers of a cluster of Amazon MSK; MSK replaces a failed one by itself."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client, self._arn = client, arn

    def nodes(self) -> Sequence[Node]:
        """Return the brokers; MSK tells their cluster's state, not theirs. None of serverless."""
        with functions.told("list the brokers"):
            cluster = self._client.describe_cluster_v2(ClusterArn=self._arn)["ClusterInfo"]
            if cluster["ClusterType"] == "SERVERLESS":
                return []
            pages = self._client.get_paginator("list_nodes").paginate(ClusterArn=self._arn)
            listed = [node for page in pages for node in page["NodeInfoList"]]
        return [
            Node(
                id=f"{broker['BrokerId']:g}",
                name=", ".join(broker.get("Endpoints", ())),
                state=f"cluster {cluster['State']}",
            )
            # MSK lists the controllers as well, which nobody restarts.
            for broker in (node["BrokerNodeInfo"] for node in listed if "BrokerNodeInfo" in node)
        ]

    def restart(self, node: str, /) -> str:
        """Ask MSK to reboot it, which it does one at a time, of a cluster that is ACTIVE."""
        with functions.told(f"reboot broker {node}"):
            self._client.reboot_broker(ClusterArn=self._arn, BrokerIds=[node])
        return "is rebooted by MSK, within minutes"


class PulsarMachines:
    """The machines of a stack's own Pulsar, which auto-scaling groups keep at their number."""

    def __init__(self, client: Any, cluster: str) -> None:
        self._client, self._prefix = client, f"{cluster}-"

    def nodes(self) -> Sequence[Node]:
        """Return metadata servers, bookies and brokers by their groups' names."""
        with functions.told("list the machines"):
            pages = self._client.get_paginator("describe_auto_scaling_instances").paginate()
            found = [each for page in pages for each in page["AutoScalingInstances"]]
        return [
            Node(
                id=each["InstanceId"],
                name=each["AutoScalingGroupName"].removeprefix(self._prefix),
                state=f"{each['LifecycleState']}, {each['HealthStatus']}",
            )
            for each in sorted(found, key=lambda each: str(each["AutoScalingGroupName"]))
            if each["AutoScalingGroupName"].startswith(self._prefix)
        ]

    def restart(self, node: str, /) -> str:
        """End the machine: its group starts another, which takes over what the old one kept."""
        with functions.told(f"replace {node}"):
            self._client.terminate_instance_in_auto_scaling_group(
                InstanceId=node, ShouldDecrementDesiredCapacity=False
            )
        return "is replaced by its group, within minutes"


def brokers_of(stack: Stack) -> Brokers:
    """Return the brokers of a stack. Raises UserError where they are not the stack's own."""
    kind = stack.connection.kind
    if kind == "kinesis":
        raise UserError(
            f"stack {stack.name} streams by Kinesis, which has no brokers to look after"
        )
    if stack.endpoint is not None:
        return LocalBrokers(stack, kind)
    cluster = f"{stack.prefix}-brokers"
    if kind == "pulsar":
        machines = PulsarMachines(functions.client(stack, "autoscaling"), cluster)
        if machines.nodes():
            return machines
    else:
        client = functions.client(stack, "kafka")
        with functions.told("look for the cluster"):
            found = client.list_clusters_v2(ClusterNameFilter=cluster)["ClusterInfoList"]
        for each in found:
            if each["ClusterName"] == cluster:
                return MskBrokers(client, each["ClusterArn"])
    raise UserError(f"the brokers of stack {stack.name} are not its own: ask those who run them")


@click.command(help=__doc__)
@stack_option
@click.option("--restart", "wanted", metavar="ID", help="Start this one again, ended or not.")
@click.pass_obj
def broker(home: Path, stack: str, wanted: str | None) -> None:
    """Show them, or restart one that is there."""
    brokers = brokers_of(stacks.find(home, stack))
    nodes = brokers.nodes()
    if wanted is None:
        table = Table("id", "server", "state")
        for node in nodes:
            table.add_row(node.id, node.name, node.state)
        OUT.print(table)
        if not nodes:
            say("AWS runs the brokers of a serverless cluster: there is none to look after")
        return
    if wanted not in [node.id for node in nodes]:
        known = ", ".join(node.id for node in nodes) or "none"
        raise UserError(f"stack {stack} has no broker {wanted}; it has {known}")
    result(f"broker {wanted} {brokers.restart(wanted)}")

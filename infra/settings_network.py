"""What a stack decides about the network that its functions and workers are in."""

import ipaddress
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, Field

PREFIX_LENGTHS: Final = (16, 20)
"""A VPC's largest network (VPC guide, "VPC CIDR blocks"), and one with room for three subnets."""


def private_network(cidr: str) -> str:
    """Return a network, spelled as usual. Raises ValueError unless a VPC of ours can have it."""
    network = ipaddress.IPv4Network(cidr)
    least, most = PREFIX_LENGTHS
    if not network.is_private or not least <= network.prefixlen <= most:
        raise ValueError(f"a private network of /{least} to /{most} is wanted, as 10.42.0.0/16")
    return str(network)


BROKER_PREFIX_LENGTH: Final = 8
"""What is larger is no network of somebody's own (RFC 1918 has none)."""


def broker_network(cidr: str | None) -> str | None:
    """Return a network, spelled as usual. Raises ValueError for one that is no one's own."""
    if cidr is None:
        return None
    network = ipaddress.IPv4Network(cidr)
    if network.prefixlen < BROKER_PREFIX_LENGTH:
        raise ValueError(f"a network of /{BROKER_PREFIX_LENGTH} to /32 is wanted, as 10.7.0.0/16")
    return str(network)


class NetworkSettings(BaseModel):
    """Whether there is a network of the stack's own, and where."""

    network: Literal["none", "private"] = Field(
        "none",
        description="Whether functions are in a network of the stack's own, with no way out but "
        "endpoints of the services they call. Brokers and their workers always are.",
    )
    network_cidr: Annotated[str, AfterValidator(private_network)] = Field(
        "10.42.0.0/16", description="Addresses of that network."
    )
    broker_cidr: Annotated[str | None, AfterValidator(broker_network)] = Field(
        None,
        description="Addresses of a given cluster: on AWS workers reach them, by the ports that "
        "its URLs name, and nothing else beside endpoints. Its brokers have to advertise those "
        "ports. Join the networks by a peering with vpc_id and a route in route_table_id (both "
        "outputs).",
    )
    zones: int = Field(
        3, ge=2, le=3, description="Availability zones with a subnet, and brokers, in each."
    )

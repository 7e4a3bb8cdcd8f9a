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
    zones: int = Field(
        3, ge=2, le=3, description="Availability zones with a subnet, and brokers, in each."
    )

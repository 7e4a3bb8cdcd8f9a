"""Networks: VPCs, subnets, route tables and VPC endpoints."""

from typing import Any, Final

from infra.local.provider.resource_type import (
    Call,
    Invoke,
    ResourceType,
    Update,
    changes,
    deletes,
    reads,
    sets,
)
from infra.local.provider.template import Each, Given, Joined, Pairs, Template


def owned_arn(kind: str, owner: str) -> Joined:
    """Return the ARN of a thing by its id; `owner` is a reference to the account."""
    return Joined(parts=("arn:aws:ec2:", "$region", ":", owner, f":{kind}/", "$id"))


def tag_specification(kind: str) -> Template:
    """Return how tags are given to something as it is created."""
    return Given(of="$tags", then=[{"ResourceType": kind, "Tags": Pairs(of="$tags")}])


def found_by_name(operation: str, listed: str, member: str = "") -> dict[str, Any]:
    """Return how an interrupted creation is found again: by its name's tag, which is its only name.

    `member` is where the answer of the creation has what the list has in `listed`.
    """
    first = f"$found.{listed}.0"
    return {
        "find": Call(
            operation=operation,
            parameters={"Filters": [{"Name": "tag:Name", "Values": ["$tags.Name"]}]},
            needs=("$tags.Name",),
            into="found",
        ),
        "found": {member: first} if member else first,
    }


TAGS: Final = Update(
    properties=("tags",),
    calls=(
        Call(
            operation="delete_tags",
            parameters={
                "Resources": ["$id"],
                "Tags": Each(of="$removed.tags", to={"Key": "$item"}),
            },
            needs=("$removed.tags",),
        ),
        Call(
            operation="create_tags",
            parameters={"Resources": ["$id"], "Tags": Pairs(of="$tags")},
            needs=("$tags",),
        ),
    ),
)

VPC: Final = ResourceType(
    token="aws:ec2/vpc:Vpc",
    service="ec2",
    create=Call(
        operation="create_vpc",
        parameters={"CidrBlock": "$cidrBlock", "TagSpecifications": tag_specification("vpc")},
        into="create",
    ),
    id="$create.Vpc.VpcId",
    replaces=("cidrBlock",),
    updates=(
        *(
            Update(
                properties=(name,),
                calls=(
                    Call(
                        operation="modify_vpc_attribute",
                        parameters={"VpcId": "$id", member: {"Value": f"${name}"}},
                    ),
                ),
                on_create=True,
            )
            for name, member in (
                ("enableDnsSupport", "EnableDnsSupport"),
                ("enableDnsHostnames", "EnableDnsHostnames"),
            )
        ),
        TAGS,
    ),
    read=reads("describe_vpcs", VpcIds=["$id"]),
    outputs={"arn": owned_arn("vpc", "$read.Vpcs.0.OwnerId")},
    delete=deletes("delete_vpc", VpcId="$id"),
    gone=("InvalidVpcID.NotFound",),
    **found_by_name("describe_vpcs", "Vpcs", "Vpc"),
)

SUBNET: Final = ResourceType(
    token="aws:ec2/subnet:Subnet",
    service="ec2",
    create=Call(
        operation="create_subnet",
        parameters={
            "VpcId": "$vpcId",
            "CidrBlock": "$cidrBlock",
            "AvailabilityZone": "$availabilityZone",
            "TagSpecifications": tag_specification("subnet"),
        },
        into="create",
    ),
    id="$create.Subnet.SubnetId",
    replaces=("vpcId", "cidrBlock", "availabilityZone"),
    updates=(
        sets(
            ("mapPublicIpOnLaunch",),
            "modify_subnet_attribute",
            SubnetId="$id",
            MapPublicIpOnLaunch={"Value": "$mapPublicIpOnLaunch"},
        ),
        TAGS,
    ),
    read=reads("describe_subnets", SubnetIds=["$id"]),
    outputs={"arn": owned_arn("subnet", "$read.Subnets.0.OwnerId")},
    delete=deletes("delete_subnet", SubnetId="$id"),
    gone=("InvalidSubnetID.NotFound",),
    **found_by_name("describe_subnets", "Subnets", "Subnet"),
)

ROUTE_TABLE: Final = ResourceType(
    token="aws:ec2/routeTable:RouteTable",
    service="ec2",
    create=Call(
        operation="create_route_table",
        parameters={"VpcId": "$vpcId", "TagSpecifications": tag_specification("route-table")},
        into="create",
    ),
    id="$create.RouteTable.RouteTableId",
    replaces=("vpcId",),
    updates=(TAGS,),
    read=reads("describe_route_tables", RouteTableIds=["$id"]),
    outputs={"arn": owned_arn("route-table", "$read.RouteTables.0.OwnerId")},
    delete=deletes("delete_route_table", RouteTableId="$id"),
    gone=("InvalidRouteTableID.NotFound",),
    **found_by_name("describe_route_tables", "RouteTables", "RouteTable"),
)

ROUTE_TABLE_ASSOCIATION: Final = ResourceType(
    token="aws:ec2/routeTableAssociation:RouteTableAssociation",
    service="ec2",
    create=Call(
        operation="associate_route_table",
        parameters={"RouteTableId": "$routeTableId", "SubnetId": "$subnetId"},
        into="create",
    ),
    id="$create.AssociationId",
    replaces=("routeTableId", "subnetId"),
    delete=deletes("disassociate_route_table", AssociationId="$id"),
    gone=("InvalidAssociationID.NotFound",),
)

ENDPOINT: Final = ResourceType(
    token="aws:ec2/vpcEndpoint:VpcEndpoint",
    service="ec2",
    create=Call(
        operation="create_vpc_endpoint",
        parameters={
            "VpcId": "$vpcId",
            "ServiceName": "$serviceName",
            "VpcEndpointType": "$vpcEndpointType",
            "PolicyDocument": "$policy",
            "RouteTableIds": "$routeTableIds",
            "SubnetIds": "$subnetIds",
            "SecurityGroupIds": "$securityGroupIds",
            "PrivateDnsEnabled": "$privateDnsEnabled",
            "TagSpecifications": tag_specification("vpc-endpoint"),
        },
        into="create",
    ),
    id="$create.VpcEndpoint.VpcEndpointId",
    # AWS's plugin adds and removes subnets, tables and groups; here the endpoint is made anew,
    # which keeps no data.
    replaces=(
        *("vpcId", "serviceName", "vpcEndpointType", "routeTableIds", "subnetIds"),
        *("securityGroupIds", "privateDnsEnabled"),
    ),
    updates=(
        changes(("policy",), "modify_vpc_endpoint", VpcEndpointId="$id", PolicyDocument="$policy"),
        TAGS,
    ),
    read=reads("describe_vpc_endpoints", VpcEndpointIds=["$id"]),
    outputs={"arn": owned_arn("vpc-endpoint", "$read.VpcEndpoints.0.OwnerId")},
    delete=deletes("delete_vpc_endpoints", VpcEndpointIds=["$id"]),
    gone=("InvalidVpcEndpointId.NotFound",),
)

TYPES: Final = (
    VPC,
    SUBNET,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    ENDPOINT,
)

ZONES: Final = Invoke(
    token="aws:index/getAvailabilityZones:getAvailabilityZones",
    service="ec2",
    arguments=("state", "filters"),
    call=Call(
        operation="describe_availability_zones",
        parameters={
            "Filters": Each(of="$filters", to={"Name": "$item.name", "Values": "$item.values"})
        },
        into="read",
    ),
    outputs={
        "id": "$region",
        "names": Each(of="$read.AvailabilityZones", to="$item.ZoneName"),
        "zoneIds": Each(of="$read.AvailabilityZones", to="$item.ZoneId"),
    },
)
PREFIX_LIST: Final = Invoke(
    token="aws:ec2/getManagedPrefixList:getManagedPrefixList",
    service="ec2",
    arguments=("name",),
    call=Call(
        operation="describe_managed_prefix_lists",
        parameters={"Filters": [{"Name": "prefix-list-name", "Values": ["$name"]}]},
        into="read",
    ),
    outputs={
        "id": "$read.PrefixLists.0.PrefixListId",
        "name": "$name",
        "arn": "$read.PrefixLists.0.PrefixListArn",
    },
)
INVOKES: Final = (ZONES, PREFIX_LIST)

"""Launch templates of machines, and the volumes and addresses that outlive them."""

from typing import Final

from infra.local.provider.ec2 import TAGS, found_by_name, owned_arn, tag_specification
from infra.local.provider.resource_type import (
    Call,
    ResourceType,
    changes,
    deletes,
    reads,
)
from infra.local.provider.template import Each, Joined, Pairs, Parsed, Template

_DATA: Final[Template] = {
    "ImageId": "$imageId",
    "InstanceType": "$instanceType",
    "EbsOptimized": Parsed(of="$ebsOptimized"),
    "IamInstanceProfile": {"Arn": "$iamInstanceProfile.arn"},
    "SecurityGroupIds": "$vpcSecurityGroupIds",
    "UserData": "$userData",
    "Monitoring": {"Enabled": "$monitoring.enabled"},
    "MetadataOptions": {
        "HttpEndpoint": "$metadataOptions.httpEndpoint",
        "HttpTokens": "$metadataOptions.httpTokens",
        "HttpPutResponseHopLimit": "$metadataOptions.httpPutResponseHopLimit",
    },
    "BlockDeviceMappings": Each(
        of="$blockDeviceMappings",
        to={
            "DeviceName": "$item.deviceName",
            "Ebs": {
                "VolumeSize": "$item.ebs.volumeSize",
                "VolumeType": "$item.ebs.volumeType",
                "KmsKeyId": "$item.ebs.kmsKeyId",
                # The AWS package has both as texts.
                "Encrypted": Parsed(of="$item.ebs.encrypted"),
                "DeleteOnTermination": Parsed(of="$item.ebs.deleteOnTermination"),
            },
        },
    ),
    "TagSpecifications": Each(
        of="$tagSpecifications",
        to={"ResourceType": "$item.resourceType", "Tags": Pairs(of="$item.tags")},
    ),
}

LAUNCH_TEMPLATE: Final = ResourceType(
    token="aws:ec2/launchTemplate:LaunchTemplate",
    service="ec2",
    create=Call(
        operation="create_launch_template",
        parameters={
            "LaunchTemplateName": "$name",
            "LaunchTemplateData": _DATA,
            "TagSpecifications": tag_specification("launch-template"),
        },
        into="create",
    ),
    id="$create.LaunchTemplate.LaunchTemplateId",
    identity=("name",),
    ignored=("updateDefaultVersion",),
    updates=(
        # A version is whole: whatever changes, all of it is said again.
        changes(
            (
                *("imageId", "instanceType", "ebsOptimized", "iamInstanceProfile"),
                *("vpcSecurityGroupIds", "userData", "monitoring", "metadataOptions"),
                *("blockDeviceMappings", "tagSpecifications"),
            ),
            "create_launch_template_version",
            LaunchTemplateId="$id",
            LaunchTemplateData=_DATA,
        ),
        TAGS,
    ),
    read=reads("describe_launch_templates", LaunchTemplateIds=["$id"]),
    outputs={
        "arn": Joined(parts=("arn:aws:ec2:", "$region", ":launch-template/", "$id")),
        "name": "$name",
        "latestVersion": "$read.LaunchTemplates.0.LatestVersionNumber",
    },
    delete=deletes("delete_launch_template", LaunchTemplateId="$id"),
    find=Call(
        operation="describe_launch_templates",
        parameters={"LaunchTemplateNames": ["$name"]},
        into="found",
    ),
    found={"LaunchTemplate": "$found.LaunchTemplates.0"},
    exists=("InvalidLaunchTemplateName.AlreadyExistsException",),
    gone=(
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateId.NotFoundException",
        "InvalidLaunchTemplateName.NotFoundException",
    ),
)

_SIZE: Final = {
    "Size": "$size",
    "VolumeType": "$type",
    "Iops": "$iops",
    "Throughput": "$throughput",
}

VOLUME: Final = ResourceType(
    token="aws:ebs/volume:Volume",
    service="ec2",
    create=Call(
        operation="create_volume",
        parameters={
            "AvailabilityZone": "$availabilityZone",
            "Encrypted": "$encrypted",
            "KmsKeyId": "$kmsKeyId",
            "TagSpecifications": tag_specification("volume"),
            **_SIZE,
        },
        into="create",
    ),
    id="$create.VolumeId",
    replaces=("availabilityZone", "encrypted", "kmsKeyId"),
    updates=(
        changes(("size", "type", "iops", "throughput"), "modify_volume", VolumeId="$id", **_SIZE),
        TAGS,
    ),
    read=reads("describe_volumes", VolumeIds=["$id"]),
    outputs={"arn": Joined(parts=("arn:aws:ec2:", "$region", ":volume/", "$id"))},
    delete=deletes("delete_volume", VolumeId="$id"),
    gone=("InvalidVolume.NotFound",),
    **found_by_name("describe_volumes", "Volumes") | {"found": "$found.Volumes.0"},
)

NETWORK_INTERFACE: Final = ResourceType(
    token="aws:ec2/networkInterface:NetworkInterface",
    service="ec2",
    create=Call(
        operation="create_network_interface",
        parameters={
            "SubnetId": "$subnetId",
            "Description": "$description",
            "Groups": "$securityGroups",
            "TagSpecifications": tag_specification("network-interface"),
        },
        into="create",
    ),
    id="$create.NetworkInterface.NetworkInterfaceId",
    replaces=("subnetId",),
    updates=(
        changes(
            ("description", "securityGroups"),
            "modify_network_interface_attribute",
            NetworkInterfaceId="$id",
            Groups="$securityGroups",
        ),
        TAGS,
    ),
    read=reads("describe_network_interfaces", NetworkInterfaceIds=["$id"]),
    outputs={
        "arn": owned_arn("network-interface", "$read.NetworkInterfaces.0.OwnerId"),
        "privateIp": "$read.NetworkInterfaces.0.PrivateIpAddress",
    },
    delete=deletes("delete_network_interface", NetworkInterfaceId="$id"),
    gone=("InvalidNetworkInterfaceID.NotFound",),
    **found_by_name("describe_network_interfaces", "NetworkInterfaces", "NetworkInterface"),
)

INSTANCE_PROFILE: Final = ResourceType(
    token="aws:iam/instanceProfile:InstanceProfile",
    service="iam",
    create=Call(
        operation="create_instance_profile",
        parameters={"InstanceProfileName": "$name", "Tags": Pairs(of="$tags")},
    ),
    finish=(
        Call(
            operation="add_role_to_instance_profile",
            parameters={"InstanceProfileName": "$name", "RoleName": "$role"},
        ),
    ),
    id="$name",
    identity=("name",),
    replaces=("role",),
    ignored=("tags",),
    read=reads("get_instance_profile", InstanceProfileName="$name"),
    outputs={"arn": "$read.InstanceProfile.Arn", "name": "$name", "role": "$role"},
    delete=(
        Call(
            operation="remove_role_from_instance_profile",
            parameters={"InstanceProfileName": "$name", "RoleName": "$role"},
        ),
        Call(operation="delete_instance_profile", parameters={"InstanceProfileName": "$name"}),
    ),
    exists=("EntityAlreadyExists",),
    gone=("NoSuchEntity",),
)

TYPES: Final = (LAUNCH_TEMPLATE, VOLUME, NETWORK_INTERFACE, INSTANCE_PROFILE)

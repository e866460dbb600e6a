"""How EC2 describes what nobody can change here: VPCs, subnets, route tables, zones, instances and their types.

Source: EC2 API Reference, Vpc, Subnet, RouteTable, AvailabilityZone, Instance, InstanceTypeInfo.
"""

from typing import Any

from actors.protocols.ec2.documents import (
    association_document,
    groups_document,
    interface_document,
    private_dns_name,
    time_text,
)
from actors.protocols.ec2.ids import resource_id
from actors.protocols.ec2.network_interfaces import Instance
from actors.protocols.ec2.state import Ec2State, RouteTable, Vpc
from actors.protocols.instance_types import LIMITS, SIZES, architecture_of, has_prefix_delegation

Document = dict[str, Any]
RUNNING = {"Code": 16, "Name": "running"}


def vpc_document(state: Ec2State, vpc: Vpc) -> Document:
    block = {
        "AssociationId": resource_id("vpc-cidr-assoc", vpc.id),
        "CidrBlock": vpc.cidr,
        "CidrBlockState": {"State": "associated"},
    }
    return {
        "VpcId": vpc.id,
        "CidrBlock": vpc.cidr,
        "CidrBlockAssociationSet": [block],
        "State": "available",
        "IsDefault": False,
        "InstanceTenancy": "default",
        "OwnerId": state.account,
        "Tags": state.tags.shown(vpc.id),
    }


def subnet_document(state: Ec2State, subnet_id: str) -> Document:
    place = state.interfaces.subnets[subnet_id]
    return {
        "SubnetId": subnet_id,
        "SubnetArn": f"arn:aws:ec2:{state.region}:{state.account}:subnet/{subnet_id}",
        "VpcId": place.vpc,
        "CidrBlock": str(place.prefix),
        "AvailabilityZone": place.availability_zone,
        "AvailabilityZoneId": zone_id(place.availability_zone),
        "AvailableIpAddressCount": state.interfaces.free_addresses(subnet_id),
        "State": "available",
        "OwnerId": state.account,
        "DefaultForAz": False,
        "MapPublicIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": False,
        "Ipv6CidrBlockAssociationSet": [],
        "Tags": state.tags.shown(subnet_id),
    }


def route_table_document(state: Ec2State, table: RouteTable) -> Document:
    associations: list[Document] = [
        {
            "Main": False,
            "RouteTableAssociationId": resource_id("rtbassoc", subnet),
            "RouteTableId": table.id,
            "SubnetId": subnet,
            "AssociationState": {"State": "associated"},
        }
        for subnet in table.subnets
    ]
    if table.main:
        associations.append(
            {
                "Main": True,
                "RouteTableAssociationId": resource_id("rtbassoc", table.vpc),
                "RouteTableId": table.id,
                "AssociationState": {"State": "associated"},
            }
        )
    routes = [
        {
            "DestinationCidrBlock": route.destination,
            "GatewayId": route.gateway,
            "Origin": "CreateRouteTable" if route.gateway == "local" else "CreateRoute",
            "State": "active",
        }
        for route in table.routes
    ]
    return {
        "RouteTableId": table.id,
        "VpcId": table.vpc,
        "OwnerId": state.account,
        "Routes": routes,
        "Associations": associations,
        "PropagatingVgws": [],
        "Tags": state.tags.shown(table.id),
    }


def internet_gateway_document(state: Ec2State, vpc: Vpc) -> Document:
    return {
        "InternetGatewayId": vpc.internet_gateway,
        "Attachments": [{"State": "available", "VpcId": vpc.id}],
        "OwnerId": state.account,
        "Tags": state.tags.shown(vpc.internet_gateway or ""),
    }


def zone_id(zone: str) -> str:
    """Such as euw1-az1 for eu-west-1a. In AWS the letters of each account stand for other ids."""
    parts = zone[:-1].split("-")
    if len(parts) < 3:
        return f"{zone[:-1]}-az{ord(zone[-1]) - ord('a') + 1}"
    directions = {"central": "c", "north": "n", "south": "s", "east": "e", "west": "w"}
    middle = parts[1]
    for word, letter in directions.items():
        middle = middle.replace(word, letter)
    return f"{parts[0]}{middle}{parts[-1]}-az{ord(zone[-1]) - ord('a') + 1}"


def zone_document(state: Ec2State, zone: str) -> Document:
    return {
        "ZoneName": zone,
        "ZoneId": zone_id(zone),
        "ZoneType": "availability-zone",
        "RegionName": state.region,
        "GroupName": f"{state.region}-zg-1",
        "NetworkBorderGroup": state.region,
        "State": "available",
        "OptInStatus": "opt-in-not-required",
        "Messages": [],
    }


def instance_document(state: Ec2State, instance: Instance, launched_ns: int) -> Document:
    """An instance; its primary interface gives it its addresses."""
    mine = state.interfaces.of_instance(instance.id)
    primary = mine[0]
    address, place = primary.addresses[0], state.interfaces.subnets[primary.subnet]
    told: Document = {
        "InstanceId": instance.id,
        "InstanceType": instance.type,
        "State": RUNNING,
        "Placement": {"AvailabilityZone": instance.availability_zone, "Tenancy": "default", "GroupName": ""},
        "Architecture": "x86_64" if architecture_of(instance.type) == "amd64" else "arm64",
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "LaunchTime": time_text(launched_ns),
        "PrivateIpAddress": address,
        "PrivateDnsName": private_dns_name(address, state.region),
        "PublicDnsName": "",
        "SubnetId": primary.subnet,
        "VpcId": place.vpc,
        "SourceDestCheck": primary.source_dest_check,
        "SecurityGroups": groups_document(state, primary),
        "NetworkInterfaces": [interface_document(state, each) for each in mine],
        "Tags": state.tags.shown(instance.id),
    }
    for each in told["NetworkInterfaces"]:
        _shorten(each)
    if association := association_document(state, address):
        told |= {"PublicIpAddress": association["PublicIp"], "PublicDnsName": association["PublicDnsName"]}
    return told


def _shorten(interface: Document) -> None:
    """An interface as its instance shows it: without what the instance says itself (InstanceNetworkInterface)."""
    for name in ("AvailabilityZone", "TagSet", "RequesterManaged", "RequesterId"):
        interface.pop(name, None)
    for name in ("InstanceId", "InstanceOwnerId"):
        interface["Attachment"].pop(name, None)
    for each in (interface, *interface["PrivateIpAddresses"]):
        for name in ("AllocationId", "AssociationId"):
            each.get("Association", {}).pop(name, None)


def instance_type_document(name: str) -> Document:
    """What this project knows of a type: network interfaces and addresses, processors, memory."""
    limits, size, nitro = LIMITS[name], SIZES[name], has_prefix_delegation(name)
    return {
        "InstanceType": name,
        "CurrentGeneration": not name.startswith(("t2.", "m4.", "x1.", "i3.", "p3.")),
        "BareMetal": name.endswith(".metal"),
        **({} if name.endswith(".metal") else {"Hypervisor": "nitro" if nitro else "xen"}),
        "SupportedVirtualizationTypes": ["hvm"],
        "ProcessorInfo": {
            "SupportedArchitectures": ["x86_64" if architecture_of(name) == "amd64" else "arm64"]
        },
        "VCpuInfo": {"DefaultVCpus": size.vcpus},
        "MemoryInfo": {"SizeInMiB": size.memory_mib},
        "NetworkInfo": {
            "MaximumNetworkInterfaces": limits.interfaces,
            "MaximumNetworkCards": 1,
            "DefaultNetworkCardIndex": 0,
            "NetworkCards": [{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": limits.interfaces}],
            "Ipv4AddressesPerInterface": limits.addresses,
        },
    }

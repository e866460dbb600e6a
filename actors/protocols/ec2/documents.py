"""How EC2 describes what it has: network interfaces, groups and addresses, in the shapes of its API.

Source: EC2 API Reference, NetworkInterface, SecurityGroup, SecurityGroupRule, Address.
"""

from datetime import UTC, datetime
from typing import Any

from actors.protocols.ec2.addresses import ELB, PublicAddress
from actors.protocols.ec2.permissions import ALL, GroupRule, permissions_of
from actors.protocols.ec2.records import Attachment, NetworkInterface
from actors.protocols.ec2.security_groups import SecurityGroup
from actors.protocols.ec2.state import Ec2State

Document = dict[str, Any]


def time_text(unix_ns: int) -> str:
    """ISO 8601, to the second, as EC2 gives times."""
    return datetime.fromtimestamp(unix_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def private_dns_name(address: str, region: str) -> str:
    return f"ip-{address.replace('.', '-')}.{region}.compute.internal"


def public_dns_name(address: str, region: str) -> str:
    return f"ec2-{address.replace('.', '-')}.{region}.compute.amazonaws.com"


def interface_document(state: Ec2State, interface: NetworkInterface) -> Document:
    """As DescribeNetworkInterfaces shows it."""
    place = state.interfaces.subnets[interface.subnet]
    primary = interface.addresses[0]
    whole: Document = {
        "NetworkInterfaceId": interface.id,
        "SubnetId": interface.subnet,
        "VpcId": place.vpc,
        "AvailabilityZone": place.availability_zone,
        "OwnerId": state.account,
        "Description": interface.description,
        "InterfaceType": "interface",
        "MacAddress": interface.mac,
        "Status": interface.status,
        "SourceDestCheck": interface.source_dest_check,
        "RequesterManaged": interface.requester is not None,
        "PrivateIpAddress": primary,
        "PrivateDnsName": private_dns_name(primary, state.region),
        "PrivateIpAddresses": [_address(state, interface, each) for each in interface.addresses],
        "Ipv6Addresses": [],
        "Groups": groups_document(state, interface),
        "TagSet": state.tags.shown(interface.id),
    }
    if interface.prefixes:
        whole["Ipv4Prefixes"] = [{"Ipv4Prefix": prefix} for prefix in interface.prefixes]
    if interface.requester is not None:
        whole["RequesterId"] = interface.requester
    if association := association_document(state, primary):
        whole["Association"] = association
    if interface.attachment is not None:
        whole["Attachment"] = _attachment(state, interface.attachment)
    return whole


def groups_document(state: Ec2State, interface: NetworkInterface) -> list[Document]:
    """GroupIdentifiers."""
    return [{"GroupId": each, "GroupName": state.groups.by_id[each].name} for each in interface.groups]


def association_document(state: Ec2State, private_ip: str) -> Document | None:
    """The public address of a private one; a service's own has no allocation to show."""
    public = state.addresses.of_private(private_ip)
    if public is None:
        return None
    told: Document = {
        "IpOwnerId": public.service or state.account,
        "PublicIp": public.public_ip,
        "PublicDnsName": public_dns_name(public.public_ip, state.region),
    }
    if public.service is None:
        told |= {"AllocationId": public.id, "AssociationId": public.association}
    return told


def _address(state: Ec2State, interface: NetworkInterface, address: str) -> Document:
    association = association_document(state, address)
    return {
        "Primary": address == interface.addresses[0],
        "PrivateIpAddress": address,
        "PrivateDnsName": private_dns_name(address, state.region),
        **({"Association": association} if association else {}),
    }


def _attachment(state: Ec2State, attachment: Attachment) -> Document:
    mine = attachment.instance_id is not None
    owner = {"InstanceId": attachment.instance_id} if mine else {}
    return {
        "AttachmentId": attachment.id,
        **owner,
        "InstanceOwnerId": state.account if mine else ELB,
        "AttachTime": time_text(attachment.attached_ns),
        "DeviceIndex": attachment.device_index,
        "NetworkCardIndex": 0,
        "Status": "attached",
        "DeleteOnTermination": attachment.delete_on_termination,
    }


def group_document(state: Ec2State, group: SecurityGroup) -> Document:
    """As DescribeSecurityGroups shows it."""
    return {
        "GroupId": group.id,
        "GroupName": group.name,
        "Description": group.description,
        "OwnerId": state.account,
        "VpcId": group.vpc,
        "SecurityGroupArn": f"arn:aws:ec2:{state.region}:{state.account}:security-group/{group.id}",
        "IpPermissions": permissions_of(group.of(False), state.account),
        "IpPermissionsEgress": permissions_of(group.of(True), state.account),
        "Tags": state.tags.shown(group.id),
    }


def rule_document(state: Ec2State, group: SecurityGroup, rule: GroupRule) -> Document:
    """As DescribeSecurityGroupRules shows it."""
    ports = {"FromPort": rule.from_port, "ToPort": rule.to_port}
    told: Document = {
        "SecurityGroupRuleId": rule.id,
        "GroupId": group.id,
        "GroupOwnerId": state.account,
        "IsEgress": rule.egress,
        "IpProtocol": rule.protocol,
        **(ports if rule.protocol != ALL else {"FromPort": -1, "ToPort": -1}),
        "Tags": state.tags.shown(rule.id),
    }
    if rule.cidr is not None:
        told["CidrIpv4"] = rule.cidr
    else:
        told["ReferencedGroupInfo"] = {"GroupId": rule.group, "UserId": state.account}
    if rule.description is not None:
        told["Description"] = rule.description
    return told


def address_document(state: Ec2State, address: PublicAddress) -> Document:
    """As DescribeAddresses shows it."""
    told: Document = {
        "AllocationId": address.id,
        "Domain": "vpc",
        "PublicIp": address.public_ip,
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": state.region,
        "Tags": state.tags.shown(address.id),
    }
    if address.private_ip is not None:
        told |= {"AssociationId": address.association, "PrivateIpAddress": address.private_ip}
        eni = state.holder(address.private_ip)
        if eni is not None:
            told |= {"NetworkInterfaceId": eni, "NetworkInterfaceOwnerId": state.account}
            attachment = state.interfaces.by_id[eni].attachment
            if attachment is not None and attachment.instance_id is not None:
                told["InstanceId"] = attachment.instance_id
    return told

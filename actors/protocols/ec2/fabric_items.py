"""What EC2 tells a VPC's fabric, and what its instances find in their metadata: items by key, as plain values.

    interface/<eni>       one that is plugged in: port, subnet, addresses, prefixes, groups, whose it is
    security-group/<id>   its name and its rules
    instance/<id>         its type, port and zone
    revision              grows with every change, so that one can wait for it

Subnets and groups go by their names in the VPC, as its packets' stories tell them; their ids stand beside.
"""

from typing import Any

from actors.protocols.ec2.permissions import ALL, GroupRule
from actors.protocols.ec2.records import NetworkInterface
from actors.protocols.ec2.security_groups import SecurityGroup
from actors.protocols.ec2.state import Ec2State

REVISION = "revision"
Item = dict[str, Any]


def interface_key(eni: str) -> str:
    return f"interface/{eni}"


def group_key(group_id: str) -> str:
    return f"security-group/{group_id}"


def interface_item(state: Ec2State, interface: NetworkInterface) -> Item | None:
    """The interface as packets meet it; None while it is plugged in nowhere."""
    attachment = interface.attachment
    if attachment is None:
        return None
    return {
        "port": attachment.port,
        "subnet": state.interfaces.subnets[interface.subnet].name,
        "addresses": list(interface.addresses),
        "prefixes": list(interface.prefixes),
        "groups": [state.groups.by_id[each].name for each in interface.groups],
        "source_dest_check": interface.source_dest_check,
        "instance_id": attachment.instance_id,
        "device_index": attachment.device_index,
        "attachment_id": attachment.id,
        "subnet_id": interface.subnet,
        "group_ids": list(interface.groups),
    }


def group_item(state: Ec2State, group: SecurityGroup) -> Item:
    return {
        "name": group.name,
        "ingress": [_rule(state, rule) for rule in group.of(False)],
        "egress": [_rule(state, rule) for rule in group.of(True)],
    }


def _rule(state: Ec2State, rule: GroupRule) -> Item:
    peer = rule.cidr if rule.group is None else state.groups.by_id[rule.group].name
    protocol = "all" if rule.protocol == ALL else rule.protocol
    return {"protocol": protocol, "from": rule.from_port, "to": rule.to_port, "peer": peer}


def items_of(state: Ec2State, vpc: str) -> dict[str, Item]:
    """All items of the VPC with this id."""
    interfaces = state.interfaces
    items: dict[str, Item] = {
        group_key(group.id): group_item(state, group)
        for group in state.groups.by_id.values()
        if group.vpc == vpc
    }
    instances = set()
    for interface in interfaces.by_id.values():
        if interfaces.subnets[interface.subnet].vpc != vpc:
            continue
        if (item := interface_item(state, interface)) is not None:
            items[interface_key(interface.id)] = item
            instances.add(item["instance_id"])
    for instance in interfaces.instances.values():
        if instance.id in instances:
            items[f"instance/{instance.id}"] = {
                "type": instance.type,
                "port": instance.port,
                "availability_zone": instance.availability_zone,
            }
    return items

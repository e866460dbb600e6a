"""EC2's operations on network interfaces and their private addresses."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from actors.parts.aws_api.ec2.core import Ec2Core
from actors.parts.aws_api.ec2.operation import (
    PAGED,
    Operation,
    Output,
    Parameters,
    changing,
    looking,
    value_of,
    wanted,
)
from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.documents import interface_document
from actors.protocols.ec2.filters import filtered
from actors.protocols.ec2.network_interfaces import Wanted
from actors.protocols.ec2.pages import page
from actors.protocols.ec2.records import NetworkInterface
from actors.protocols.ec2.tags import specified
from actors.wire.addresses import ip_text

FILTERS = {
    "addresses.association.public-ip": "PrivateIpAddresses.Association.PublicIp",
    "addresses.primary": "PrivateIpAddresses.Primary",
    "addresses.private-ip-address": "PrivateIpAddresses.PrivateIpAddress",
    "association.allocation-id": "Association.AllocationId",
    "association.association-id": "Association.AssociationId",
    "association.ip-owner-id": "Association.IpOwnerId",
    "association.public-ip": "Association.PublicIp",
    "attachment.attachment-id": "Attachment.AttachmentId",
    "attachment.delete-on-termination": "Attachment.DeleteOnTermination",
    "attachment.device-index": "Attachment.DeviceIndex",
    "attachment.instance-id": "Attachment.InstanceId",
    "attachment.instance-owner-id": "Attachment.InstanceOwnerId",
    "attachment.status": "Attachment.Status",
    "availability-zone": "AvailabilityZone",
    "description": "Description",
    "group-id": "Groups.GroupId",
    "group-name": "Groups.GroupName",
    "interface-type": "InterfaceType",
    "mac-address": "MacAddress",
    "network-interface-id": "NetworkInterfaceId",
    "owner-id": "OwnerId",
    "private-dns-name": "PrivateDnsName",
    "private-ip-address": "PrivateIpAddress",
    "requester-id": "RequesterId",
    "requester-managed": "RequesterManaged",
    "source-dest-check": "SourceDestCheck",
    "status": "Status",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


class NetworkInterfaceOperations:
    """Create, attach, detach, delete, modify, assign, unassign, describe."""

    def __init__(self, core: Ec2Core) -> None:
        self._core, self._state, self._interfaces = core, core.state, core.state.interfaces

    def operations(self) -> Mapping[str, Operation]:
        names = ("PrivateIpAddresses", "SecondaryPrivateIpAddressCount", "Ipv4PrefixCount")
        eni = "NetworkInterfaceId"
        return {
            "CreateNetworkInterface": changing(
                self._create, "SubnetId", "Groups", "Description", "PrivateIpAddress", *names, "InterfaceType",
                "TagSpecifications", "ClientToken",
            ),
            "AttachNetworkInterface": changing(self._attach, eni, "InstanceId", "DeviceIndex"),
            "DetachNetworkInterface": changing(self._detach, "AttachmentId", "Force"),
            "DeleteNetworkInterface": changing(self._delete, eni),
            "ModifyNetworkInterfaceAttribute": changing(
                self._modify, eni, "Description", "SourceDestCheck", "Groups", "Attachment"
            ),
            "AssignPrivateIpAddresses": changing(self._assign, eni, *names),
            "UnassignPrivateIpAddresses": changing(self._unassign, eni, "PrivateIpAddresses", "Ipv4Prefixes"),
            "DescribeNetworkInterfaces": looking(self._describe, "NetworkInterfaceIds", *PAGED),
            "DescribeNetworkInterfaceAttribute": looking(self._describe_attribute, eni, "Attribute"),
        }  # fmt: skip

    def _mine(self, eni: str) -> NetworkInterface:
        """An interface that is not a service's own. Raises `AwsError`."""
        interface = self._interfaces.known(eni)
        if interface.requester is not None:
            raise AwsError("AuthFailure", "You do not have permission to access the specified resource.", 403)
        return interface

    # ---- interfaces ----------------------------------------------------------------------------------------

    def _create(self, parameters: Parameters) -> Output:
        token = parameters.get("ClientToken")
        if token and (kept := self._asked_before(token, parameters)) is not None:
            return self._created(kept, parameters)
        tags = specified(parameters.get("TagSpecifications", ()), "network-interface")
        if parameters.get("InterfaceType", "interface") != "interface":
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({parameters['InterfaceType']}) for parameter interfaceType is invalid.",
            )
        subnet = parameters["SubnetId"]
        vpc = self._interfaces.subnet(subnet).vpc
        groups = parameters.get("Groups") or [self._state.groups.default_of(vpc).id]
        primary, others = _named(parameters)
        eni = self._core.new_id("eni")
        own_tags = self._state.tags.with_these(eni, tags)
        created = self._interfaces.create(
            eni, subnet, groups, self._wanted(parameters, others), parameters.get("Description", ""), primary
        )
        self._core.keep_tags(eni, own_tags)
        self._core.keep_interface(created)
        if token:
            self._core.tokens.put(token, {"eni": eni, "request": _digest(parameters)})
        return self._created(created, parameters)

    def _asked_before(self, token: str, parameters: Parameters) -> NetworkInterface | None:
        """The interface of a request that was sent once already. Raises `AwsError` if it was another one."""
        kept = self._core.tokens.get(token)
        if kept is None or kept["eni"] not in self._interfaces.by_id:
            return None
        if kept["request"] != _digest(parameters):
            raise AwsError(
                "IdempotentParameterMismatch",
                f"The request uses the same client token as a previous, but non-identical request: {token}",
            )
        return self._interfaces.by_id[kept["eni"]]

    def _created(self, interface: NetworkInterface, parameters: Parameters) -> Output:
        token = {"ClientToken": parameters["ClientToken"]} if parameters.get("ClientToken") else {}
        return {"NetworkInterface": interface_document(self._state, interface), **token}

    @staticmethod
    def _wanted(parameters: Parameters, addresses: list[str]) -> Wanted:
        return Wanted(
            addresses,
            parameters.get("SecondaryPrivateIpAddressCount") or 0,
            parameters.get("Ipv4PrefixCount") or 0,
        )

    def _attach(self, parameters: Parameters) -> Output:
        eni, instance_id = parameters["NetworkInterfaceId"], parameters["InstanceId"]
        self._mine(eni)
        attachment_id = self._core.new_id("eni-attach")
        now_ns = self._core.context.unix_ns()
        attached = self._interfaces.attach(eni, instance_id, parameters["DeviceIndex"], attachment_id, now_ns)
        self._core.keep_interface(attached)
        self._core.later(lambda: self._plug_in(eni, instance_id))
        return {"AttachmentId": attachment_id, "NetworkCardIndex": 0}

    async def _plug_in(self, eni: str, instance_id: str) -> None:
        """The instance notices that it has another interface; one that is down asks for what it has when it boots."""
        interface = self._interfaces.by_id.get(eni)
        if interface is None or interface.attachment is None:
            return
        prefix = self._interfaces.subnets[interface.subnet].prefix
        await self._tell(
            interface.attachment.port,
            "attach_interface",
            id=eni,
            device=interface.attachment.device_index,
            address=f"{interface.addresses[0]}/{prefix.length}",
            gateway=ip_text((prefix.network + 1).to_bytes(4)),
        )

    async def _tell(self, port: str, verb: str, **arguments: Any) -> None:
        if why := await self._core.tell(port, verb, **arguments):
            self._core.context.event("ec2.instance_away", instance=port, verb=verb, error=why)

    def _detach(self, parameters: Parameters) -> Output:
        """`Force` is for an instance that does not let go; ours all do."""
        attached = self._interfaces.attached(parameters["AttachmentId"])
        attachment = attached.attachment
        assert attachment is not None
        self._core.keep_interface(self._interfaces.detach(attachment.id))
        self._core.later(lambda: self._tell(attachment.port, "detach_interface", id=attached.id))
        return {}

    def _delete(self, parameters: Parameters) -> Output:
        self._mine(parameters["NetworkInterfaceId"])
        self._core.drop_interface(self._interfaces.delete(parameters["NetworkInterfaceId"]))
        return {}

    def _modify(self, parameters: Parameters) -> Output:
        eni, attachment = parameters["NetworkInterfaceId"], parameters.get("Attachment")
        interface = self._mine(eni)
        names = ("Description", "SourceDestCheck", "Groups", "Attachment")
        given = [name for name in names if parameters.get(name) not in (None, [], {})]
        if len(given) != 1:
            code, what = (
                ("InvalidParameterCombination", "Fields for multiple attribute types specified")
                if given
                else ("InvalidParameterCombination", "No attributes specified.")
            )
            raise AwsError(code, f"{what}: {', '.join(given)}" if given else what)
        if attachment and attachment.get("AttachmentId") not in (
            None,
            interface.attachment.id if interface.attachment else "",
        ):
            raise AwsError(
                "InvalidAttachmentID.NotFound",
                f"The attachment ID '{attachment['AttachmentId']}' does not exist",
            )
        self._core.keep_interface(
            self._interfaces.modify(
                eni,
                parameters.get("Groups") or None,
                (attachment or {}).get("DeleteOnTermination"),
                value_of(parameters, "SourceDestCheck"),
                value_of(parameters, "Description"),
            )
        )
        return {}

    # ---- addresses -----------------------------------------------------------------------------------------

    def _assign(self, parameters: Parameters) -> Output:
        eni = parameters["NetworkInterfaceId"]
        self._mine(eni)
        names = list(parameters.get("PrivateIpAddresses") or ())
        interface, addresses, prefixes = self._interfaces.assign(eni, self._wanted(parameters, names))
        self._core.keep_interface(interface)
        return {
            "NetworkInterfaceId": eni,
            "AssignedPrivateIpAddresses": [{"PrivateIpAddress": address} for address in addresses],
            "AssignedIpv4Prefixes": [{"Ipv4Prefix": prefix} for prefix in prefixes],
        }

    def _unassign(self, parameters: Parameters) -> Output:
        eni = parameters["NetworkInterfaceId"]
        self._mine(eni)
        self._core.keep_interface(
            self._interfaces.unassign(
                eni, parameters.get("PrivateIpAddresses") or (), parameters.get("Ipv4Prefixes") or ()
            )
        )
        return {}

    # ---- looking -------------------------------------------------------------------------------------------

    def _describe(self, parameters: Parameters) -> Output:
        chosen = wanted(self._interfaces.by_id, parameters.get("NetworkInterfaceIds"), self._interfaces.known)
        documents = [interface_document(self._state, self._interfaces.by_id[eni]) for eni in chosen]
        found = filtered(documents, parameters.get("Filters") or (), FILTERS, "TagSet")
        shown, more = page(found, "NetworkInterfaceId", parameters, "NetworkInterfaceIds")
        return {"NetworkInterfaces": shown, **more}

    def _describe_attribute(self, parameters: Parameters) -> Output:
        eni, attribute = parameters["NetworkInterfaceId"], parameters.get("Attribute")
        document = interface_document(self._state, self._interfaces.known(eni))
        parts = {
            "description": {"Description": {"Value": document["Description"]}},
            "groupSet": {"Groups": document["Groups"]},
            "sourceDestCheck": {"SourceDestCheck": {"Value": document["SourceDestCheck"]}},
            "attachment": {"Attachment": document["Attachment"]} if "Attachment" in document else {},
        }
        if attribute not in parts:
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({attribute}) for parameter attribute is invalid. Unknown attribute.",
            )
        return {"NetworkInterfaceId": eni, **parts[attribute]}


def _named(parameters: Parameters) -> tuple[str | None, list[str]]:
    """The primary address and the others that a request names. Raises `AwsError`."""
    primary, others = parameters.get("PrivateIpAddress"), []
    for each in parameters.get("PrivateIpAddresses") or ():
        if not each.get("Primary"):
            others.append(each.get("PrivateIpAddress", ""))
        elif primary is None:
            primary = each.get("PrivateIpAddress", "")
        else:
            raise AwsError("InvalidParameterCombination", "There can be only one primary private address")
    return primary, others


def _digest(parameters: Parameters) -> str:
    return sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()

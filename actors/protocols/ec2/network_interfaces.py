"""Elastic network interfaces: what EC2 creates, attaches, assigns and takes away again, and what it refuses.

How this works. Interfaces are records that are replaced, never changed, so that whoever keeps them on disk or shows
them to packets can take the new one as it is. Each verb is one of EC2's; it returns what it changed, or raises
`AwsError` and has changed nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.ids import not_found
from actors.protocols.ec2.records import Attachment, NetworkInterface
from actors.protocols.ec2.subnets import SubnetAddresses
from actors.protocols.instance_types import LIMITS, Limits
from actors.wire.addresses import Prefix

MAX_GROUPS = 16


class Instance(NamedTuple):
    """An EC2 instance: the port of the fabric that it is at, its type and its zone."""

    id: str
    type: str
    port: str
    availability_zone: str

    @property
    def limits(self) -> Limits:
        return LIMITS[self.type]


class SubnetPlace(NamedTuple):
    """A subnet: its prefix, its availability zone, the id of its VPC, and what it is called there."""

    prefix: Prefix
    availability_zone: str
    vpc: str = ""
    name: str = ""


class Wanted(NamedTuple):
    """Private addresses that a request asks for: by name, or so many of EC2's own choice, or so many /28 prefixes."""

    addresses: Sequence[str] = ()
    address_count: int = 0
    prefix_count: int = 0


class NetworkInterfaces:
    """All network interfaces, attached or not. `check_groups(groups, vpc)` raises for a group that there is not."""

    def __init__(self, check_groups: Callable[[Sequence[str], str], None]) -> None:
        self.subnets: dict[str, SubnetPlace] = {}
        self.instances: dict[str, Instance] = {}
        self.by_id: dict[str, NetworkInterface] = {}
        self._addresses: dict[str, SubnetAddresses] = {}
        self._groups_exist = check_groups

    # ---- what there is -------------------------------------------------------------------------------------

    def add_subnet(self, subnet_id: str, place: SubnetPlace) -> None:
        """There is such a subnet, with nothing in it."""
        self.subnets[subnet_id] = place
        self._addresses[subnet_id] = SubnetAddresses(subnet_id, place.prefix)

    def add_instance(self, instance: Instance) -> None:
        self.instances[instance.id] = instance

    def subnet(self, subnet_id: str) -> SubnetPlace:
        """Raises `AwsError`."""
        if subnet_id not in self.subnets:
            raise not_found("subnet", subnet_id)
        return self.subnets[subnet_id]

    def remove(self, eni: str) -> None:
        """There is no such interface any longer, attached or not."""
        interface = self.by_id.pop(eni)
        self._addresses[interface.subnet].give_back(interface.held())

    def remove_places(self, vpc: str) -> None:
        """The subnets of a VPC are gone, and the instances that have no interfaces any longer."""
        for subnet in [each for each, place in self.subnets.items() if place.vpc == vpc]:
            del self.subnets[subnet], self._addresses[subnet]
        for instance in [each for each in self.instances if not self.of_instance(each)]:
            del self.instances[instance]

    def put(self, interface: NetworkInterface) -> None:
        """There is such an interface: from the config, or from the disk."""
        self._addresses[interface.subnet].take(interface.held(), interface.id)
        self.by_id[interface.id] = interface

    def known(self, eni: str) -> NetworkInterface:
        if eni not in self.by_id:
            raise not_found("eni", eni)
        return self.by_id[eni]

    def instance(self, instance_id: str) -> Instance:
        if instance_id not in self.instances:
            raise not_found("i", instance_id)
        return self.instances[instance_id]

    def of_instance(self, instance_id: str) -> list[NetworkInterface]:
        """Its interfaces by their device numbers."""
        mine = [
            (interface.attachment.device_index, interface)
            for interface in self.by_id.values()
            if interface.attachment is not None and interface.attachment.instance_id == instance_id
        ]
        return [interface for _, interface in sorted(mine, key=lambda pair: pair[0])]

    def free_addresses(self, subnet: str) -> int:
        return self._addresses[subnet].free

    # ---- interfaces ----------------------------------------------------------------------------------------

    def create(
        self,
        eni: str,
        subnet: str,
        groups: Sequence[str],
        wanted: Wanted = Wanted(),
        description: str = "",
        primary: str | None = None,
        requester: str | None = None,
    ) -> NetworkInterface:
        """CreateNetworkInterface: one with a primary address, of EC2's choice if none is given, and what else is
        wanted."""
        self._check_groups(groups, self.subnet(subnet).vpc)
        pool = self._addresses[subnet]
        named = self._named(pool, wanted)
        if primary is not None:
            pool.check(primary)
        count = wanted.address_count + (primary is None)
        picked = pool.pick(count, beside=[*named, *([primary] if primary else [])]) if count else []
        addresses = ((primary or picked.pop(0)), *named, *picked)
        if len(set(addresses)) < len(addresses):
            raise AwsError("InvalidParameterValue", f"{primary} cannot be primary and secondary")
        interface = NetworkInterface(
            eni, subnet, addresses, tuple(groups), (), description, requester=requester
        )
        pool.take(interface.held(), eni)
        try:
            prefixes = tuple(pool.pick_prefixes(wanted.prefix_count))
        except AwsError:
            pool.give_back(interface.held())
            raise
        interface = replace(interface, prefixes=prefixes)
        self.put(interface)
        return interface

    def delete(self, eni: str) -> NetworkInterface:
        """DeleteNetworkInterface: only what is not attached."""
        interface = self.known(eni)
        if interface.attachment is not None:
            raise AwsError("InvalidParameterValue", f"Network interface '{eni}' is currently in use.")
        self._addresses[interface.subnet].give_back(interface.held())
        del self.by_id[eni]
        return interface

    def attach(
        self, eni: str, instance_id: str, device_index: int, attachment_id: str, now_ns: int
    ) -> NetworkInterface:
        """AttachNetworkInterface."""
        interface, instance = self.known(eni), self.instance(instance_id)
        if interface.attachment is not None:
            raise AwsError("InvalidNetworkInterface.InUse", f"Network interface '{eni}' is currently in use.")
        if self.subnets[interface.subnet].availability_zone != instance.availability_zone:
            raise AwsError(
                "InvalidParameterCombination",
                "You may not attach a network interface to an instance if they are not in the same availability zone",
            )
        mine = self.of_instance(instance_id)
        if len(mine) >= instance.limits.interfaces:
            raise AwsError(
                "AttachmentLimitExceeded",
                f"Interface count {len(mine) + 1} exceeds the limit for {instance.type}",
            )
        devices = [each.attachment.device_index for each in mine if each.attachment is not None]
        if device_index in devices or not 0 <= device_index < instance.limits.interfaces:
            raise AwsError(
                "InvalidParameterValue",
                f"Instance '{instance_id}' already has an interface attached at device index '{device_index}'.",
            )
        self._check_room(instance, interface, Wanted())
        attachment = Attachment(attachment_id, instance.port, instance_id, device_index, now_ns)
        return self._replace(replace(interface, attachment=attachment))

    def attached(self, attachment_id: str) -> NetworkInterface:
        """The interface with this attachment, which can be detached. Raises `AwsError`."""
        for interface in self.by_id.values():
            attachment = interface.attachment
            if (
                attachment is not None
                and attachment.id == attachment_id
                and attachment.instance_id is not None
            ):
                if attachment.device_index == 0:
                    raise AwsError(
                        "OperationNotPermitted", "The network interface at device index 0 cannot be detached."
                    )
                return interface
        raise not_found("eni-attach", attachment_id)

    def detach(self, attachment_id: str) -> NetworkInterface:
        """DetachNetworkInterface."""
        return self._replace(replace(self.attached(attachment_id), attachment=None))

    def plug(self, eni: str, attachment: Attachment) -> NetworkInterface:
        """Attach an interface to what is no instance: a load balancer's node."""
        return self._replace(replace(self.known(eni), attachment=attachment))

    def unplug(self, eni: str) -> NetworkInterface:
        """Take an interface away from whatever it is attached to."""
        return self._replace(replace(self.known(eni), attachment=None))

    def modify(
        self,
        eni: str,
        groups: Sequence[str] | None = None,
        delete_on_termination: bool | None = None,
        source_dest_check: bool | None = None,
        description: str | None = None,
    ) -> NetworkInterface:
        """ModifyNetworkInterfaceAttribute."""
        interface = self.known(eni)
        if description is not None:
            interface = replace(interface, description=description)
        if groups is not None:
            self._check_groups(groups, self.subnets[interface.subnet].vpc)
            interface = replace(interface, groups=tuple(groups))
        if source_dest_check is not None:
            interface = replace(interface, source_dest_check=source_dest_check)
        if delete_on_termination is not None:
            if interface.attachment is None:
                raise AwsError("InvalidAttachmentID.NotFound", f"Network interface '{eni}' is not attached")
            attachment = replace(interface.attachment, delete_on_termination=delete_on_termination)
            interface = replace(interface, attachment=attachment)
        return self._replace(interface)

    # ---- addresses -----------------------------------------------------------------------------------------

    def assign(self, eni: str, wanted: Wanted) -> tuple[NetworkInterface, list[str], list[str]]:
        """AssignPrivateIpAddresses: the interface, its new addresses, its new prefixes."""
        interface = self.known(eni)
        pool = self._addresses[interface.subnet]
        if min(wanted.address_count, wanted.prefix_count) < 0:
            raise AwsError("InvalidParameterValue", "A number of addresses or prefixes is not negative")
        if not (wanted.addresses or wanted.address_count > 0 or wanted.prefix_count > 0):
            raise AwsError("MissingParameter", "The request must contain addresses, or a count of them")
        if interface.attachment is not None and interface.attachment.instance_id is not None:
            self._check_room(self.instance(interface.attachment.instance_id), interface, wanted)
        chosen = self._named(pool, wanted) + (pool.pick(wanted.address_count) if wanted.address_count else [])
        prefixes = pool.pick_prefixes(wanted.prefix_count) if wanted.prefix_count else []
        changed = replace(
            interface,
            addresses=(*interface.addresses, *chosen),
            prefixes=(*interface.prefixes, *prefixes),
        )
        return self._replace(changed), chosen, prefixes

    def unassign(
        self, eni: str, addresses: Sequence[str] = (), prefixes: Sequence[str] = ()
    ) -> NetworkInterface:
        """UnassignPrivateIpAddresses: secondary addresses and prefixes only."""
        interface = self.known(eni)
        for address in addresses:
            if address not in interface.addresses[1:]:
                raise AwsError(
                    "InvalidParameterValue",
                    f"Some of the specified addresses are not assigned to interface {eni}: {address}",
                )
        for prefix in prefixes:
            if prefix not in interface.prefixes:
                raise AwsError(
                    "InvalidParameterValue",
                    f"Some of the specified prefixes are not assigned to interface {eni}: {prefix}",
                )
        return self._replace(
            replace(
                interface,
                addresses=tuple(each for each in interface.addresses if each not in addresses),
                prefixes=tuple(each for each in interface.prefixes if each not in prefixes),
            )
        )

    # ---- help ----------------------------------------------------------------------------------------------

    def _replace(self, interface: NetworkInterface) -> NetworkInterface:
        self._addresses[interface.subnet].give_back(self.by_id[interface.id].held())
        self.put(interface)
        return interface

    def _named(self, pool: SubnetAddresses, wanted: Wanted) -> list[str]:
        for address in wanted.addresses:
            pool.check(address)
        if len(set(wanted.addresses)) < len(wanted.addresses):
            raise AwsError("InvalidParameterValue", "The same address is asked for twice")
        if sum(map(bool, wanted)) > 1:
            what = "Ask for addresses, or for a number of them, or for a number of prefixes"
            raise AwsError("InvalidParameterCombination", what)
        return list(wanted.addresses)

    def _check_groups(self, groups: Sequence[str], vpc: str) -> None:
        if not 0 < len(groups) <= MAX_GROUPS:
            raise AwsError(
                "SecurityGroupsPerInterfaceLimitExceeded", f"An interface has 1 to {MAX_GROUPS} groups"
            )
        self._groups_exist(groups, vpc)

    @staticmethod
    def _check_room(instance: Instance, interface: NetworkInterface, wanted: Wanted) -> None:
        """A prefix takes the place of one address."""
        asked = len(wanted.addresses) + wanted.address_count + wanted.prefix_count
        slots = len(interface.addresses) + len(interface.prefixes) + asked
        if slots > instance.limits.addresses:
            raise AwsError(
                "PrivateIpAddressLimitExceeded",
                f"Number of private addresses will exceed limit: {instance.type} has {instance.limits.addresses} per "
                f"interface, {interface.id} would have {slots}.",
            )

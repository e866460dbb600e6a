"""Elastic network interfaces: what EC2 creates, attaches, assigns and takes away again, and what it refuses.

How this works. Interfaces are records that are replaced, never changed, so that whoever keeps them on disk or shows
them to packets can take the new one as it is. Each verb is one of EC2's; it returns what it changed, or raises
`Ec2Error` and has changed nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from actors.protocols.ec2.errors import Ec2Error
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
    """A subnet: its prefix and its availability zone."""

    prefix: Prefix
    availability_zone: str


class Wanted(NamedTuple):
    """Private addresses that a request asks for: by name, or so many of EC2's own choice, or so many /28 prefixes."""

    addresses: Sequence[str] = ()
    address_count: int = 0
    prefix_count: int = 0


class NetworkInterfaces:
    """All network interfaces of one VPC, attached or not."""

    def __init__(
        self, subnets: Mapping[str, SubnetPlace], groups: Iterable[str], instances: Iterable[Instance]
    ) -> None:
        self.subnets = dict(subnets)
        self.instances = {instance.id: instance for instance in instances}
        self.by_id: dict[str, NetworkInterface] = {}
        self._addresses = {name: SubnetAddresses(name, each.prefix) for name, each in subnets.items()}
        self._groups = frozenset(groups)

    # ---- what there is -------------------------------------------------------------------------------------

    def put(self, interface: NetworkInterface) -> None:
        """There is such an interface: from the config, or from the disk."""
        self._addresses[interface.subnet].take(interface.held(), interface.id)
        self.by_id[interface.id] = interface

    def known(self, eni: str) -> NetworkInterface:
        if eni not in self.by_id:
            raise Ec2Error(
                "InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{eni}' does not exist"
            )
        return self.by_id[eni]

    def instance(self, instance_id: str) -> Instance:
        if instance_id not in self.instances:
            raise Ec2Error("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
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
        tags: Mapping[str, str] | None = None,
    ) -> NetworkInterface:
        """CreateNetworkInterface: one with a primary address of EC2's choice, and what else is wanted."""
        if subnet not in self.subnets:
            raise Ec2Error("InvalidSubnetID.NotFound", f"The subnet ID '{subnet}' does not exist")
        self._check_groups(groups)
        pool = self._addresses[subnet]
        named = self._named(pool, wanted)
        primary, *others = pool.pick(1 + wanted.address_count)
        chosen = [*named, *others]
        if primary in chosen:
            raise Ec2Error("InvalidParameterValue", f"{primary} cannot be primary and secondary")
        interface = NetworkInterface(
            eni, subnet, (primary, *chosen), tuple(groups), (), description, tags=dict(tags or {})
        )
        self._addresses[subnet].take(interface.held(), eni)
        try:
            prefixes = tuple(pool.pick_prefixes(wanted.prefix_count))
        except Ec2Error:
            pool.give_back(interface.held())
            raise
        interface = replace(interface, prefixes=prefixes)
        self.put(interface)
        return interface

    def delete(self, eni: str) -> NetworkInterface:
        """DeleteNetworkInterface: only what is not attached."""
        interface = self.known(eni)
        if interface.attachment is not None:
            raise Ec2Error("InvalidParameterValue", f"Network interface '{eni}' is currently in use.")
        self._addresses[interface.subnet].give_back(interface.held())
        del self.by_id[eni]
        return interface

    def attach(
        self, eni: str, instance_id: str, device_index: int, attachment_id: str, now_ns: int
    ) -> NetworkInterface:
        """AttachNetworkInterface."""
        interface, instance = self.known(eni), self.instance(instance_id)
        if interface.attachment is not None:
            raise Ec2Error("InvalidNetworkInterface.InUse", f"Network interface '{eni}' is currently in use.")
        if self.subnets[interface.subnet].availability_zone != instance.availability_zone:
            raise Ec2Error(
                "InvalidParameterCombination",
                "You may not attach a network interface to an instance if they are not in the same availability zone",
            )
        mine = self.of_instance(instance_id)
        if len(mine) >= instance.limits.interfaces:
            raise Ec2Error(
                "AttachmentLimitExceeded",
                f"Interface count {len(mine) + 1} exceeds the limit for {instance.type}",
            )
        devices = [each.attachment.device_index for each in mine if each.attachment is not None]
        if device_index in devices or not 0 <= device_index < instance.limits.interfaces:
            raise Ec2Error(
                "InvalidParameterValue",
                f"Instance '{instance_id}' already has an interface attached at device index '{device_index}'.",
            )
        self._check_room(instance, interface, Wanted())
        attachment = Attachment(attachment_id, instance.port, instance_id, device_index, now_ns)
        return self._replace(replace(interface, attachment=attachment))

    def attached(self, attachment_id: str) -> NetworkInterface:
        """The interface with this attachment, which can be detached. Raises `Ec2Error`."""
        for interface in self.by_id.values():
            attachment = interface.attachment
            if (
                attachment is not None
                and attachment.id == attachment_id
                and attachment.instance_id is not None
            ):
                if attachment.device_index == 0:
                    raise Ec2Error(
                        "OperationNotPermitted", "The network interface at device index 0 cannot be detached."
                    )
                return interface
        raise Ec2Error("InvalidAttachmentID.NotFound", f"The attachment ID '{attachment_id}' does not exist")

    def detach(self, attachment_id: str) -> NetworkInterface:
        """DetachNetworkInterface."""
        return self._replace(replace(self.attached(attachment_id), attachment=None))

    def modify(
        self,
        eni: str,
        groups: Sequence[str] | None = None,
        delete_on_termination: bool | None = None,
        source_dest_check: bool | None = None,
    ) -> NetworkInterface:
        """ModifyNetworkInterfaceAttribute."""
        interface = self.known(eni)
        if groups is not None:
            self._check_groups(groups)
            interface = replace(interface, groups=tuple(groups))
        if source_dest_check is not None:
            interface = replace(interface, source_dest_check=source_dest_check)
        if delete_on_termination is not None:
            if interface.attachment is None:
                raise Ec2Error("InvalidAttachmentID.NotFound", f"Network interface '{eni}' is not attached")
            attachment = replace(interface.attachment, delete_on_termination=delete_on_termination)
            interface = replace(interface, attachment=attachment)
        return self._replace(interface)

    # ---- addresses -----------------------------------------------------------------------------------------

    def assign(self, eni: str, wanted: Wanted) -> tuple[NetworkInterface, list[str], list[str]]:
        """AssignPrivateIpAddresses: the interface, its new addresses, its new prefixes."""
        interface = self.known(eni)
        pool = self._addresses[interface.subnet]
        if not (wanted.addresses or wanted.address_count > 0 or wanted.prefix_count > 0):
            raise Ec2Error("MissingParameter", "The request must contain addresses, or a count of them")
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
                raise Ec2Error(
                    "InvalidParameterValue",
                    f"Some of the specified addresses are not assigned to interface {eni}: {address}",
                )
        for prefix in prefixes:
            if prefix not in interface.prefixes:
                raise Ec2Error(
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
            raise Ec2Error("InvalidParameterValue", "The same address is asked for twice")
        if sum(map(bool, wanted)) > 1:
            what = "Ask for addresses, or for a number of them, or for a number of prefixes"
            raise Ec2Error("InvalidParameterCombination", what)
        return list(wanted.addresses)

    def _check_groups(self, groups: Sequence[str]) -> None:
        if not 0 < len(groups) <= MAX_GROUPS:
            raise Ec2Error(
                "SecurityGroupsPerInterfaceLimitExceeded", f"An interface has 1 to {MAX_GROUPS} groups"
            )
        for group in groups:
            if group not in self._groups:
                raise Ec2Error("InvalidGroup.NotFound", f"The security group '{group}' does not exist")

    @staticmethod
    def _check_room(instance: Instance, interface: NetworkInterface, wanted: Wanted) -> None:
        """A prefix takes the place of one address."""
        asked = len(wanted.addresses) + wanted.address_count + wanted.prefix_count
        slots = len(interface.addresses) + len(interface.prefixes) + asked
        if slots > instance.limits.addresses:
            raise Ec2Error(
                "PrivateIpAddressLimitExceeded",
                f"Number of private addresses will exceed limit: {instance.type} has {instance.limits.addresses} per "
                f"interface, {interface.id} would have {slots}.",
            )

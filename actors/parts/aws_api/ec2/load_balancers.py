"""What Elastic Load Balancing asks of EC2 in its own name: network interfaces of load balancer nodes.

`Ec2.load_balancers` is one of these. All verbs work at once, inside the operation that calls them
(they are part of its transaction); packets meet the change moments later. They raise `AwsError` with EC2's codes.
"""

from collections.abc import Sequence
from typing import NamedTuple

from actors.parts.aws_api.ec2.core import Ec2Core
from actors.protocols.ec2.addresses import ELB
from actors.protocols.ec2.records import Attachment
from actors.wire.addresses import ip_text


class NodeInterface(NamedTuple):
    """A node's network interface: `address` has the length of the subnet's mask, `public_ip` only a node that faces
    the Internet."""

    eni: str
    address: str
    gateway: str
    public_ip: str | None


class SubnetFacts(NamedTuple):
    """What Elastic Load Balancing must know of a subnet."""

    id: str
    vpc: str
    availability_zone: str
    cidr: str
    free_addresses: int


class LoadBalancerInterfaces:
    """EC2, as Elastic Load Balancing uses it."""

    def __init__(self, core: Ec2Core) -> None:
        self._core, self._state = core, core.state

    # ---- looking -------------------------------------------------------------------------------------------

    def subnet(self, subnet_id: str) -> SubnetFacts:
        """Raises `AwsError` InvalidSubnetID.NotFound."""
        place = self._state.interfaces.subnet(subnet_id)
        free = self._state.interfaces.free_addresses(subnet_id)
        return SubnetFacts(subnet_id, place.vpc, place.availability_zone, str(place.prefix), free)

    def subnets(self) -> list[SubnetFacts]:
        """All there are, for IP targets: which zone an address is in."""
        return [self.subnet(each) for each in self._state.interfaces.subnets]

    def vpc_exists(self, vpc_id: str) -> bool:
        return vpc_id in self._state.vpcs

    def has_internet_gateway(self, vpc_id: str) -> bool:
        """Whether load balancers of this VPC can face the Internet. Raises `AwsError` InvalidVpcID.NotFound."""
        return self._state.vpc(vpc_id).internet_gateway is not None

    def vpc_cidr(self, vpc_id: str) -> str:
        """Raises `AwsError` InvalidVpcID.NotFound."""
        return self._state.vpc(vpc_id).cidr

    def check_groups(self, groups: Sequence[str], vpc_id: str) -> None:
        """Raises `AwsError` InvalidGroup.NotFound unless all are there, and in this VPC."""
        self._state.groups.check(groups, vpc_id)

    def default_group(self, vpc_id: str) -> str:
        """The id of a VPC's default security group."""
        return self._state.groups.default_of(vpc_id).id

    def instance_address(self, instance_id: str) -> str | None:
        """The primary private address of an instance; None for one that there is not."""
        mine = self._state.interfaces.of_instance(instance_id)
        return mine[0].addresses[0] if mine else None

    def instance_zone(self, instance_id: str) -> str | None:
        """Its availability zone; None for one that there is not."""
        instance = self._state.interfaces.instances.get(instance_id)
        return instance.availability_zone if instance else None

    def instance_vpc(self, instance_id: str) -> str | None:
        """The VPC that it is in; None for one that there is not."""
        mine = self._state.interfaces.of_instance(instance_id)
        return self._state.interfaces.subnets[mine[0].subnet].vpc if mine else None

    # ---- doing ---------------------------------------------------------------------------------------------

    def create(
        self,
        *,
        port: str,
        subnet: str,
        groups: Sequence[str],
        description: str,
        internet_facing: bool,
        private_ip: str | None = None,
    ) -> NodeInterface:
        """An interface in a subnet, plugged into the VPC's port of a node (`port`: the element's name), with a public
        address if it faces the Internet. The private address is the lowest free one unless it is given."""
        core, interfaces = self._core, self._state.interfaces
        place = interfaces.subnet(subnet)
        eni = core.new_id("eni")
        created = interfaces.create(
            eni, subnet, groups, description=description, primary=private_ip, requester=ELB
        )
        public = None
        if internet_facing:
            try:
                public = self._state.addresses.allocate(service=ELB)
            except BaseException:
                interfaces.delete(eni)
                raise
        attachment = Attachment(core.new_id("ela-attach"), port, None, 1, core.context.unix_ns())
        created = interfaces.plug(eni, attachment)
        core.keep_interface(created)
        if public is not None:
            for each in self._state.addresses.associate(public, created.addresses[0], again=True):
                core.keep_address(each)
        self._in_effect()
        address = f"{created.addresses[0]}/{place.prefix.length}"
        gateway = ip_text((place.prefix.network + 1).to_bytes(4))
        return NodeInterface(eni, address, gateway, public.public_ip if public else None)

    def release(self, eni: str) -> None:
        """The node has no such interface any longer; its addresses are free. Nothing happens if it is gone."""
        core, interfaces = self._core, self._state.interfaces
        if eni not in interfaces.by_id:
            return
        interface = interfaces.unplug(eni)
        core.keep_interface(interface)
        public = self._state.addresses.of_private(interface.addresses[0])
        if public is not None and public.service == ELB:
            core.drop_address(self._state.addresses.release(self._state.addresses.disassociate(public)))
        core.drop_interface(interfaces.delete(eni))
        self._in_effect()

    def set_groups(self, eni: str, groups: Sequence[str]) -> None:
        """The interface is in these security groups from now on."""
        self._core.keep_interface(self._state.interfaces.modify(eni, groups))
        self._in_effect()

    def _in_effect(self) -> None:
        """Let the VPC know; nobody waits for it."""
        work = self._core.settled()
        if work is not None:
            self._core.context.spawn(work, "VPC told")

"""The VPC's mapping service: which network interface (ENI) holds which private address.

The one place that knows; routers, ARP and security groups ask here. Errors are worded, and coded, as EC2's API does.
"""

from typing import NamedTuple

from actors.wire.addresses import Prefix, ip_text, mac_for

RESERVED = {
    0: "the network address",
    1: "the VPC router",
    2: "the DNS server",
    3: "kept for future use",
}
"""The first addresses of every subnet, which AWS keeps; so it does the last, the broadcast address."""


class EniError(ValueError):
    """What EC2 would refuse; `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Subnet(NamedTuple):
    """A subnet of the VPC; its router answers at the first address with `gateway_mac`."""

    name: str
    prefix: Prefix
    route_table: str
    gateway_mac: bytes

    @property
    def gateway(self) -> bytes:
        return (self.prefix.network + 1).to_bytes(4)

    def reserved(self, address: bytes) -> str | None:
        """What AWS keeps this address for; None when an interface may have it."""
        if address == self.prefix.broadcast:
            return "the broadcast address"
        return RESERVED.get(int.from_bytes(address) - self.prefix.network)


class Eni(NamedTuple):
    """An elastic network interface, attached where `port` leads; its first address is the primary one."""

    id: str
    port: str
    subnet: str
    addresses: tuple[bytes, ...]
    groups: tuple[str, ...]
    source_dest_check: bool = True

    @property
    def mac(self) -> bytes:
        return mac_for(self.id)


class EniMap:
    """Subnets, and the network interfaces in them by id, by MAC and by private address."""

    def __init__(self, subnets: dict[str, Subnet]) -> None:
        self.subnets = subnets
        self.by_id: dict[str, Eni] = {}
        self.by_mac: dict[bytes, Eni] = {}
        self.by_address: dict[bytes, Eni] = {}

    def subnet_of(self, address: bytes) -> Subnet | None:
        """The subnet that an address lies in, whether or not somebody holds it."""
        return next((subnet for subnet in self.subnets.values() if address in subnet.prefix), None)

    def groups_of(self, address: bytes) -> tuple[str, ...]:
        """The security groups of whoever holds an address; none for an address outside."""
        eni = self.by_address.get(address)
        return eni.groups if eni is not None else ()

    def attach(self, eni: Eni) -> None:
        """Attach a network interface; raises `EniError`."""
        if eni.id in self.by_id:
            raise EniError("InvalidNetworkInterface.InUse", f"{eni.id} is attached already")
        if eni.subnet not in self.subnets:
            raise EniError("InvalidSubnetID.NotFound", f"there is no subnet {eni.subnet!r}")
        if not eni.addresses:
            raise EniError("InvalidParameterValue", f"{eni.id} needs a private address")
        for address in eni.addresses:
            self._check_free(eni, address)
        self._put(eni)

    def detach(self, eni_id: str) -> Eni:
        """Take a network interface and its addresses away; raises `EniError`."""
        eni = self.known(eni_id)
        del self.by_id[eni.id], self.by_mac[eni.mac]
        for address in eni.addresses:
            del self.by_address[address]
        return eni

    def replace(self, eni: Eni) -> None:
        """The interface is as `eni` says from now on, attached before or not; raises `EniError`."""
        if eni.id in self.by_id:
            self.detach(eni.id)
        self.attach(eni)

    def assign(self, eni_id: str, address: bytes) -> Eni:
        """Give an interface a secondary private address; raises `EniError`."""
        eni = self.known(eni_id)
        self._check_free(eni, address)
        return self._put(eni._replace(addresses=(*eni.addresses, address)))

    def unassign(self, eni_id: str, address: bytes) -> Eni:
        """Take a secondary private address away; raises `EniError`."""
        eni = self.known(eni_id)
        if address not in eni.addresses[1:]:
            raise EniError(
                "InvalidParameterValue", f"{ip_text(address)} is no secondary private address of {eni_id}"
            )
        del self.by_address[address]
        return self._put(eni._replace(addresses=tuple(held for held in eni.addresses if held != address)))

    def set_groups(self, eni_id: str, groups: tuple[str, ...]) -> Eni:
        """Put an interface into these security groups instead of those it was in; raises `EniError`."""
        return self._put(self.known(eni_id)._replace(groups=groups))

    def known(self, eni_id: str) -> Eni:
        """The interface with this id; raises `EniError`."""
        if eni_id not in self.by_id:
            raise EniError("InvalidNetworkInterfaceID.NotFound", f"there is no network interface {eni_id}")
        return self.by_id[eni_id]

    def _put(self, eni: Eni) -> Eni:
        self.by_id[eni.id] = eni
        self.by_mac[eni.mac] = eni
        for address in eni.addresses:
            self.by_address[address] = eni
        return eni

    def _check_free(self, eni: Eni, address: bytes) -> None:
        subnet, text = self.subnets[eni.subnet], ip_text(address)
        if address not in subnet.prefix:
            raise EniError(
                "InvalidParameterValue", f"{text} does not fall within {subnet.name} ({subnet.prefix})"
            )
        if why := subnet.reserved(address):
            raise EniError("InvalidParameterValue", f"{text} is reserved in {subnet.name}: {why}")
        if address in self.by_address or eni.addresses.count(address) > 1:
            raise EniError("InvalidIPAddress.InUse", f"{text} is in use by {self._holder(eni, address)}")

    def _holder(self, eni: Eni, address: bytes) -> str:
        holder = self.by_address.get(address)
        return holder.id if holder else f"{eni.id} itself"

"""A node's kernel: its network interfaces, the pods' network namespaces on it, and the tables that programs write.

How this works. ENIs come and go as EC2 attaches and detaches them; all of a node's share its link to the VPC and are
told apart by their MAC addresses. A network namespace is the far end of a cable to a pod's process; a `link` that
somebody writes by netlink makes the near end a veth of the host. Rules, routes and neighbours go where packets look.
"""

from typing import Any, NamedTuple

from actors.element import Context
from actors.parts.node_forwarding import NodeForwarder, forget
from actors.protocols.connection_tracking import ConnectionTracker, Timeouts
from actors.protocols.netlink import Change, Link, NetlinkError, described, parse
from actors.protocols.node_tables import (
    Effect,
    LinkAdded,
    LinkRemoved,
    NeighbourForgotten,
    NeighbourSet,
    NodeTables,
)
from actors.protocols.service_proxy import ServiceTable
from actors.protocols.tcp import DEFAULTS, TcpSettings
from actors.stack import Stack
from actors.wire.addresses import InterfaceAddress, ip_bytes, mac_bytes, mac_for

ENI_PORT = "eth0"
"""The node's link to the VPC, which carries the frames of all of its ENIs."""


class AttachedInterface(NamedTuple):
    """An ENI as the instance sees it: `address` is its primary one with the subnet's prefix, `10.0.10.10/24`."""

    id: str
    device: int
    address: str
    gateway: str

    @property
    def name(self) -> str:
        return f"eth{self.device}"

    @property
    def own_address(self) -> str:
        return self.address.partition("/")[0]


class NodeKernel:
    """What stays of an instance when nothing runs on it: interfaces, tables, and the packets' way through them."""

    def __init__(self, context: Context, *, conntrack_max: int, tcp: TcpSettings = DEFAULTS) -> None:
        self._context = context
        self.boot_id = f"{context.random.getrandbits(64) ^ context.unix_ns():032x}"
        """Another one each time that the instance begins anew (/proc/sys/kernel/random/boot_id), though it has the same
        dice then."""
        self.interfaces: dict[str, AttachedInterface] = {}
        self.tables = NodeTables()
        self.stack = Stack(context, routes=self.tables.routes, tcp=tcp)
        tracker = ConnectionTracker(conntrack_max, Timeouts(), forget)
        self.forwarder = NodeForwarder(context, self.stack, self.tables, tracker, self._device)
        # Every packet comes by here, so the runtime gets the forwarder's own method, not one that calls it.
        self.on_frame = self.forwarder.on_frame
        self._eni_of: dict[bytes, str] = {}
        self._veth_of: dict[str, str] = {}

    # ---- network interfaces --------------------------------------------------------------------------------

    @property
    def primary(self) -> AttachedInterface:
        """The ENI with device number 0; raises `LookupError` while there is none."""
        for interface in self.interfaces.values():
            if interface.device == 0:
                return interface
        raise LookupError("the instance has no primary network interface yet")

    def attach_interface(self, interface: AttachedInterface) -> None:
        """An ENI has been plugged in: it becomes `eth<device>`. Raises `ValueError` for a device number in use.

        Two ENIs in one subnet must not both have the route to it: only the primary one has its subnet's route and the
        default route; programs give the others tables of their own."""
        if self.interfaces.get(interface.id) == interface:
            return
        if interface.id in self.interfaces or any(
            other.device == interface.device for other in self.interfaces.values()
        ):
            raise ValueError(f"{interface.name} is there already")
        primary, mac = interface.device == 0, mac_for(interface.id)
        address = str(InterfaceAddress.parse(interface.address)) if primary else f"{interface.own_address}/32"
        self.stack.add_interface(interface.name, address, mac=mac, port=self._context.ports[ENI_PORT])
        if primary:
            self.forwarder.nat.own_address = ip_bytes(interface.own_address)
            self.stack.add_route("default", interface.name, interface.gateway, origin="dhcp")
        self.interfaces[interface.id] = interface
        self._eni_of[mac] = interface.name
        self.forwarder.enis.add(interface.name)
        self.tables.add_device(interface.name)
        self.forwarder.invalidate()

    def detach_interface(self, eni: str) -> None:
        """An ENI has been pulled out; routes that lead through it go with it. Does nothing when it is not there."""
        interface = self.interfaces.pop(eni, None)
        if interface is None:
            return
        self.stack.remove_interface(interface.name)
        del self._eni_of[mac_for(eni)]
        self.forwarder.enis.discard(interface.name)
        self.tables.remove_device(interface.name)
        self.forwarder.invalidate()

    # ---- network namespaces --------------------------------------------------------------------------------

    def add_netns(self, name: str) -> None:
        """There is a network namespace /run/netns/`name`, at the far end of the port of that name."""
        self.tables.add_netns(name)

    def remove_netns(self, name: str) -> None:
        """A network namespace is gone: what is left of its veth, its routes and neighbours goes with it."""
        for effect in self.tables.remove_netns(name):
            self._carry_out(effect)

    # ---- frames and links ----------------------------------------------------------------------------------

    def on_link(self, port: str, up: bool) -> None:
        """The link at this port has gained or lost its carrier."""
        devices = self._eni_of.values() if port == ENI_PORT else [self._veth_of.get(port, "")]
        for device in list(devices):
            self.stack.on_link(device, up)

    def _device(self, port: str, mac: bytes) -> str | None:
        """The interface that a frame at this port is for: an ENI by its MAC, a veth by its cable."""
        if port != ENI_PORT:
            return self._veth_of.get(port)
        return self._eni_of.get(mac, "eth0") if self._eni_of else None

    # ---- what programs write -------------------------------------------------------------------------------

    def write_services(self, table: ServiceTable) -> None:
        """kube-proxy's chains are these from now on; connections that there are stay as they are."""
        self.forwarder.nat.services = table

    def netlink(self, changes: list[dict[str, Any]]) -> int:
        """Apply changes (see `protocols.netlink`) in their order; how many there were.

        The first that is refused raises `NetlinkError` that says which and why; those before it stay."""
        if not isinstance(changes, list):
            raise NetlinkError("changes is a list")
        for index, change in enumerate(changes):
            try:
                parsed = parse(change)
                self._check_cable(parsed)
                effects = self.tables.apply(parsed)
            except NetlinkError as error:
                raise NetlinkError(f"change {index}: {error}") from None
            for effect in effects:
                self._carry_out(effect)
        return len(changes)

    def _check_cable(self, change: Change) -> None:
        """A namespace whose process has ended is there until somebody removes it, but no veth can lead into it."""
        entry = change.entry
        if change.op == "del" or not isinstance(entry, Link) or self.tables.links.get(entry.ifname) == entry:
            return
        if entry.netns in self.tables.netns and entry.netns not in self._context.ports:
            raise NetlinkError(f'Cannot open network namespace "{entry.netns}": its process has ended')

    def network_state(self) -> dict[str, Any]:
        """What a network plugin must know: the boot, the ENIs, the namespaces, and what is written."""
        return {
            "boot_id": self.boot_id,
            "interfaces": [
                {
                    "id": each.id,
                    "device": each.device,
                    "address": each.own_address,
                    "gateway": each.gateway,
                }
                for each in self.interfaces.values()
            ],
            "netns": sorted(self.tables.netns),
            "entries": [described(entry) for entry in self.tables.entries()],
        }

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case LinkAdded(link):
                port = self._context.ports[link.netns]
                interface = self.stack.add_interface(link.ifname, mac=self.veth_mac(link.netns), port=port)
                # A veth has no address; Linux asks and answers ARP there with any address of the host.
                interface.neighbours.addresses.add(ip_bytes(self.primary.own_address))
                self._veth_of[link.netns] = link.ifname
            case LinkRemoved(link):
                self.stack.remove_interface(link.ifname)
                del self._veth_of[link.netns]
            case NeighbourSet(neighbour):
                self.stack.set_neighbour(neighbour.dev, neighbour.dst, mac_bytes(neighbour.lladdr))
            case NeighbourForgotten(neighbour):
                interface = self.stack.ip.interfaces[neighbour.dev]
                interface.carry_out(interface.neighbours.forget(ip_bytes(neighbour.dst)))
        self.forwarder.invalidate()

    def veth_mac(self, netns: str) -> bytes:
        """The MAC address of the host's end of a namespace's veth pair."""
        return mac_for(self._context.name, netns)

    def inspect(self) -> dict[str, Any]:
        return {
            "network_interfaces": [
                {"name": each.name, **each._asdict()} for each in self.interfaces.values()
            ],
            "veths": dict(sorted(self._veth_of.items())),
            "rules": [str(rule) for rule in self.tables.routes.rules],
            "tables": {
                name: [route.described() for route in table]
                for name, table in self.tables.routes.tables.items()
            },
            "services": self.forwarder.nat.services.described(),
            "conntrack": {
                "entries": len(self.forwarder.tracker),
                "limit": self.forwarder.tracker.limit,
            },
            **self.stack.inspect(),
        }

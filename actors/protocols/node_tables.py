"""The state of a node's kernel that programs write by netlink, and what the kernel would refuse.

Rules and routes go into `PolicyRoutes`, where the packets look. Links and neighbours also need hands: `apply` gives
back what has to be done about them.
"""

from typing import NamedTuple

from actors.protocols import routes as routing
from actors.protocols.netlink import (
    Change,
    Entry,
    Link,
    Neighbour,
    NetlinkError,
    Route,
    Rule,
    SnatChain,
)
from actors.protocols.routes import DEFAULT, PolicyRoutes
from actors.wire.addresses import Prefix, ip_bytes, ip_text

WRITTEN = "netlink"
"""The origin of the routes that came this way."""


class LinkAdded(NamedTuple):
    """A veth's end on the host has come to be."""

    link: Link


class LinkRemoved(NamedTuple):
    """A veth pair is gone, and its routes and neighbours with it."""

    link: Link


class NeighbourSet(NamedTuple):
    """A permanent neighbour."""

    neighbour: Neighbour


class NeighbourForgotten(NamedTuple):
    """A permanent neighbour is no longer one."""

    neighbour: Neighbour


Effect = LinkAdded | LinkRemoved | NeighbourSet | NeighbourForgotten


class NodeTables:
    """Links, rules, routes, neighbours and the SNAT chain of one node.

    Devices (the ENIs) and network namespaces come and go without anybody's netlink, and are told of."""

    def __init__(self) -> None:
        self.routes = PolicyRoutes()
        self.links: dict[str, Link] = {}
        self.neighbours: dict[tuple[str, str], Neighbour] = {}
        self.snat: SnatChain | None = None
        self.netns: set[str] = set()
        self._devices: set[str] = set()

    # ---- what comes and goes by itself ---------------------------------------------------------------------

    def add_device(self, name: str) -> None:
        self._devices.add(name)

    def remove_device(self, name: str) -> None:
        """A device is gone, and its routes and neighbours with it, in whichever table."""
        self._devices.discard(name)
        self._forget_device(name)

    def add_netns(self, name: str) -> None:
        self.netns.add(name)

    def remove_netns(self, name: str) -> list[Effect]:
        """A network namespace is gone, and a veth pair that led into it."""
        self.netns.discard(name)
        links = [link for link in self.links.values() if link.netns == name]
        return [effect for link in links for effect in self._remove_link(link)]

    def _forget_device(self, name: str) -> None:
        self.routes.remove_where(port=name)
        self.neighbours = {key: value for key, value in self.neighbours.items() if key[1] != name}

    # ---- what is written -----------------------------------------------------------------------------------

    def entries(self) -> list[Entry]:
        """All that was written here, in the form in which it was."""
        rules = [
            Rule(rule.priority, rule.table, _or_all(rule.source), _or_all(rule.destination))
            for rule in self.routes.rules
            if rule.priority < 32_766
        ]
        routes = [
            Route(
                "default" if route.prefix == DEFAULT else str(route.prefix),
                route.port,
                None if route.via is None else ip_text(route.via),
                table,
            )
            for table, written in self.routes.tables.items()
            for route in written
            if route.origin == WRITTEN
        ]
        chain = [] if self.snat is None else [self.snat]
        return [*self.links.values(), *rules, *routes, *self.neighbours.values(), *chain]

    def apply(self, change: Change) -> list[Effect]:
        """Carry out one change; raises `NetlinkError`, and then nothing has changed."""
        op, entry = change
        match entry:
            case Link():
                return self._link(op, entry)
            case Neighbour():
                return self._neighbour(op, entry)
            case Rule():
                self._rule(op, entry)
            case Route():
                self._route(op, entry)
            case SnatChain():
                self._snat(op, entry)
        return []

    # ---- links ---------------------------------------------------------------------------------------------

    def _link(self, op: str, link: Link) -> list[Effect]:
        known = self.links.get(link.ifname)
        if op == "del":
            if known is None:
                raise NetlinkError(f'Cannot find device "{link.ifname}"')
            return self._remove_link(known)
        if known == link and op == "replace":
            return []
        if link.ifname in self._devices or (known is not None and op == "add"):
            raise NetlinkError(f"{link.ifname}: File exists")
        if link.netns not in self.netns:
            raise NetlinkError(f'Cannot open network namespace "{link.netns}": No such file or directory')
        if holder := next((other for other in self.links.values() if other.netns == link.netns), None):
            if op == "add":
                raise NetlinkError(f"{link.netns} is the namespace of {holder.ifname} already")
            return [*self._remove_link(holder), *self._add_link(link)]
        return [*(self._remove_link(known) if known else []), *self._add_link(link)]

    def _add_link(self, link: Link) -> list[Effect]:
        self.links[link.ifname] = link
        return [LinkAdded(link)]

    def _remove_link(self, link: Link) -> list[Effect]:
        del self.links[link.ifname]
        self._forget_device(link.ifname)
        return [LinkRemoved(link)]

    def _device(self, name: str) -> None:
        if name not in self.links and name not in self._devices:
            raise NetlinkError(f'Cannot find device "{name}"')

    # ---- rules and routes ----------------------------------------------------------------------------------

    def _rule(self, op: str, rule: Rule) -> None:
        line = routing.Rule(rule.priority, rule.table, _prefix(rule.src, "all"), _prefix(rule.dst, "all"))
        there = line in self.routes.rules
        if op == "del" and not there:
            raise NetlinkError(f"no rule {line}: No such file or directory")
        if op == "add" and there:
            raise NetlinkError(f"rule {line}: File exists")
        if op == "del":
            self.routes.remove_rule(line)
        elif not there:
            self.routes.add_rule(line)

    def _route(self, op: str, route: Route) -> None:
        self._device(route.dev)
        via = None if route.gateway is None else ip_bytes(route.gateway)
        wanted = routing.Route(_prefix(route.dst, "default"), route.dev, via, origin=WRITTEN)
        table = self.routes.table(route.table)
        known = next((one for one in table if one.prefix == wanted.prefix and one.origin == WRITTEN), None)
        if op == "del":
            if known != wanted:
                raise NetlinkError(f"route {route.dst} dev {route.dev}: No such process")
            table.remove(wanted)
            return
        if op == "add" and known is not None:
            raise NetlinkError(f"route {route.dst}: File exists")
        if via is not None and not self._on_link(via, route.dev, route.table):
            raise NetlinkError(f"{route.gateway}: Nexthop has invalid gateway")
        if known != wanted:
            table.add(wanted)

    def _on_link(self, gateway: bytes, device: str, table: str) -> bool:
        """Whether the gateway is a neighbour on this device, by a route of the table or of main."""
        return any(
            route.port == device and route.via is None and gateway in route.prefix
            for name in (table, "main")
            for route in self.routes.table(name)
        )

    # ---- neighbours and the chain --------------------------------------------------------------------------

    def _neighbour(self, op: str, neighbour: Neighbour) -> list[Effect]:
        self._device(neighbour.dev)
        key = (neighbour.dst, neighbour.dev)
        known = self.neighbours.get(key)
        if op == "del":
            if known is None:
                raise NetlinkError(
                    f"neighbour {neighbour.dst} dev {neighbour.dev}: No such file or directory"
                )
            del self.neighbours[key]
            return [NeighbourForgotten(known)]
        if op == "add" and known is not None:
            raise NetlinkError(f"neighbour {neighbour.dst} dev {neighbour.dev}: File exists")
        self.neighbours[key] = neighbour
        return [NeighbourSet(neighbour)]

    def _snat(self, op: str, chain: SnatChain) -> None:
        if op == "del" and (self.snat is None or self.snat.chain != chain.chain):
            raise NetlinkError(f"No chain {chain.chain} by that name")
        if op == "add" and self.snat is not None:
            raise NetlinkError(f"chain {self.snat.chain} exists already")
        self.snat = None if op == "del" else chain


def _prefix(text: str, anything: str) -> Prefix:
    return DEFAULT if text == anything else Prefix.parse(text)


def _or_all(prefix: Prefix) -> str:
    return "all" if prefix == DEFAULT else str(prefix)

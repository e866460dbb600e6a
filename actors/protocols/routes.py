"""Route tables: the longest prefix that matches wins (RFC 1812 section 5.2.4.3), and the losers can be told.

How this works. A table keeps one dictionary per prefix length; a lookup masks the address with each length in turn,
the longest first, and stops at the first that knows it: at most 33 dictionary lookups, in practice as many as there
are different lengths. Routes to the same prefix are ordered by metric. A route over a port without carrier
is passed over as if it were withdrawn, which is what a router's own table does with it.

`PolicyRoutes` is Linux's `ip rule`: rules in order of priority, each naming a table for packets from or to a prefix.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from actors.wire.addresses import Prefix, ip_text

DEFAULT = Prefix(0, 0)


class Route(NamedTuple):
    """Packets to the prefix leave by the port, to the router `via`, or straight to their destination (None).

    `origin` says who put it there (`connected`, `static`, `dhcp`, ...), `source` is the address that our own packets
    on this route carry, where it is not the port's."""

    prefix: Prefix
    port: str
    via: bytes | None = None
    metric: int = 0
    origin: str = "static"
    source: bytes | None = None

    def described(self) -> dict[str, Any]:
        """As plain values, for records and `inspect`."""
        next_hop = "direct" if self.via is None else ip_text(self.via)
        return {"matched": str(self.prefix), "next_hop": next_hop, "port": self.port}


class Alternative(NamedTuple):
    """A route that matched the destination too, and why it was not taken."""

    route: Route
    why: str

    def described(self) -> dict[str, Any]:
        return {**self.route.described(), "why": self.why}


class Rule(NamedTuple):
    """One line of `ip rule`: packets from the source prefix to the destination prefix look into the table."""

    priority: int
    table: str
    source: Prefix = DEFAULT
    destination: Prefix = DEFAULT

    def matches(self, destination: bytes, source: bytes | None) -> bool:
        """A packet of our own that has no source address yet matches only rules for any source."""
        to, origin = self.destination, self.source
        return (to.length == 0 or destination in to) and (origin.length == 0 or source in origin)

    def __str__(self) -> str:
        origin = "all" if self.source.length == 0 else str(self.source)
        to = "" if self.destination.length == 0 else f" to {self.destination}"
        return f"{self.priority}: from {origin}{to} lookup {self.table}"


class Decision(NamedTuple):
    """The route taken, the others that matched, and the rule that named the table (None: there is one table)."""

    route: Route
    alternatives: list[Alternative]
    rule: Rule | None = None

    def described(self) -> dict[str, Any]:
        """The fields of a `route.lookup` record, but for its destination."""
        return {**self.route.described(), "alternatives": [other.described() for other in self.alternatives]}


class RouteTable:
    """Routes of one table. `watch` callbacks run after each change."""

    def __init__(self) -> None:
        self._by_length: dict[int, dict[int, list[Route]]] = {}
        self._search: list[tuple[int, dict[int, list[Route]]]] = []
        self._down: set[str] = set()
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    def add(self, route: Route) -> None:
        """Add a route; it replaces one to the same prefix with the same metric and origin."""
        same_prefix = self._by_length.setdefault(route.prefix.length, {}).setdefault(route.prefix.network, [])
        same_prefix[:] = [
            other for other in same_prefix if (other.metric, other.origin) != (route.metric, route.origin)
        ]
        insort(same_prefix, route, key=lambda each: each.metric)
        self._changed()

    def remove(self, route: Route) -> bool:
        """Take a route away; False when it was not there."""
        lengths = self._by_length.get(route.prefix.length, {})
        same_prefix = lengths.get(route.prefix.network, [])
        if route not in same_prefix:
            return False
        same_prefix.remove(route)
        if not same_prefix:
            del lengths[route.prefix.network]
        self._changed()
        return True

    def remove_where(self, *, port: str | None = None, origin: str | None = None) -> None:
        """Take away all routes over this port and of this origin."""
        for route in list(self):
            if port in (None, route.port) and origin in (None, route.origin):
                self.remove(route)

    def set_port(self, port: str, up: bool) -> None:
        """The port has gained or lost its carrier."""
        if up == (port in self._down):
            self._down ^= {port}
            self._changed()

    def lookup(self, destination: bytes, source: bytes | None = None) -> Route | None:
        """The route for this destination, None when there is none. `source` makes no difference here."""
        address = int.from_bytes(destination)
        for mask, networks in self._search:
            for route in networks.get(address & mask, ()):
                if route.port not in self._down:
                    return route
        return None

    def explain(self, destination: bytes, source: bytes | None = None) -> Decision | None:
        """What `lookup` says, with the routes that lost: for records, not for every packet."""
        taken = self.lookup(destination, source)
        if taken is None:
            return None
        return Decision(
            taken, [Alternative(lost, self._why(lost, taken)) for lost in self._matches(destination, taken)]
        )

    def _matches(self, destination: bytes, taken: Route) -> Iterator[Route]:
        address = int.from_bytes(destination)
        for mask, networks in self._search:
            for route in networks.get(address & mask, ()):
                if route is not taken:
                    yield route

    def _why(self, lost: Route, taken: Route) -> str:
        if lost.port in self._down:
            return "link down"
        return "shorter prefix" if lost.prefix.length < taken.prefix.length else "higher metric"

    def _changed(self) -> None:
        self._search = [
            (Prefix(0, length).mask, networks)
            for length, networks in sorted(self._by_length.items(), reverse=True)
            if networks
        ]
        for changed in self._watchers:
            changed()

    def __iter__(self) -> Iterator[Route]:
        """All routes, the most specific first."""
        for _, networks in self._search:
            for _, routes in sorted(networks.items()):
                yield from routes


RuleIndex = tuple[dict[tuple[str, bytes], list[tuple[int, Rule]]], list[tuple[int, Rule]]]
"""Rules with their places: those that name one host, by that; and all others."""


def _index(rules: list[Rule]) -> RuleIndex:
    hosts: dict[tuple[str, bytes], list[tuple[int, Rule]]] = {}
    others = []
    for place, rule in enumerate(rules):
        if rule.destination.length == 32:
            hosts.setdefault(("to", rule.destination.network.to_bytes(4)), []).append((place, rule))
        elif rule.source.length == 32:
            hosts.setdefault(("from", rule.source.network.to_bytes(4)), []).append((place, rule))
        else:
            others.append((place, rule))
    return hosts, others


class PolicyRoutes:
    """Several tables and the rules that choose between them (`ip rule`); `main` is there from the start.

    Priorities are Linux's: `from all lookup main` stands at 32766, and lower numbers are asked first."""

    def __init__(self) -> None:
        self.tables: dict[str, RouteTable] = {}
        self.rules: list[Rule] = [Rule(32766, "main")]
        self._index: RuleIndex | None = None
        self._watchers: list[Callable[[], None]] = []
        self._down: set[str] = set()
        self.table("main")

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    def table(self, name: str) -> RouteTable:
        """The table of this name, made when there is none."""
        if name not in self.tables:
            table = self.tables[name] = RouteTable()
            for port in self._down:
                table.set_port(port, False)
            table.watch(self._changed)
        return self.tables[name]

    def add_rule(self, rule: Rule) -> None:
        if rule not in self.rules:
            insort(self.rules, rule, key=lambda each: each.priority)
            self._changed()

    def remove_rule(self, rule: Rule) -> bool:
        """Take a rule away; False when it was not there."""
        if rule not in self.rules:
            return False
        self.rules.remove(rule)
        self._changed()
        return True

    def add(self, route: Route, table: str = "main") -> None:
        self.table(table).add(route)

    def remove(self, route: Route, table: str = "main") -> bool:
        return self.table(table).remove(route)

    def remove_where(self, *, port: str | None = None, origin: str | None = None) -> None:
        for table in self.tables.values():
            table.remove_where(port=port, origin=origin)

    def set_port(self, port: str, up: bool) -> None:
        if up == (port in self._down):
            self._down ^= {port}
            for table in self.tables.values():
                table.set_port(port, up)

    def lookup(self, destination: bytes, source: bytes | None = None) -> Route | None:
        for rule in self._asked(destination, source):
            if rule.matches(destination, source) and (route := self.table(rule.table).lookup(destination)):
                return route
        return None

    def explain(self, destination: bytes, source: bytes | None = None) -> Decision | None:
        for rule in self._asked(destination, source):
            if rule.matches(destination, source) and (found := self.table(rule.table).explain(destination)):
                return found._replace(rule=rule)
        return None

    def _asked(self, destination: bytes, source: bytes | None) -> list[Rule]:
        """The rules that may match, in their order. A node has two for each of its pods; all others' are passed by."""
        if self._index is None:
            self._index = _index(self.rules)
        hosts, others = self._index
        if source is None or not (own := hosts.get(("from", source))):
            own = []
        to = hosts.get(("to", destination), [])
        return (
            [rule for _, rule in sorted([*to, *own, *others])] if to or own else [rule for _, rule in others]
        )

    def _changed(self) -> None:
        self._index = None
        for changed in self._watchers:
            changed()

    def __iter__(self) -> Iterator[Route]:
        """All routes, table by table."""
        for table in self.tables.values():
            yield from table


Routes = RouteTable | PolicyRoutes

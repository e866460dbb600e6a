"""Security groups: what may enter and leave a network interface (AWS VPC).

How this works. A group is a list of what is allowed; there is no rule that denies, and an interface in several groups
is allowed what any of them allows. Groups are stateful: what was let through in one direction may be answered,
whatever the rules of the other direction say, and goes on being let through when rules change (AWS: "when you change a
security group rule, its tracked connections are not immediately interrupted"). All traffic is tracked here; AWS leaves
out flows that may pass in both directions anyway, which shows only in limits that it does not publish.

An ICMP error is not taken for an answer: as AWS's documentation says, path MTU discovery needs a rule of its own.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from actors.protocols.connection_tracking import Connection, ConnectionTracker, Full, State
from actors.protocols.flows import Flow, taken_apart
from actors.units import SECOND
from actors.wire import ipv4, tcp
from actors.wire.addresses import Prefix, ip_text

PROTOCOLS = {"tcp": ipv4.TCP, "udp": ipv4.UDP, "icmp": ipv4.ICMP, "all": None}
ALL_PORTS = range(65536)
ANY_ICMP = (-1, -1)

PICK_UP_NS = 10 * SECOND
"""How long after its start a filter takes TCP segments without SYN for those of connections that it tracked before.

AWS keeps this state on the hosts' Nitro cards, where no restart of a router loses it; without this, answers on the way
while our process is started again would be cut off for good."""


class Rule(NamedTuple):
    """What is allowed: protocol, destination ports, and the peer: addresses, or a group by its name.

    A protocol is one of PROTOCOLS, or a number; of ICMP only messages of the type and code `icmp` (-1: any)."""

    protocol: str
    ports: range
    peer: Prefix | str
    icmp: tuple[int, int] = ANY_ICMP

    def __str__(self) -> str:
        if self.icmp != ANY_ICMP:
            code = "" if self.icmp[1] < 0 else f" code {self.icmp[1]}"
            return f"{self.protocol} type {self.icmp[0]}{code} {self.peer}"
        if self.protocol not in ("tcp", "udp"):
            return f"{self.protocol} {self.peer}"
        ports = "all ports" if self.ports == ALL_PORTS else ports_text(self.ports)
        return f"{self.protocol} {ports} {self.peer}"

    def allows(
        self, flow: Flow, peer: bytes, peer_groups: tuple[str, ...], message: tuple[int, int] = ANY_ICMP
    ) -> bool:
        """Whether a packet of this flow, from or to this peer, passes; `message` is the type and code of ICMP."""
        number = PROTOCOLS[self.protocol] if self.protocol in PROTOCOLS else int(self.protocol)
        if number is not None and number != flow.protocol:
            return False
        if self.icmp != ANY_ICMP and any(
            wanted not in (-1, given) for wanted, given in zip(self.icmp, message, strict=True)
        ):
            return False
        if self.protocol in ("tcp", "udp") and flow.destination_port not in self.ports:
            return False
        return self.peer in peer_groups if isinstance(self.peer, str) else peer in self.peer


class Group(NamedTuple):
    """A named list of what may enter (`ingress`) and leave (`egress`)."""

    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


class Verdict(NamedTuple):
    """Whether a packet may pass, which group's rule says so, and the connection that it belongs to now.

    `rule` of a denied packet says why."""

    allowed: bool
    group: str
    rule: str
    peer: str
    connection: Connection | None


def parse_ports(value: object) -> range:
    """`80`, `"80"`, `"1024-65535"` or `"all"`; raises ValueError."""
    text = str(value).strip()
    if text == "all":
        return ALL_PORTS
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise ValueError(f"{value!r} is not a port or a range of ports; write 80 or 1024-65535")
    low, high = int(first), int(last or first)
    if not low <= high <= 65535:
        raise ValueError(f"ports {text} are not between 0 and 65535, lowest first")
    return range(low, high + 1)


def ports_text(ports: range) -> str:
    return str(ports[0]) if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"


class SecurityGroups:
    """The groups of a VPC and the connections tracked at each network interface.

    `groups_of(address)` tells the groups of the interface that holds an address, for rules that name a group."""

    def __init__(
        self,
        groups: Mapping[str, Group],
        groups_of: Callable[[bytes], tuple[str, ...]],
        tracker: ConnectionTracker,
        started_ns: int = 0,
    ) -> None:
        self.groups = dict(groups)
        self.tracker = tracker
        self._groups_of = groups_of
        self._pick_up_until_ns = started_ns + PICK_UP_NS

    def check(
        self,
        interface: str,
        member_of: tuple[str, ...],
        *,
        ingress: bool,
        key: bytes,
        flags: int,
        now_ns: int,
        message: tuple[int, int] = ANY_ICMP,
        about: bytes | None = None,
    ) -> Verdict:
        """Whether a packet with this flow key and these TCP flags (or ICMP type and code) may enter the interface, or
        leave it. `about` is the flow that an ICMP error complains of: such errors are responses, and pass with it."""
        peer = key[:4] if ingress else key[4:8]
        connection = self.tracker.find(interface, key)
        if connection is not None and connection.state is State.CLOSING and _opens(flags):
            self.tracker.close(connection)  # the same ports again: a new connection, judged anew
            connection = None
        if connection is not None:
            self.tracker.saw(connection, key, flags, now_ns)
            groups = ", ".join(member_of)
            return Verdict(True, groups, "tracked connection", ip_text(peer), connection)
        if about is not None and (complained_of := self.tracker.find(interface, about)) is not None:
            rule = "ICMP error about a tracked connection"
            return Verdict(True, ", ".join(member_of), rule, ip_text(peer), complained_of)
        allowed = self._allowed(member_of, ingress, key, peer, flags, now_ns, message)
        if allowed is None:
            return self._denied(member_of, ingress, peer)
        group, rule = allowed
        try:
            connection = self.tracker.open(interface, key, now_ns)
        except Full as full:
            return Verdict(False, group, str(full), ip_text(peer), None)
        return Verdict(True, group, rule, ip_text(peer), connection)

    def _allowed(
        self,
        member_of: tuple[str, ...],
        ingress: bool,
        key: bytes,
        peer: bytes,
        flags: int,
        now_ns: int,
        message: tuple[int, int],
    ) -> tuple[str, str] | None:
        """The group and the rule that let this packet through without a tracked connection."""
        flow = taken_apart(key)
        peer_groups = self._groups_of(peer)
        for name in member_of:
            group = self.groups[name]
            for rule in group.ingress if ingress else group.egress:
                if rule.allows(flow, peer, peer_groups, message):
                    return name, str(rule)
        if now_ns < self._pick_up_until_ns and flow.protocol == ipv4.TCP and not flags & tcp.SYN:
            answered = flow._replace(destination_port=flow.source_port)
            for name in member_of:
                group = self.groups[name]
                for rule in group.egress if ingress else group.ingress:
                    if rule.allows(answered, peer, peer_groups):
                        return name, f"{rule}, picked up after a restart"
        return None

    def _denied(self, member_of: tuple[str, ...], ingress: bool, peer: bytes) -> Verdict:
        direction = "ingress" if ingress else "egress"
        rules = [
            str(rule)
            for name in member_of
            for rule in (self.groups[name].ingress if ingress else self.groups[name].egress)
        ]
        why = f"none of the {direction} rules: {'; '.join(rules)}" if rules else f"no {direction} rules"
        return Verdict(False, ", ".join(member_of), why, ip_text(peer), None)


def _opens(flags: int) -> bool:
    return flags & (tcp.SYN | tcp.ACK) == tcp.SYN

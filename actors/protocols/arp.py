"""The neighbour cache of one interface: which MAC address has an IPv4 address (RFC 826).

How this works. Neighbours go through the states that RFC 4861 section 7.3 spells and that Linux keeps for IPv4 as well:

    unknown -> Incomplete -> Reachable -> Stale -> Probing -> Reachable | unknown          Permanent: set by hand

A packet for an unknown neighbour waits (at most 101 do, the oldest gives way) while we ask; after three questions
without an answer the neighbour is unreachable. What was learnt is believed for 30 s; the first use after that goes
out at once and asks the neighbour directly whether it is still there. Linux waits 5 s (DELAY) for TCP to vouch for
it first; we do not, since one frame is cheap. Anything that a neighbour says of itself makes it Reachable; a
neighbour that we have no business with is not remembered (RFC 826's merge flag).

The packets that wait are the caller's own values, given back as they came. Three verbs, with events as methods:
`resolve` and `handle` give outputs, `deadline_ns` says when `on_deadline` wants to be called.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from actors.units import SECOND
from actors.wire.addresses import ANY_IP, BROADCAST_MAC, ZERO_MAC
from actors.wire.arp import REPLY, REQUEST, Packet

RETRY_NS = 1 * SECOND
TRIES = 3
REACHABLE_NS = 30 * SECOND
MAX_WAITING = 101
"""Linux's `unres_qlen`. RFC 1122 section 2.3.2.2 asks for one at least, but a browser opens six connections at once,
and a SYN lost here costs a second."""
MAX_NEIGHBOURS = 1024
DEFEND_NS = 10 * SECOND
"""RFC 5227 section 2.4: between two defences of our address; a network of two defenders would storm otherwise."""


@dataclass(slots=True)
class Incomplete:
    """Asked for, not answered yet."""

    waiting: list[Any]
    asked: int
    retry_ns: int


@dataclass(slots=True)
class Reachable:
    """Heard of in the last 30 s."""

    mac: bytes
    until_ns: int


@dataclass(slots=True)
class Stale:
    """Was right once; good enough to send to, and to be asked about when that happens."""

    mac: bytes


@dataclass(slots=True)
class Probing:
    """In use, and being asked whether it is still there."""

    mac: bytes
    asked: int
    retry_ns: int


@dataclass(slots=True)
class Permanent:
    """Set by hand; neither asked for nor overwritten."""

    mac: bytes


State = Incomplete | Reachable | Stale | Probing | Permanent


class Send(NamedTuple):
    """Put this on the wire, to that MAC address."""

    packet: Packet
    to: bytes


class Resolved(NamedTuple):
    """These packets can go to that MAC address. `source` says how we know: `cache`, `reply` or `static`."""

    address: bytes
    mac: bytes
    waiting: list[Any]
    source: str


class Unreachable(NamedTuple):
    """Nobody answered: these packets go nowhere."""

    address: bytes
    waiting: list[Any]


class Overflowed(NamedTuple):
    """This packet had to give way to a newer one."""

    address: bytes
    packet: Any


class Changed(NamedTuple):
    """What others have noted about this neighbour is void; ask again."""

    address: bytes


class Conflict(NamedTuple):
    """Another host says that one of our addresses, or the one that we probe, is its own."""

    address: bytes
    mac: bytes


Output = Send | Resolved | Unreachable | Overflowed | Changed | Conflict


class NeighbourCache:
    """The neighbours of the interface with this MAC address; `addresses` are its own, for which it answers."""

    def __init__(self, mac: bytes) -> None:
        self.mac = mac
        self.addresses: set[bytes] = set()
        self.probed: bytes | None = None
        """An address that may become ours: whoever shows that he has it, or wants it as well, is a `Conflict`."""
        self._neighbours: dict[bytes, State] = {}
        self._defended_ns: int | None = None

    # ---- events --------------------------------------------------------------------------------------------

    def resolve(self, address: bytes, packet: Any, now_ns: int) -> list[Output]:
        """The packet wants to go to this neighbour: `Resolved` with it now, or a question and the packet waits."""
        match self._neighbours.get(address):
            case None:
                return self._ask_first(address, packet, now_ns)
            case Incomplete(waiting):
                waiting.append(packet)
                return [Overflowed(address, waiting.pop(0))] if len(waiting) > MAX_WAITING else []
            case Stale(mac):
                self._neighbours[address] = Probing(mac, 1, now_ns + RETRY_NS)
                return [Resolved(address, mac, [packet], "cache"), Send(self._request(address), mac)]
            case Permanent(mac):
                return [Resolved(address, mac, [packet], "static")]
            case Reachable(mac) | Probing(mac):
                return [Resolved(address, mac, [packet], "cache")]

    def handle(self, packet: Packet, now_ns: int) -> list[Output]:
        """An ARP packet has arrived."""
        sender, mac = packet.sender_ip, packet.sender_mac
        if mac[0] & 1 or mac == self.mac:  # a group is nobody's address, and we learn nothing from ourselves
            return []
        if sender in self.addresses:
            return self._defend(sender, mac, now_ns)
        if self.probed is not None and self.probed == _claimed(packet):
            return [Conflict(self.probed, mac)]
        for_us = packet.target_ip in self.addresses
        outputs: list[Output] = []
        if sender != ANY_IP and (for_us or sender in self._neighbours):
            outputs += self._learn(sender, mac, now_ns)
        if for_us and packet.operation == REQUEST:
            outputs.append(Send(Packet(REPLY, self.mac, packet.target_ip, mac, sender), mac))
        return outputs

    def deadline_ns(self) -> int | None:
        """When `on_deadline` wants to be called; None for never."""
        return min(
            (when for state in self._neighbours.values() if (when := _deadline(state)) is not None),
            default=None,
        )

    def on_deadline(self, now_ns: int) -> list[Output]:
        outputs: list[Output] = []
        for address, state in list(self._neighbours.items()):
            when = _deadline(state)
            if when is not None and when <= now_ns:
                outputs += self._expire(address, state, now_ns)
        return outputs

    # ---- management ----------------------------------------------------------------------------------------

    def announce(self, address: bytes) -> Send:
        """A gratuitous ARP: whoever knows this address of ours learns our MAC address (RFC 5227 section 2.3)."""
        return Send(Packet(REQUEST, self.mac, address, ZERO_MAC, address), BROADCAST_MAC)

    def probe(self, address: bytes) -> Send:
        """Ask who has an address, without saying that we do (RFC 5227 section 2.1.1)."""
        self.probed = address
        return Send(Packet(REQUEST, self.mac, ANY_IP, ZERO_MAC, address), BROADCAST_MAC)

    def set_permanent(self, address: bytes, mac: bytes) -> list[Output]:
        """Set a neighbour by hand (`ip neigh replace ... nud permanent`)."""
        state = self._neighbours.get(address)
        self._neighbours[address] = Permanent(mac)
        if isinstance(state, Incomplete):
            return [Changed(address), Resolved(address, mac, state.waiting, "static")]
        return [Changed(address)]

    def forget(self, address: bytes) -> list[Output]:
        """Drop what is known of a neighbour, however it was learnt."""
        match self._neighbours.pop(address, None):
            case None:
                return []
            case Incomplete(waiting):
                return [Unreachable(address, waiting)]
            case _:
                return [Changed(address)]

    def flush(self) -> list[Output]:
        """Drop all but what was set by hand: the link was cut."""
        learnt = [address for address, state in self._neighbours.items() if not isinstance(state, Permanent)]
        return [output for address in learnt for output in self.forget(address)]

    def waiting(self, address: bytes) -> list[Any]:
        """The packets that wait for this neighbour's answer."""
        state = self._neighbours.get(address)
        return state.waiting if isinstance(state, Incomplete) else []

    def __iter__(self) -> Iterator[tuple[bytes, State]]:
        return iter(self._neighbours.items())

    # ---- steps ---------------------------------------------------------------------------------------------

    def _request(self, address: bytes) -> Packet:
        own = min(self.addresses, default=ANY_IP)
        return Packet(REQUEST, self.mac, own, ZERO_MAC, address)

    def _ask_first(self, address: bytes, packet: Any, now_ns: int) -> list[Output]:
        outputs = self._make_room()
        self._neighbours[address] = Incomplete([packet], 1, now_ns + RETRY_NS)
        return [*outputs, Send(self._request(address), BROADCAST_MAC)]

    def _make_room(self) -> list[Output]:
        if len(self._neighbours) < MAX_NEIGHBOURS:
            return []
        for address, state in self._neighbours.items():
            if not isinstance(state, Permanent):
                return self.forget(address)
        return []

    def _learn(self, address: bytes, mac: bytes, now_ns: int) -> list[Output]:
        state = self._neighbours.get(address)
        if isinstance(state, Permanent):
            return []
        outputs = self._make_room() if state is None else []
        self._neighbours[address] = Reachable(mac, now_ns + REACHABLE_NS)
        match state:
            case Incomplete(waiting):
                outputs.append(Resolved(address, mac, waiting, "reply"))
            case Reachable(old) | Stale(old) | Probing(old) if old != mac:
                outputs.append(Changed(address))
        return outputs

    def _defend(self, address: bytes, mac: bytes, now_ns: int) -> list[Output]:
        outputs: list[Output] = [Conflict(address, mac)]
        if self._defended_ns is None or now_ns - self._defended_ns >= DEFEND_NS:
            self._defended_ns = now_ns
            outputs.append(self.announce(address))
        return outputs

    def _expire(self, address: bytes, state: State, now_ns: int) -> list[Output]:
        match state:
            case Reachable(mac):
                self._neighbours[address] = Stale(mac)
                return [Changed(address)]  # so that the next packet comes by here, and we ask again
            case Incomplete(_, asked) | Probing(_, asked) if asked < TRIES:
                state.asked, state.retry_ns = asked + 1, now_ns + RETRY_NS
                to = state.mac if isinstance(state, Probing) else BROADCAST_MAC
                return [Send(self._request(address), to)]
            case _:
                return self.forget(address)


def _claimed(packet: Packet) -> bytes:
    """Which address a packet says is its sender's, or will be: that of another's probe counts as well."""
    is_probe = packet.sender_ip == ANY_IP and packet.operation == REQUEST
    return packet.target_ip if is_probe else packet.sender_ip


def _deadline(state: State) -> int | None:
    match state:
        case Reachable(_, until_ns):
            return until_ns
        case Incomplete(retry_ns=retry_ns) | Probing(retry_ns=retry_ns):
            return retry_ns
        case _:
            return None

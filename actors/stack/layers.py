"""What the layers of a stack are to each other."""

from typing import NamedTuple, Protocol

from actors.stack.interfaces import Interface
from actors.wire import ipv4


class Arrival(NamedTuple):
    """A packet for this host. `interface` is None for one of its own, `group` is set for a broadcast, `raw` is the
    packet from its IP header on, as far as an ICMP error about it would want to quote it."""

    packet: ipv4.Packet
    interface: Interface | None
    raw: bytes
    group: bool


class Datagrams(Protocol):
    """UDP and ICMP: take packets with all that is known of them."""

    def on_arrival(self, arrival: Arrival) -> None: ...

    def on_unreachable(self, source: bytes, destination: bytes, payload: bytes, error: OSError) -> None:
        """A packet of ours did not get there; `payload` is at least its first 8 bytes."""


class Segments(Protocol):
    """TCP: takes what is addressed to this host alone, quickly."""

    def on_packet(self, source: bytes, destination: bytes, segment: bytes) -> None: ...

    def on_unreachable(self, source: bytes, destination: bytes, payload: bytes, error: OSError) -> None: ...


class Complaints(Protocol):
    """What sends ICMP errors."""

    def unreachable(self, arrival: Arrival, code: int) -> None: ...

    def give_up_fragments(self, first: ipv4.Packet) -> None: ...

    def undeliverable(self, packet: bytes) -> None: ...


class Forwards(Protocol):
    """What takes the packets that are not for this host."""

    def forward(self, port: str, frame: bytes) -> None: ...

    def invalidate(self) -> None: ...

"""Follows packets: which transmissions are one packet on its way from host to host.

A router changes a packet's MAC addresses and TTL, NAT changes one of its two ends, but never both at once; so a
transmission continues a packet when it leaves the element at which that packet arrived, with the same protocol, flags
and length, and at least one end the same.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

Record = dict[str, Any]

_PACKET = re.compile(r"(?P<protocol>\S+) (?P<source>[\d.:]+) > (?P<destination>[\d.:]+)(?: (?P<rest>.*))?")
_LENGTH = re.compile(r"len (\d+)")
_FLAGS = re.compile(r"\[([^\]]*)\]")


class Packet(NamedTuple):
    """What the journal says of a packet: `TCP 192.0.2.1:49152 > 198.51.100.10:443 [SYN] len 0`."""

    protocol: str
    source: str
    destination: str
    rest: str

    @classmethod
    def parse(cls, summary: str) -> "Packet":
        match = _PACKET.fullmatch(summary)
        if match is None:
            return cls(summary.split(" ", 1)[0], "", "", summary)
        return cls(match["protocol"], match["source"], match["destination"], match["rest"] or "")

    @property
    def flags(self) -> str:
        match = _FLAGS.search(self.rest)
        return match[1] if match else ""

    @property
    def length(self) -> int:
        match = _LENGTH.search(self.rest)
        return int(match[1]) if match else 0

    @property
    def opens(self) -> bool:
        """A SYN that is not an answer to one."""
        return "SYN" in self.flags and "ACK" not in self.flags

    @property
    def application(self) -> str:
        """What a TCP segment's payload begins with: `TLS ClientHello`, `HTTP GET / HTTP/1.1`; else nothing."""
        return self.rest.partition(f"len {self.length} ")[2]

    @property
    def carries_data(self) -> bool:
        return self.length > 0

    @property
    def only_acknowledges(self) -> bool:
        return self.protocol == "TCP" and self.flags == "ACK" and self.length == 0

    def continues(self, other: "Packet") -> bool:
        """Whether this can be `other` after one more router."""
        if not self.source or (self.protocol, self.rest) != (other.protocol, other.rest):
            return False
        return self.source == other.source or self.destination == other.destination


class Step(NamedTuple):
    """One transmission: over `link` from one element to the next."""

    element: str
    to: str
    link: str
    depart_ns: int
    arrive_ns: int
    queued_ns: int
    packet: Packet
    bytes: int
    place: int
    """Which of the journey's records told it."""

    @classmethod
    def of(cls, record: Record, place: int) -> "Step":
        return cls(
            record["element"],
            record["to"],
            record["link"],
            record["depart_ns"],
            record["arrive_ns"],
            round(record["queued_us"] * 1000),
            Packet.parse(record["packet"]),
            record["bytes"],
            place,
        )


class Flight:
    """One packet from the host that sent it to where it came in the end."""

    def __init__(self, first: Step) -> None:
        self.steps = [first]

    @property
    def first(self) -> Step:
        return self.steps[0]

    @property
    def last(self) -> Step:
        return self.steps[-1]

    @property
    def packet(self) -> Packet:
        """The packet as it was sent."""
        return self.first.packet

    @property
    def path(self) -> list[str]:
        """The elements that it passed, the sender first."""
        return [self.first.element, *(step.to for step in self.steps)]

    @property
    def duration_ms(self) -> float:
        return (self.last.arrive_ns - self.first.depart_ns) / 1e6


def follow(records: Iterable[Record]) -> list[Flight]:
    """The flights of a journey's packets, in the order in which they were sent."""
    flights: list[Flight] = []
    arriving: dict[str, list[Flight]] = {}
    steps = (
        Step.of(record, place) for place, record in enumerate(records) if record["kind"] == "link.transmit"
    )
    for step in sorted(steps, key=lambda step: step.depart_ns):
        waiting = arriving.setdefault(step.element, [])
        flight = next((flight for flight in waiting if _continues(step, flight.last)), None)
        if flight is None:
            flight = Flight(step)
            flights.append(flight)
        else:
            waiting.remove(flight)
            flight.steps.append(step)
        arriving.setdefault(step.to, []).append(flight)
    return flights


def _continues(step: Step, last: Step) -> bool:
    return last.arrive_ns <= step.depart_ns and step.packet.continues(last.packet)


def legs_of_the_request(flights: list[Flight], origin: str) -> list[Flight]:
    """The first request packet's way, leg by leg: to where the client's connection ends, and on from there.

    Each leg is a SYN, or where a connection was already open the first segment with data.
    """
    legs: list[Flight] = []
    element, since_ns, from_where = origin, 0, ""
    while True:
        leg = _first_leg(flights, element, since_ns, from_where)
        if leg is None or leg in legs:
            return legs
        legs.append(leg)
        element, since_ns, from_where = leg.last.to, leg.last.arrive_ns, leg.last.packet.source


def _first_leg(flights: list[Flight], element: str, since_ns: int, from_where: str) -> Flight | None:
    leaving = [
        flight
        for flight in flights
        if flight.first.element == element
        and flight.first.depart_ns >= since_ns
        and flight.packet.protocol == "TCP"
        and flight.packet.destination != from_where
        and not flight.packet.destination.endswith(":53")
        and (flight.packet.opens or flight.packet.carries_data)
    ]
    # one that was lost on the way was sent again: the longest way is the one that arrived
    return max(leaving, key=lambda flight: len(flight.steps), default=None)

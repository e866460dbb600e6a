"""Folds what repeats: the first request packet is told in full, all others are summed up by the way they took.

Routers look up the same route, NAT translates the same connection, and neighbours ask each other by ARP for every
packet of a journey; told each time they would bury the story. Nothing is invented for it: a line that sums up is made
from the records of the packets that it sums up.
"""

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

from orchestrator.journal.flights import Flight, Step
from orchestrator.journal.journey import Journey, Record
from orchestrator.journal.sentences import Told
from orchestrator.journal.wording import arrows, listed, milliseconds, plural

ABOUT_A_PACKET = (
    "route.lookup", "bgp.decision", "nat.mapping", "service.endpoint", "eip.translate", "vpc.route",
    "security_group.allow", "eni.deliver", "node.route", "link.transmit", "link.receive",
)  # fmt: skip
"""Decided for every single packet: told for the first, folded for the rest."""


class Line(NamedTuple):
    """One line of the story: when (ms after the click), who, and what."""

    t_ms: float
    element: str
    told: Told
    aside: bool = False
    """Sums up what is not told in full."""


class _Window(NamedTuple):
    element: str
    since_ns: int
    until_ns: int


class FirstWays:
    """When the first request packet was at which element."""

    def __init__(self, journey: Journey) -> None:
        self._windows = list(_windows(journey))

    def passed(self, record: Record) -> bool:
        """Whether this was decided about a first packet, at the time when that packet was there."""
        if record["kind"] in ("link.transmit", "link.receive"):
            return False
        element, t_ns = record["element"], record["t_ns"]
        return any(
            window.element == element and window.since_ns <= t_ns <= window.until_ns
            for window in self._windows
        )


def _windows(journey: Journey) -> Iterator[_Window]:
    for leg in journey.legs:
        yield _Window(leg.first.element, _before(journey, leg.first), leg.first.depart_ns)
        for step, after in pairwise(leg.steps):
            yield _Window(step.to, step.arrive_ns, after.depart_ns)


def _before(journey: Journey, first: Step) -> int:
    """Since when the sender has been busy with its packet: its last decision of another sort."""
    earlier = (
        record["t_ns"]
        for record in journey.records
        if record["element"] == first.element
        and record["t_ns"] <= first.depart_ns
        and record["kind"] not in ABOUT_A_PACKET
        and not record["kind"].startswith("arp.")
    )
    return max(earlier, default=first.depart_ns)


class Questions:
    """Adds to a DNS question the way that it took."""

    def __init__(self, journey: Journey) -> None:
        self._flights = [flight for flight in journey.flights if flight.packet.destination.endswith(":53")]

    def with_way(self, record: Record, line: Line) -> Line:
        destination = f"{record['server']}:53"
        for flight in self._flights:
            sent = flight.first.depart_ns >= record["t_ns"] and flight.first.element == record["element"]
            if sent and flight.packet.destination == destination:
                self._flights.remove(flight)
                way = f"by {arrows(flight.path[1:])}, {milliseconds(flight.duration_ms)}"
                return line._replace(told=line.told._replace(why=way))
        return line


class Neighbours:
    """ARP is told in full where the journey sets out; elsewhere only what was asked for, in one line."""

    def __init__(self, journey: Journey) -> None:
        self._origin = journey.origin
        self._told: set[tuple[str, Told]] = set()
        self._asked_ns: dict[tuple[str, str], int] = {}
        self._asked_by_origin: set[str] = set()

    def fold(self, record: Record, line: Line) -> Line | None:
        """The line for an ARP record; None when it is not told."""
        element, address = record["element"], record["address"]
        if record["kind"] == "arp.request":
            self._asked_ns[element, address] = record["t_ns"]
            if element == self._origin:
                self._asked_by_origin.add(address)
        if element == self._origin or (record["kind"] == "arp.reply" and address in self._asked_by_origin):
            return self._once(line)
        if record["kind"] == "arp.resolved" and (element, address) in self._asked_ns:
            took_ms = (record["t_ns"] - self._asked_ns.pop((element, address))) / 1e6
            told = Told(
                f"ARP: {address} is at {record['mac']}", f"asked and answered in {milliseconds(took_ms)}"
            )
            return line._replace(told=told, aside=True)
        return line if record["kind"] == "arp.conflict" else None

    def _once(self, line: Line) -> Line | None:
        if (line.element, line.told) in self._told:
            return None
        self._told.add((line.element, line.told))
        return line


def other_packets(journey: Journey) -> Iterator[tuple[int, Line]]:
    """The packets that are not told in full, up to the end of the journey.

    Those of one sort that follow each other on the same way share a line. Each comes with the place of its first
    record in the journey."""
    known = {tuple(leg.path) for leg in journey.legs}
    others = (
        flight
        for flight in journey.flights
        if flight not in journey.legs
        and flight.packet.protocol in ("TCP", "ICMP")
        and flight.first.depart_ns <= journey.end_ns
    )
    for _, group in groupby(others, key=lambda flight: (flight.path, _label(flight))):
        run = list(group)
        first = run[0]
        told = _summed_up(run, known=tuple(first.path) in known)
        known.add(tuple(first.path))
        line = Line(journey.t_ms(first.first.depart_ns), first.first.element, told, aside=True)
        yield first.first.place, line


def _summed_up(run: list[Flight], *, known: bool) -> Told:
    first, times = run[0], len(run)
    label = _label(first) if times == 1 else f"{times} times {_label(first)}"
    size = plural(sum(flight.first.bytes for flight in run), "byte")
    took = f"{'' if times == 1 else 'up to '}{milliseconds(max(flight.duration_ms for flight in run))} on the way"
    if known:
        return Told(f"{label}, {size}: to {first.last.to}, by the same way", took)
    return Told(f"{label}, {size}: {arrows(first.path)}", took, tuple(_changes(first)))


def _label(flight: Flight) -> str:
    packet = flight.packet
    if packet.protocol == "TCP" and packet.carries_data:
        return packet.application or "Data"
    return packet.flags.replace(",", "-") or packet.protocol


def _changes(flight: Flight) -> Iterator[str]:
    """Where a packet's addresses were changed on the way."""
    for step, after in pairwise(flight.steps):
        old, new = step.packet, after.packet
        pairs = (("from", old.source, new.source), ("to", old.destination, new.destination))
        changed = [f"{which} {before} becomes {now}" for which, before, now in pairs if before != now]
        if changed:
            yield f"{after.element}: {listed(changed)}"

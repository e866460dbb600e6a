"""Where a journey's time went: every nanosecond between the click and the last byte, attributed once.

How this works. We walk backwards from the end: the browser was done because a packet had arrived; that packet was on
a wire, before that in a router, before that it left a host because another packet had arrived there, and so on to the
click. The stretches of that chain are laid end to end, so they add up to the total whatever happened beside it.

On the real clock an element may be late for a packet because this machine was busy: that time is the emulator's, not
the model's, and is shown apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orchestrator.journal.flights import Flight

Record = dict[str, Any]

PROPAGATION, QUEUEING, PROCESSING, SERVICE, WAITING, RESENDING, LAG = (
    "propagation", "queueing", "processing", "service", "waiting", "retransmission", "emulator lag",
)  # fmt: skip
WAYS = (PROPAGATION, QUEUEING, PROCESSING, SERVICE, WAITING, RESENDING, LAG)
TELLING = (
    "nginx.answer", "app.answer", "tcp.retransmit", "link.receive", "journey.start", "journey.failed", "tcp.reset",
    "alb.response",
)  # fmt: skip
"""Kinds of records that say what the time inside of an element was spent on."""


class Part(NamedTuple):
    """A stretch of time: on a link, or inside an element; `what` is one of `WAYS`. Serialisation is propagation."""

    where: str
    ends: tuple[str, ...]
    what: str
    ns: int


class Tier(NamedTuple):
    """The time spent in one tier, by what it was spent on; in ms."""

    name: str
    ms: float
    ways: dict[str, float]


TIER_OF_KIND = {
    "laptop": "home",
    "home_router": "home",
    "isp_as": "Internet",
    "dns_server": "DNS servers",
    "aws_edge": "AWS network",
    "vpc": "AWS network",
    "alb": "load balancer",
    "eks_node": "node",
    "nginx_pod": "pod",
}
LINK_GOES_TO = ("Internet", "AWS network", "home", "node")
"""A link between two tiers counts as the first of these that it touches."""


def parts_of(
    flights: Sequence[Flight], records: Sequence[Record], origin: str, start_ns: int, end_ns: int
) -> list[Part]:
    """The stretches between start and end, in the order in which they happened."""
    return _Walk(flights, records, start_ns).parts_until(end_ns, origin)


class _Walk:
    def __init__(self, flights: Sequence[Flight], records: Sequence[Record], start_ns: int) -> None:
        self._parts: list[Part] = []
        self._start_ns = start_ns
        self._packets = [flight for flight in flights if flight.packet.protocol != "ARP"]
        self._neighbours = [flight for flight in flights if flight.packet.protocol == "ARP"]
        self._telling = [record for record in records if record["kind"] in TELLING]

    def parts_until(self, end_ns: int, element: str) -> list[Part]:
        moment = end_ns
        while moment > self._start_ns:
            flight = _cause(self._packets, element, moment)
            since_ns = self._start_ns if flight is None else flight.last.arrive_ns
            self._ask_neighbours(element, max(since_ns, self._start_ns), moment, told=True)
            if flight is None:
                break
            self._packets.remove(flight)
            element, moment = self._back_along(flight)
        return self._parts[::-1]

    def _back_along(self, flight: Flight) -> tuple[str, int]:
        """From where the packet arrived to where it was sent; gives the sender and the moment of sending."""
        for step, before in zip(flight.steps[::-1], [*flight.steps[-2::-1], None], strict=True):
            on_wire_ns = step.depart_ns + step.queued_ns
            self._add(step.link, (step.element, step.to), PROPAGATION, on_wire_ns, step.arrive_ns)
            self._add(step.link, (step.element, step.to), QUEUEING, step.depart_ns, on_wire_ns)
            if before is not None:
                self._ask_neighbours(step.element, before.arrive_ns, step.depart_ns, told=False)
        return flight.first.element, flight.first.depart_ns

    def _ask_neighbours(self, element: str, since_ns: int, until_ns: int, *, told: bool) -> None:
        """The time in an element, out of which it may have had to ask by ARP before it could send."""
        here, moment = element, until_ns
        while (flight := _cause(self._neighbours, here, moment)) is not None:
            if flight.first.depart_ns < since_ns:
                break
            self._neighbours.remove(flight)
            self._inside(here, flight.last.arrive_ns, moment, told)
            here, moment = self._back_along(flight)
        self._inside(here, since_ns, moment, told)

    def _inside(self, element: str, since_ns: int, until_ns: int, told: bool) -> None:
        """An element had what it needed at `since_ns`, and acted at `until_ns`; `told` if records say how."""
        left_ns = until_ns - max(since_ns, self._start_ns)
        for record in self._telling if told else ():
            if record["element"] == element and since_ns <= record["t_ns"] <= until_ns:
                for what, ns in _told(record, since_ns, left_ns):
                    ns = min(ns, left_ns)
                    left_ns -= ns
                    self._put(element, (element,), what, ns)
        self._put(element, (element,), PROCESSING, left_ns)

    def _add(self, where: str, ends: tuple[str, ...], what: str, since_ns: int, until_ns: int) -> None:
        self._put(where, ends, what, until_ns - max(since_ns, self._start_ns))

    def _put(self, where: str, ends: tuple[str, ...], what: str, ns: int) -> None:
        if ns > 0:
            self._parts.append(Part(where, ends, what, ns))


def _cause(flights: list[Flight], element: str, moment: int) -> Flight | None:
    """The arrival that made `element` act at this moment. A bare ACK counts only if it was acted upon at once."""
    arrived = [
        flight
        for flight in flights
        if flight.last.to == element
        and (flight.last.arrive_ns == moment
             or (flight.last.arrive_ns < moment and not flight.packet.only_acknowledges))
    ]  # fmt: skip
    return max(arrived, key=lambda flight: flight.last.arrive_ns, default=None)


def _told(record: Record, since_ns: int, gap_ns: int) -> list[tuple[str, int]]:
    match record["kind"]:
        case "tcp.retransmit":
            return [(RESENDING, gap_ns)]
        case "link.receive":
            return [(LAG, round(record["lag_us"] * 1000))] if record["t_ns"] == since_ns else []
        case "nginx.answer":
            waited_ms = record.get("latency_ms", 0.0)  # as for an upstream
            told = ((SERVICE, record["service_ms"]), (QUEUEING, record["queued_ms"]), (WAITING, waited_ms))
            return [(what, round(ms * 1e6)) for what, ms in told]
        case "app.answer":  # since it was last heard of: of the request, or of an answer that it waited for
            waited_ns = min(round(record.get("latency_ms", 0.0) * 1e6), gap_ns)
            return [(SERVICE, gap_ns - waited_ns), (WAITING, waited_ns)]
        case "journey.start":  # another try
            return [(WAITING, gap_ns)] if record["t_ns"] > since_ns else []
        case "tcp.reset":  # who gave up had waited until then
            return [(WAITING, gap_ns)] if record.get("direction") == "sent" else []
        case "alb.response":  # its own answer, at once or after a timeout
            return [(WAITING, gap_ns)] if record.get("source") == "elb" else []
    return [(WAITING, gap_ns)]


def tiers_of(parts: Sequence[Part], kinds: Mapping[str, str]) -> list[Tier]:
    """The parts by tier, in the order in which the journey came to them. An unknown kind is a tier of its own."""
    sums: dict[str, dict[str, int]] = {}
    for part in parts:
        ways = sums.setdefault(_tier(part, kinds), {})
        ways[part.what] = ways.get(part.what, 0) + part.ns
    return [
        Tier(name, sum(ways.values()) / 1e6, {way: ways[way] / 1e6 for way in WAYS if way in ways})
        for name, ways in sums.items()
    ]


def _tier(part: Part, kinds: Mapping[str, str]) -> str:
    tiers = [TIER_OF_KIND.get(kinds.get(element, ""), element) for element in part.ends]
    return next((tier for tier in LINK_GOES_TO if tier in tiers), tiers[0])

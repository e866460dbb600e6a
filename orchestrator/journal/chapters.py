"""Puts a journey into chapters, and folds what repeats: the first packet is told in full, later ones in a line.

How this works. Some kinds belong to a chapter by their topic (a DNS referral is about finding the address, whenever it
comes). What is decided about single packets (routes, NAT, security groups) belongs to where the story is at that time,
and is told only along the legs of the first request packet; all other packets are summed up by the way they took.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from orchestrator.journal.flights import Flight, Step
from orchestrator.journal.journey import Journey, Record
from orchestrator.journal.sentences import Told, tell
from orchestrator.journal.wording import arrows, listed, milliseconds, plural


class Topic(IntEnum):
    """The chapters in their order."""

    LEASE = 0
    ADDRESS = 1
    CONNECTION = 2
    TLS = 3
    REQUEST = 4
    POD = 5
    BACK = 6


TITLES = {
    Topic.LEASE: ("Before the click", "an address for this machine"),
    Topic.ADDRESS: ("Finding the address", "caches first, then servers from the root down"),
    Topic.CONNECTION: ("Opening the connection", "the first packet, hop by hop"),
    Topic.TLS: ("Agreeing on keys (TLS)", "a certificate, and keys that only both ends know"),
    Topic.REQUEST: ("The request at the load balancer", "which rule, which target, and why"),
    Topic.POD: ("Into the pod", "from the load balancer to a worker"),
    Topic.BACK: ("The way back", "the answer"),
}
PHASE_OF_TOPIC = {Topic.ADDRESS: "dns", Topic.CONNECTION: "tcp", Topic.TLS: "tls"}

TOPIC_OF_KIND = {
    "journey.start": Topic.ADDRESS,
    "http.request": Topic.REQUEST,
    "alb.rule": Topic.REQUEST,
    "alb.target": Topic.REQUEST,
    "alb.connection": Topic.REQUEST,
    "alb.response": Topic.BACK,
    "http.response": Topic.BACK,
    "journey.end": Topic.BACK,
    "journey.failed": Topic.BACK,
}
TOPIC_OF_FAMILY = {
    "dhcp": Topic.LEASE,
    "dns": Topic.ADDRESS,
    "tls": Topic.TLS,
    "node": Topic.POD,
    "cni": Topic.POD,
    "nginx": Topic.POD,
}

ABOUT_A_PACKET = (
    "route.lookup", "nat.mapping", "eip.translate", "vpc.route", "security_group.allow", "eni.deliver", "node.route",
    "link.transmit", "link.receive",
)  # fmt: skip
"""Decided for every single packet: told for the first, folded for the rest."""


class Line(NamedTuple):
    """One line of the story: when (ms after the click), who, and what."""

    t_ms: float
    element: str
    told: Told
    aside: bool = False
    """Sums up what is not told in full."""


class Chapter(NamedTuple):
    topic: Topic
    title: str
    about: str
    took_ms: float | None
    lines: list[Line]


def chapters_of(journey: Journey, *, everything: bool = False) -> list[Chapter]:
    """The story's chapters, empty ones left out; `everything` tells each record and folds nothing."""
    lines = _every_record(journey) if everything else _folded(journey)
    by_topic: dict[Topic, list[Line]] = {}
    for topic, line in lines:
        by_topic.setdefault(topic, []).append(line)
    return [_chapter(topic, by_topic[topic], journey) for topic in sorted(by_topic)]


def _chapter(topic: Topic, lines: list[Line], journey: Journey) -> Chapter:
    title, about = TITLES[topic]
    if topic is Topic.REQUEST and journey.find("alb.rule") is None:
        title, about = "The request", ""
    took_ms = journey.phases.get(PHASE_OF_TOPIC.get(topic, ""))
    return Chapter(topic, title, about, took_ms, sorted(lines, key=lambda line: line.t_ms))


def _every_record(journey: Journey) -> Iterator[tuple[Topic, Line]]:
    for record in journey.before:
        yield Topic.LEASE, _line(journey, record)
    for topic, record in topics_of(journey):
        yield topic, _line(journey, record)


def _folded(journey: Journey) -> Iterator[tuple[Topic, Line]]:
    told: set[tuple[str, Told]] = set()
    ways = _Ways(journey)
    for record in journey.before:
        yield Topic.LEASE, _line(journey, record)
    for topic, record in topics_of(journey):
        if record["kind"] in ABOUT_A_PACKET and not ways.on_first_way(record):
            continue
        line = _line(journey, record)
        if record["kind"].startswith("arp."):
            if (line.element, line.told) in told:
                continue
            told.add((line.element, line.told))
        if record["kind"] in ("dns.query", "dns.forward"):
            line = ways.with_way(line, record)
        yield topic, line
    yield from ways.others()


def _line(journey: Journey, record: Record) -> Line:
    return Line(journey.t_ms(record["t_ns"]), record["element"], tell(record))


def topics_of(journey: Journey) -> Iterator[tuple[Topic, Record]]:
    """Each record with the chapter that it belongs to."""
    here = Topic.ADDRESS
    for record in journey.records:
        kind = record["kind"]
        if kind == "tcp.connect" and record["element"] == journey.origin:
            here = max(here, Topic.CONNECTION)
        elif kind == "http.request":
            here = max(here, Topic.REQUEST)
        own = TOPIC_OF_KIND.get(kind) or TOPIC_OF_FAMILY.get(kind.split(".")[0])
        if own is None and kind.startswith("tcp.") and here < Topic.POD:
            own = min(
                here, Topic.CONNECTION
            )  # the server learns later than the client that they are connected
        yield here if own is None else own, record
        here = max(here, _next(record, journey.origin))


def _next(record: Record, origin: str) -> Topic:
    """Where the story is after this record."""
    match record["kind"]:
        case "tcp.established" if record["element"] == origin:
            return Topic.TLS
        case "alb.target":
            return Topic.POD
        case "nginx.answer":
            return Topic.BACK
    return Topic.LEASE


class _Ways:
    """Which packets are told in full, and how the others are summed up."""

    def __init__(self, journey: Journey) -> None:
        self._journey = journey
        self._windows = list(_windows(journey))
        self._known: set[tuple[str, ...]] = set()
        self._with_question: set[int] = set()

    def on_first_way(self, record: Record) -> bool:
        """Whether this was decided about a first packet, at the time when that packet was there."""
        if record["kind"] in ("link.transmit", "link.receive"):
            return False
        element, t_ns = record["element"], record["t_ns"]
        return any(
            window.element == element and window.since_ns <= t_ns <= window.until_ns
            for window in self._windows
        )

    def with_way(self, line: Line, record: Record) -> Line:
        """A question, and the way that it took."""
        server, element = record["server"], record["element"]
        for flight in self._journey.flights:
            asks = flight.packet.destination.split(":")[0] == server and flight.first.element == element
            if asks and flight.first.sent_ns >= record["t_ns"] and id(flight) not in self._with_question:
                self._with_question.add(id(flight))
                way = f"by {arrows(flight.path[1:])}, {milliseconds(flight.duration_ms)}"
                return line._replace(told=line.told._replace(why=way))
        return line

    def others(self) -> Iterator[tuple[Topic, Line]]:
        """The packets that are not told in full, summed up where the same way is taken again and again."""
        topics = [topic for topic, _ in topics_of(self._journey)]
        told_in_full = [*self._journey.legs]
        self._known.update(tuple(leg.path) for leg in told_in_full)
        run: list[Flight] = []
        run_topic = Topic.LEASE
        for flight in self._journey.flights:
            first = flight.first
            if flight in told_in_full or first.packet.protocol not in ("TCP", "ICMP"):
                continue
            topic = topics[first.place]
            if run and (topic, flight.path, _label(flight)) != (run_topic, run[0].path, _label(run[0])):
                yield run_topic, self._sum_up(run)
                run = []
            run.append(flight)
            run_topic = topic
        if run:
            yield run_topic, self._sum_up(run)

    def _sum_up(self, run: list[Flight]) -> Line:
        first = run[0]
        size = sum(flight.first.bytes for flight in run)
        label = _label(first) if len(run) == 1 else f"{len(run)} times {_label(first)}"
        slowest = max(flight.duration_ms for flight in run)
        took = (
            f"{milliseconds(slowest)} on the way"
            if len(run) == 1
            else f"up to {milliseconds(slowest)} on the way"
        )
        known = tuple(first.path) in self._known
        self._known.add(tuple(first.path))
        way = f"to {first.last.to}, by the same way" if known else arrows(first.path)
        changes = () if known else tuple(_changes(first))
        told = Told(f"{label}, {plural(size, 'byte')}: {way}", took, changes)
        return Line(self._journey.t_ms(first.first.sent_ns), first.first.element, told, aside=True)


def _label(flight: Flight) -> str:
    packet = flight.packet
    if packet.protocol == "TCP" and packet.carries_data:
        return packet.application or "Data"
    return packet.flags.replace(",", "-") or packet.protocol


class _Window(NamedTuple):
    element: str
    since_ns: int
    until_ns: int


def _windows(journey: Journey) -> Iterator[_Window]:
    """When a first packet was at which element."""
    for leg in journey.legs:
        yield _Window(leg.first.element, _before(journey, leg.first), leg.first.sent_ns)
        for step, after in zip(leg.steps, leg.steps[1:], strict=False):
            yield _Window(step.to, step.arrive_ns, after.sent_ns)


def _before(journey: Journey, first: Step) -> int:
    """Since when the sender has been busy with its packet: its last decision of another sort."""
    earlier = (
        record["t_ns"]
        for record in journey.records
        if record["element"] == first.element
        and record["t_ns"] <= first.sent_ns
        and record["kind"] not in ABOUT_A_PACKET
        and not record["kind"].startswith("arp.")
    )
    return max(earlier, default=first.sent_ns)


def _changes(flight: Flight) -> Iterable[str]:
    """Where a packet's addresses were changed on the way."""
    for step, after in zip(flight.steps, flight.steps[1:], strict=False):
        old, new = step.packet, after.packet
        pairs = (("from", old.source, new.source), ("to", old.destination, new.destination))
        changed = [f"{which} {before} becomes {now}" for which, before, now in pairs if before != now]
        if changed:
            yield f"{after.element}: {listed(changed)}"

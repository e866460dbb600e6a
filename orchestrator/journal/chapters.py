"""Puts a journey into chapters.

How this works. Some kinds belong to a chapter by their topic (a DNS referral is about finding the address, whenever it
comes). All others, such as what is decided about single packets, belong to where the story is at that time. What
repeats is folded: see `folding`.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from orchestrator.journal.folding import ABOUT_A_PACKET, FirstWays, Line, Neighbours, Questions, other_packets
from orchestrator.journal.journey import Journey, Record
from orchestrator.journal.sentences import tell


class Topic(IntEnum):
    """The chapters in their order."""

    LEASE = 0
    CLUSTER = 1
    ADDRESS = 2
    CONNECTION = 3
    TLS = 4
    REQUEST = 5
    POD = 6
    BACK = 7


TITLES = {
    Topic.LEASE: ("Before the click", "an address for this machine"),
    Topic.CLUSTER: ("Before the click, in the cluster", "how the pod that will answer came here"),
    Topic.ADDRESS: ("Finding the address", "caches first, then servers from the root down"),
    Topic.CONNECTION: ("Opening the connection", "the first packet, hop by hop"),
    Topic.TLS: ("Agreeing on keys (TLS)", "a certificate, and keys for both ends"),
    Topic.REQUEST: ("The request at the load balancer", "which rule, which target, and why"),
    Topic.POD: ("Into the pod", "from the load balancer to a worker"),
    Topic.BACK: ("The way back", "the answer"),
}
PHASE_OF_TOPIC = {Topic.ADDRESS: "dns", Topic.CONNECTION: "tcp", Topic.TLS: "tls"}

TOPIC_OF_KIND = {
    "journey.start": Topic.ADDRESS,
    "http.request": Topic.REQUEST,
    "alb.rule": Topic.REQUEST,
    "alb.redirect": Topic.REQUEST,
    "alb.target_group": Topic.REQUEST,
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
    if topic is Topic.BACK and journey.status is None:
        title, about = "How it ended", ""
    took_ms = journey.phases.get(PHASE_OF_TOPIC.get(topic, ""))
    return Chapter(topic, title, about, took_ms, sorted(lines, key=lambda line: line.t_ms))


def _every_record(journey: Journey) -> Iterator[tuple[Topic, Line]]:
    yield from _before(journey)
    for topic, record in topics_of(journey):
        yield topic, _line(journey, record)


def _folded(journey: Journey) -> Iterator[tuple[Topic, Line]]:
    first_ways, questions, neighbours = FirstWays(journey), Questions(journey), Neighbours(journey)
    yield from _before(journey)
    topics = []
    for topic, record in topics_of(journey):
        topics.append(topic)
        kind, line = record["kind"], _line(journey, record)
        if kind in ABOUT_A_PACKET and not first_ways.passed(record):
            continue
        if kind.startswith("arp."):
            folded = neighbours.fold(record, line)
            if folded is None:
                continue
            line = folded
        if kind in ("dns.query", "dns.forward"):
            line = questions.with_way(record, line)
        yield topic, line
    for place, line in other_packets(journey):
        yield topics[place], line


def _before(journey: Journey) -> Iterator[tuple[Topic, Line]]:
    for record in journey.before:
        yield Topic.LEASE if record["kind"].startswith("dhcp.") else Topic.CLUSTER, _line(journey, record)


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
            own = min(here, Topic.CONNECTION)  # a server knows later than its client that they are connected
        yield here if own is None else own, record
        here = max(here, _next(record, journey.origin))


def _next(record: Record, origin: str) -> Topic:
    """Where the story is after this record."""
    match record["kind"]:
        case "tcp.established" if record["element"] == origin:
            return Topic.TLS
        case "alb.target":
            return Topic.POD
        case "nginx.answer" | "app.answer" | "alb.response" | "journey.end" | "journey.failed":
            return Topic.BACK
    return Topic.LEASE

"""What a report shows of recorded requests: where their time went, as waterfalls and as a sequence of messages."""

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.journal.flights import Flight
from orchestrator.journal.journey import Journey
from orchestrator.journal.sentences import tell
from orchestrator.journal.timing import TIER_OF_KIND, Part, tiers_of
from orchestrator.reports.result import VariantResult

Plain = dict[str, Any]

TIERS = ("home", "Internet", "DNS servers", "AWS network", "load balancer", "node", "pod")
"""In the order in which a request comes to them."""
MOST_MESSAGES = 300
"""Beyond this a drawing helps nobody; it says how many are left out."""
MOST_WATERFALLS = 10


def journeys_of(variant: VariantResult) -> list[Journey]:
    """The recorded requests that were kept, the slowest first."""
    return [Journey.unpack(kept.packed) for kept in variant.journeys]


def pictured(variant: VariantResult) -> list[Journey]:
    """Those that are drawn: the first one of each way to fail, and the slowest; the slowest first."""
    journeys = journeys_of(variant)
    chosen: dict[str, Journey] = {}
    for journey in journeys:
        if not journey.succeeded:
            chosen.setdefault(str(journey.error or journey.status), journey)
    drawn = {each.identity for each in list(chosen.values())[:MOST_WATERFALLS]}
    for journey in journeys:
        if len(drawn) < MOST_WATERFALLS:
            drawn.add(journey.identity)
    return [each for each in journeys if each.identity in drawn]


def budget(journeys: Sequence[Journey]) -> list[Plain]:
    """Where their time went on average: `tier`, `ms`, and `ways` (propagation, queueing ...)."""
    sums: dict[str, dict[str, float]] = {}
    for journey in journeys:
        for tier in journey.tiers:
            ways = sums.setdefault(tier.name, {})
            for way, ms in tier.ways.items():
                ways[way] = ways.get(way, 0.0) + ms
    many = len(journeys) or 1
    return [
        {
            "tier": tier,
            "ms": round(sum(sums[tier].values()) / many, 6),
            "ways": {way: round(ms / many, 6) for way, ms in sorted(sums[tier].items())},
        }
        for tier in _in_order(sums)
    ]


def _in_order(tiers: Iterable[str]) -> list[str]:
    known = list(tiers)
    return [tier for tier in TIERS if tier in known] + sorted(set(known) - set(TIERS))


def waterfall(journey: Journey) -> list[Plain]:
    """The stretches of its time, neighbours of one tier and kind as one: `tier`, `what`, `where`, `at_ms`, `ms`."""
    bars: list[Plain] = []
    moment_ns = 0
    for part in journey.parts:
        tier = tiers_of([part], journey.kinds)[0].name
        if bars and (bars[-1]["tier"], bars[-1]["what"]) == (tier, part.what):
            bars[-1]["ms"] += part.ns / 1e6
            bars[-1]["where"] = _joined(bars[-1]["where"], part)
        else:
            bars.append(
                {
                    "tier": tier,
                    "what": part.what,
                    "where": _place(part),
                    "at_ms": moment_ns / 1e6,
                    "ms": part.ns / 1e6,
                }
            )
        moment_ns += part.ns
    return [{**bar, "at_ms": round(bar["at_ms"], 6), "ms": round(bar["ms"], 6)} for bar in bars]


def _place(part: Part) -> str:
    return " > ".join(part.ends)


def _joined(where: str, part: Part) -> str:
    ends = part.ends if where.rpartition(" > ")[2] != part.ends[0] else part.ends[1:]
    return " > ".join((where, *ends))


def outline(journey: Journey, began_ns: int) -> Plain:
    """One request in a list: what it was, how it ended, and its waterfall."""
    since_ns = journey.end_ns - round(journey.total_ms * 1e6)
    return {
        "id": journey.identity,
        "at_s": round((since_ns - began_ns) / 1e9, 6),
        "status": journey.status,
        "error": journey.error,
        "total_ms": round(journey.total_ms, 6),
        "pod": journey.hops[-1] if journey.hops else "",
        "bars": waterfall(journey),
        "why": _decision(journey),
    }


def _decision(journey: Journey) -> str:
    """Why it came to the target that it came to, or to none."""
    response = journey.find("alb.response")
    if response is not None and response.get("source") == "elb" and response.get("sentence"):
        return str(response["sentence"])
    target = journey.find("alb.target")
    return "" if target is None else f"{target['chosen']} by {target['algorithm']}: {target['why']}"


def sequence(journey: Journey) -> Plain:
    """Its messages in the order in which they were sent: `lanes` (elements as the request came to them, with their
    tiers), `messages` (`from` and `to` as lane numbers), and how many were `left_out`."""
    flights = [flight for flight in journey.flights if not flight.packet.only_acknowledges]
    shown = flights[:MOST_MESSAGES]
    lanes = list(dict.fromkeys([*journey.hops, *(name for flight in shown for name in flight.path)]))
    return {
        "lanes": [
            {"name": lane, "tier": TIER_OF_KIND.get(journey.kinds.get(lane, ""), "")} for lane in lanes
        ],
        "messages": [_message(flight, lanes, journey) for flight in shown],
        "left_out": len(flights) - len(shown),
        "notes": _notes(journey, lanes),
    }


def _message(flight: Flight, lanes: list[str], journey: Journey) -> Plain:
    packet = flight.packet
    return {
        "from": lanes.index(flight.first.element),
        "to": lanes.index(flight.last.to),
        "via": [lanes.index(name) for name in flight.path[1:-1]],
        "sent_ms": round(journey.t_ms(flight.first.depart_ns), 6),
        "arrived_ms": round(journey.t_ms(flight.last.arrive_ns), 6),
        "protocol": protocol_of(flight),
        "what": label_of(flight),
        "bytes": flight.first.bytes,
        "packet": f"{packet.protocol} {packet.source} > {packet.destination} {packet.rest}",
    }


def protocol_of(flight: Flight) -> str:
    """The innermost one that can be seen: HTTP, TLS, TCP, DNS ..."""
    first = flight.packet.application.partition(" ")[0].partition("/")[0]
    return first if first in ("HTTP", "TLS", "DNS", "HTTP2") else flight.packet.protocol


def label_of(flight: Flight) -> str:
    """What to write on the arrow."""
    packet = flight.packet
    return packet.application or f"{packet.protocol} {packet.flags or packet.rest}".strip()


def _notes(journey: Journey, lanes: list[str]) -> list[Plain]:
    """Decisions that explain the arrows."""
    return [
        {
            "lane": lanes.index(record["element"]),
            "at_ms": round(journey.t_ms(record["t_ns"]), 6),
            "told": tell(record).what,
        }
        for record in journey.records
        if record["kind"]
        in ("alb.target", "alb.response", "nginx.answer", "app.answer", "journey.end", "journey.failed")
        and record["element"] in lanes
    ]

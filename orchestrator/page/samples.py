"""Single requests for the map: journeys that somebody has recorded, as the ways of their packets.

Nothing is made up: what moves on the page is a packet that an element has put on a link, and the times are those of the
journal. A request is told when it is over, or, if it takes long, told as far as it has come.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from orchestrator.journal.journey import Journey, UnknownJourney
from orchestrator.journal.sentences import tell
from orchestrator.journal.sentences.world import asked_by
from orchestrator.journal.store import JournalStore, Record
from orchestrator.reports.digest import label_of, protocol_of

Plain = dict[str, Any]

OK, CLIENT_ERROR, SERVER_ERROR, LOST, WAITING = "ok", "http_4xx", "http_5xx", "lost", "waiting"
ENDS = ("journey.end", "journey.failed")
REST_S = 0.35
"""After its end a request's last records are still on their way from the elements."""
PATIENCE_S = 1.0
"""A request that takes longer is told before its end, and again after it."""
GIVEN_UP_S = 90.0
MOST_STEPS = 400
MOST_A_LOOK = 4
"""More are recorded than looked at when the world has better things to do."""
MOST_OWN_A_LOOK = 12
"""Of those that the viewer has sent by hand."""
NOTED = (
    "journey.start", "dns.answer", "dns.referral", "bgp.decision", "tcp.established", "tcp.retransmit", "tcp.reset",
    "tls.established", "alb.rule", "alb.target", "alb.response", "nginx.answer", "nginx.no_answer", "nat.mapping",
    "link.drop", "security_group.deny", "node.route", "load.wait", *ENDS,
)  # fmt: skip
"""What is told in words while a request moves in slow motion. Its beginning, too: at 1/1000 the first decision of one
that has to ask DNS servers is half a minute away."""


class Samples:
    """Watches a journal for requests while somebody looks on."""

    def __init__(self, journal: JournalStore) -> None:
        self._journal = journal
        self._seen: dict[str, float] = {}
        """When each was seen first, by the event loop's clock."""
        self._ended: deque[tuple[float, str]] = deque()
        self._told_early: set[str] = set()
        self._yours: set[str] = set()
        """Those that somebody has sent by hand: none of them is left out."""
        self.skipped = 0

    def start(self) -> None:
        self._journal.watchers.append(self._record)

    def stop(self) -> None:
        self._journal.watchers.remove(self._record)
        self._seen.clear()
        self._ended.clear()
        self._told_early.clear()
        self._yours.clear()

    def _record(self, record: Record) -> None:
        journey = record["journey"]
        if journey is None:
            return
        now_s = _now_s()
        self._seen.setdefault(journey, now_s)
        if record["kind"] == "journey.start" and asked_by(record):
            self._yours.add(journey)
        if record["kind"] in ENDS:
            self._ended.append((now_s, journey))

    def take(self, kinds: Mapping[str, str]) -> list[Plain]:
        """Those that can be told now."""
        now_s = _now_s()
        ready = []
        while self._ended and now_s - self._ended[0][0] >= REST_S:
            ready.append(self._ended.popleft()[1])
        for journey in ready:
            self._seen.pop(journey, None)
        self._told_early.difference_update(ready)
        shown = self._shown(ready)
        self.skipped += len(ready) - len(shown)
        return [
            found
            for journey in [*self._late(now_s), *shown]
            if (found := self._told(journey, kinds)) is not None
        ]

    def _shown(self, ready: list[str]) -> list[str]:
        """As many as there is time for, the viewer's own first; in the order in which they ended."""
        own = [journey for journey in ready if journey in self._yours][-MOST_OWN_A_LOOK:]
        self._yours.difference_update(ready)
        room = max(MOST_A_LOOK - len(own), 0)
        others = [journey for journey in ready if journey not in own]
        chosen = {*own, *others[len(others) - room :]}
        return [journey for journey in ready if journey in chosen]

    def _late(self, now_s: float) -> list[str]:
        """What takes long, once; what has no end will be forgotten."""
        ended = {journey for _, journey in self._ended}
        late = [
            journey
            for journey, since_s in self._seen.items()
            if now_s - since_s > PATIENCE_S and journey not in ended
        ]
        new = [journey for journey in late if journey not in self._told_early][:MOST_A_LOOK]
        self._told_early.update(new)
        for journey in late:
            if now_s - self._seen[journey] > GIVEN_UP_S:
                del self._seen[journey]
                self._yours.discard(journey)
                self._told_early.discard(journey)
        return new

    def _told(self, identity: str, kinds: Mapping[str, str]) -> Plain | None:
        try:
            return moving(Journey(identity, self._journal.journey(identity), kinds=kinds))
        except UnknownJourney:
            return None


def moving(journey: Journey) -> Plain:
    """A request as the map draws it. Times are in ms: `at` of model time, all others after `at`.

    `steps` are `[from, to, departs, arrives, label, protocol]`; `lost` what a link did not take, `[element, link, when,
    why]`; `notes` what was decided, `[when, element, words]`; `why` is said of requests that failed; `from` and `pod`
    are where it began and how far its first packet has got."""
    steps: list[list[Any]] = [
        [
            step.element,
            step.to,
            _ms(journey, step.depart_ns),
            _ms(journey, step.arrive_ns),
            label_of(flight),
            protocol_of(flight),
        ]
        for flight in journey.flights
        for step in flight.steps
    ]
    outcome = outcome_of(journey)
    return {
        "id": journey.identity,
        "at": journey.start_ns / 1e6,
        "ms": round(journey.total_ms, 4),
        "outcome": outcome,
        "status": journey.status,
        "why": "" if outcome == OK else why_of(journey),
        "you": you_of(journey),
        "from": journey.origin,
        "pod": journey.hops[-1],
        "tiers": [[tier.name, round(tier.ms, 4)] for tier in journey.tiers] if outcome == OK else [],
        "steps": sorted(steps, key=lambda step: step[2])[:MOST_STEPS],
        "lost": [
            [each["element"], each["link"], _ms(journey, each["t_ns"]), each["reason"]]
            for each in journey.records
            if each["kind"] == "link.drop"
        ],
        "notes": _notes(journey),
    }


def _notes(journey: Journey) -> list[list[Any]]:
    found: list[list[Any]] = []
    for record in journey.records:
        if record["kind"] in NOTED:
            what = tell(record).what
            if not any(note[1] == record["element"] and note[2] == what for note in found):
                found.append([_ms(journey, record["t_ns"]), record["element"], what])
    return found[:60]


def outcome_of(journey: Journey) -> str:
    """`ok`, `http_4xx`, `http_5xx`; `lost` without an answer; `waiting` while nobody knows. A tunnel is `ok` when it
    has been closed: what went through it is its ends' business."""
    if journey.status is None:
        if journey.find("journey.end") is not None:
            return OK
        over = journey.find("journey.failed") is not None
        return LOST if over or journey.find("link.drop") is not None else WAITING
    if journey.status < 400:
        return OK
    return CLIENT_ERROR if journey.status < 500 else SERVER_ERROR


def you_of(journey: Journey) -> str:
    """How whoever looks on has sent it: `curl via ingress`, `journey trace`; "" for the requests of a load."""
    start = journey.find("journey.start")
    return "" if start is None else asked_by(start)


def why_of(journey: Journey) -> str:
    """In one sentence, from what elements have recorded: who answered so, or what became of the packets."""
    response = journey.find("alb.response")
    if response is not None and response.get("source") == "elb" and response.get("sentence"):
        return f"{response['element']} answered {response['status']}: {response['sentence']}"
    drops = [each for each in journey.records if each["kind"] == "link.drop"]
    if drops and journey.status is None:
        last = drops[-1]
        return (
            f"{last['element']} could not send on {last['link']}: {DROPS.get(last['reason'], last['reason'])}"
        )
    dropped = (
        journey.find("packet.dropped") or journey.find("security_group.deny") or journey.find("route.none")
    )
    if dropped is not None and journey.status is None:
        return f"{dropped['element']}: {tell(dropped).what}"
    if journey.find("journey.failed") is not None:
        sent = journey.find("journey.start") is not None
        if sent:
            return f"no answer: {journey.error}"
        return NOT_SENT.get(str(journey.error), f"not sent: {journey.error}")
    return f"the answer was {journey.status}" if journey.status is not None else "no answer yet"


NOT_SENT = {
    "timeout": "no connection was free until its time was over",
    "connect_timeout": "no connection could be opened: nobody answers",
    "unreachable": "no connection could be opened: there is no way to the site",
    "refused": "no connection could be opened: the site refuses",
    "reset": "no connection could be opened: the site resets it",
    "tls_error": "no connection could be opened: the TLS handshake fails",
    "dns_error": "no connection could be opened: the site's name is not found",
}
"""Requests of a load that waited for a connection, by the load's words for errors."""

DROPS = {
    "cut": "the link is cut",
    "down": "the link is down",
    "no_carrier": "the link has no carrier",
    "loss": "the packet was lost",
    "queue_full": "its queue is full",
    "mtu": "the packet is too large",
}


def _ms(journey: Journey, t_ns: int) -> float:
    return round(journey.t_ms(t_ns), 4)


def _now_s() -> float:
    return asyncio.get_running_loop().time()

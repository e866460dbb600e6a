"""What a run leaves behind in its world, fetched before that goes: recorded requests, events, access logs."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from actors.units import SECOND
from orchestrator.journal.journey import Journey
from orchestrator.journal.origins import went_before
from orchestrator.journal.sentences import tell
from orchestrator.journal.store import JournalStore
from orchestrator.reports.result import Kept
from orchestrator.scenarios.scene import Scene

OWN_MANAGERS = ("journey", "kubernetes-admin")
"""As whom a timeline changes objects; what it does is among a run's events anyway."""
LOGS_LAG_S = 1.1
"""Servers write their access logs a second late."""
_TIME = re.compile(r"\S+ (\S+) ")


async def access_log(scene: Scene, nodes: Sequence[str]) -> list[str]:
    """The lines of all of the load balancer's nodes, by the time that they tell."""
    await asyncio.sleep(LOGS_LAG_S)
    lines: list[str] = []
    for node in nodes:
        path = scene.directory / "logs" / f"{node}.access.log"
        if path.exists():
            lines += path.read_text().splitlines()
    return sorted(lines, key=_time)


def _time(line: str) -> str:
    match = _TIME.match(line)
    return match[1] if match else ""


def recorded(store: JournalStore, kinds: Mapping[str, str]) -> list[Journey]:
    """The requests that were recorded from their beginning to their end, the slowest first."""
    events = store.events()
    journeys = []
    for identity in store.journeys():
        journey = Journey(identity, store.journey(identity), kinds=kinds)
        if journey.find("journey.start") and (journey.find("journey.end") or journey.find("journey.failed")):
            journey.before.extend(went_before(journey, events))
            journeys.append(journey)
    return sorted(journeys, key=lambda each: (-each.total_ms, each.identity))


def kept(journeys: Sequence[Journey], what: Sequence[str], slowest: int) -> list[Kept]:
    """Those that a report tells of."""
    chosen = [
        journey
        for rank, journey in enumerate(journeys)
        if "all" in what
        or ("errors" in what and not journey.succeeded)
        or ("slowest" in what and rank < slowest)
    ]
    return [Kept(journey.packed(), journey.total_ms) for journey in chosen]


def world_events(store: JournalStore, since_ns: int) -> list[dict[str, Any]]:
    """What happened in the world from then on, whoever was on the way."""
    return [event for event in store.events() if event["t_ns"] >= since_ns]


def by_others(store: JournalStore, since_ns: int) -> list[dict[str, Any]]:
    """What people have done to a run's cluster from elsewhere (with kubectl), as events of the run."""
    return [
        {
            "at_s": round((event["t_ns"] - since_ns) / SECOND, 3),
            "what": f"{tell(event).what}, by {event['by']}",
        }
        for event in world_events(store, since_ns)
        if event["kind"].startswith("operator.") and event.get("by", "journey") not in OWN_MANAGERS
    ]

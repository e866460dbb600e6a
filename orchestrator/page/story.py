"""One request for the page: what the report draws of it, and what `journey trace` tells, from the same sentences."""

from typing import Any

from orchestrator.journal.chapters import chapters_of
from orchestrator.journal.journey import PHASES, Journey
from orchestrator.journal.store import JournalStore
from orchestrator.page.samples import moving, outcome_of, why_of, you_of
from orchestrator.reports.digest import sequence, waterfall

Plain = dict[str, Any]

MOST_LISTED = 40


def recent(journal: JournalStore) -> list[Plain]:
    """The last requests that are remembered, the newest first: `id`, `status`, `ms`, `outcome`."""
    found = []
    for identity in reversed(journal.journeys()[-MOST_LISTED:]):
        if records := journal.journey(identity):
            journey = Journey(identity, records)
            found.append(
                {
                    "id": identity,
                    "at": journey.start_ns / 1e6,
                    "url": journey.url,
                    "you": you_of(journey),
                    "status": journey.status,
                    "ms": round(journey.total_ms, 3),
                    "outcome": outcome_of(journey),
                }
            )
    return found


def told(journey: Journey) -> Plain:
    """All of one request: `chapters` of the story, `waterfall`, `sequence` of messages, `moving` for the map."""
    outcome = outcome_of(journey)
    return {
        "id": journey.identity,
        "url": journey.url,
        "status": journey.status,
        "error": journey.error,
        "outcome": outcome,
        "you": you_of(journey),
        "why": "" if outcome == "ok" else why_of(journey),
        "total_ms": journey.total_ms,
        "hops": journey.hops,
        "phases": [[phase, journey.phases[phase]] for phase in PHASES if phase in journey.phases],
        "tiers": [[tier.name, tier.ms, tier.ways] for tier in journey.tiers],
        "waterfall": waterfall(journey),
        "sequence": sequence(journey),
        "chapters": [
            {
                "title": chapter.title,
                "about": chapter.about,
                "took_ms": chapter.took_ms,
                "lines": [
                    [
                        line.t_ms,
                        line.element,
                        line.told.what,
                        line.told.why,
                        list(line.told.details),
                        line.aside,
                    ]
                    for line in chapter.lines
                ],
            }
            for chapter in chapters_of(journey)
        ],
        "moving": moving(journey),
    }

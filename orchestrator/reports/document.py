"""A run as the values that `summary.json` and the page are written from."""

from typing import Any

from orchestrator.journal.sentences import tell
from orchestrator.reports.digest import MOST_WATERFALLS, outline, pictured, sequence
from orchestrator.reports.histograms import curve
from orchestrator.reports.origins import errors_by_origin
from orchestrator.reports.result import RunResult, VariantResult, plain_series

Plain = dict[str, Any]

WHAT_HAPPENED = (
    "operator.", "target.state", "pod.phase", "alb.configured", "link.", "aws.throttled", "element.", "fault.",
    "bgp.down", "bgp.established", "bgp.converged",
)  # fmt: skip
"""Events of the world that a picture of a run has room for; `events.ndjson` has all."""
MOST_EVENTS = 200


def summary(result: RunResult) -> Plain:
    """`summary.json`: for one seed on the virtual clock all of it is the same again, but for `wall`."""
    plain = result.plain()
    plain["description"] = result.description
    plain["interrupted"] = result.interrupted
    plain["variants"] = {each.name: _variant(each) for each in result.variants}
    plain["wall"] = {"started": result.wall.started, "took_s": result.wall.took_s}
    return plain


def _variant(variant: VariantResult) -> Plain:
    return {
        **variant.figures,
        "origins": errors_by_origin(variant.figures),
        "began_unix_ns": variant.began_unix_ns,
        "began_ns": variant.began_ns,
        "service_hdr": variant.service_hdr,
        "percentiles": {
            "due": [list(point) for point in curve(variant.latency_hdr)],
            "sent": [list(point) for point in curve(variant.service_hdr)],
        },
        "series": plain_series(variant.series),
        "budget": variant.budget,
        "journeys": {
            "recorded": variant.traced,
            "kept": len(variant.journeys),
            "slowest": [kept.packed["journey"] for kept in variant.journeys[:MOST_WATERFALLS]],
        },
    }


def page(result: RunResult) -> Plain:
    """What the page draws: the summary, and pictures of recorded requests."""
    plain = summary(result)
    plain["environment"] = result.wall.environment
    for variant in result.variants:
        shown = plain["variants"][variant.name]
        load = {key: value for key, value in shown["load"].items() if key != "hdr"}
        shown["load"] = {**load, "clients": _clients(load.get("clients", {}))}
        del shown["service_hdr"]
        slowest = pictured(variant)
        shown["slowest"] = [outline(each, variant.began_ns) for each in slowest]
        shown["sequences"] = [sequence(each) for each in slowest]
        shown["world_events"] = happened(variant)
    return plain


def _clients(clients: dict[str, Plain]) -> Plain:
    """Each client with its curve in place of its histograms, where there are several."""
    if len(clients) < 2:
        return {}
    return {
        name: {
            **{key: value for key, value in found.items() if not key.endswith("hdr")},
            "points": [list(point) for point in curve(found["hdr"])],
        }
        for name, found in clients.items()
    }


def happened(variant: VariantResult) -> list[Plain]:
    """The world's events of note, in words: `at_s`, `element`, `kind`, `told`."""
    found = [
        {**at(event, variant), "element": event["element"], "kind": event["kind"], "told": tell(event).what}
        for event in variant.world_events
        if event["kind"].startswith(WHAT_HAPPENED)
    ]
    return found[:MOST_EVENTS]


def at(event: Plain, variant: VariantResult) -> Plain:
    """When, in seconds after the load's warm-up."""
    return {"at_s": round((event["t_ns"] - variant.began_ns) / 1e9, 6)}

"""A speaker's RIBs and decisions as plain values, for `inspect`, `explain` and the journal."""

from typing import Any

from actors.protocols.bgp.attributes import Attributes, community_text, path_text
from actors.protocols.bgp.decision import Path, Verdict
from actors.protocols.bgp.speaker import Speaker
from actors.wire.addresses import Prefix, ip_text

MAX_SHOWN = 200


def attributes_shown(attributes: Attributes) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "as_path": path_text(attributes.as_path),
        "next_hop": ip_text(attributes.next_hop),
        "origin": attributes.origin.name,
        "med": attributes.med,
        "local_pref": attributes.local_pref,
    }
    if attributes.communities:
        shown["communities"] = [community_text(each) for each in attributes.communities]
    return shown


def neighbours_shown(speaker: Speaker, now_ns: int) -> list[dict[str, Any]]:
    """As `show bgp summary` has it."""
    rows = []
    for name, neighbour in speaker.neighbours.items():
        session, peering = neighbour.established, neighbour.peering
        rows.append(
            {
                "neighbour": name,
                "address": ip_text(peering.address),
                "asn": peering.settings.peer_asn,
                "relationship": str(peering.policy.relationship),
                "state": neighbour.state.value,
                "up_s": round((now_ns - neighbour.established_ns) / 1e9, 3) if session else None,
                "hold_s": session.hold_ns / 1e9 if session else None,
                "received": len(speaker.ribs.heard[name]),
                "sent": len(speaker.ribs.told[name]),
                "last_error": neighbour.last_error or None,
            }
        )
    return rows


def ribs_shown(speaker: Speaker) -> dict[str, Any]:
    """Adj-RIB-In, Loc-RIB and Adj-RIB-Out, at most the first 200 routes of each."""
    ribs = speaker.ribs
    heard = [
        {
            "neighbour": name,
            "prefix": str(prefix),
            **attributes_shown(each.attributes),
            "refused": each.refused,
        }
        for name, routes in ribs.heard.items()
        for prefix, each in sorted(routes.items())
    ]
    told = [
        {"neighbour": name, "prefix": str(prefix), **attributes_shown(attributes)}
        for name, routes in ribs.told.items()
        for prefix, attributes in sorted(routes.items())
    ]
    chosen = [verdict_row(prefix, verdict) for prefix, verdict in sorted(ribs.chosen.items())]
    return {"adj_rib_in": heard[:MAX_SHOWN], "loc_rib": chosen[:MAX_SHOWN], "adj_rib_out": told[:MAX_SHOWN]}


def verdict_row(prefix: Prefix, verdict: Verdict) -> dict[str, Any]:
    best = verdict.best
    return {
        "prefix": str(prefix),
        "neighbour": best.told_by,
        **attributes_shown(best.attributes),
        "decided_by": verdict.step.value,
        "paths": 1 + len(verdict.lost),
    }


def decision_shown(verdict: Verdict) -> dict[str, Any]:
    """What was taken, the rung of the ladder that decided, and what lost, each with its reason."""
    return {
        "prefix": str(verdict.best.prefix),
        "neighbour": verdict.best.told_by,
        "as_path": path_text(verdict.best.attributes.as_path),
        "step": verdict.step.value,
        "lost": [
            {
                "neighbour": lost.path.told_by,
                "as_path": path_text(lost.path.attributes.as_path),
                "step": lost.step.value,
                "why": lost.why,
            }
            for lost in verdict.lost
        ],
    }


def explained(speaker: Speaker, address: bytes) -> dict[str, Any]:
    """Why the route to this address is as it is: the ladder, what was refused at the door, and who is told of it."""
    verdict = speaker.ribs.best_for(address)
    refused = [
        {
            "neighbour": name,
            "prefix": str(prefix),
            "as_path": path_text(each.attributes.as_path),
            "why": each.refused,
        }
        for name, routes in speaker.ribs.heard.items()
        for prefix, each in sorted(routes.items())
        if each.refused is not None and address in prefix
    ]
    if verdict is None:
        return {"decision": None, "refused": refused, "told": {}}
    return {"decision": decision_shown(verdict), "refused": refused, "told": _told(speaker, verdict.best)}


def _told(speaker: Speaker, best: Path) -> dict[str, str]:
    return {
        name: speaker.routes_out.not_told(neighbour, best)
        or ("yes" if neighbour.established else "no session")
        for name, neighbour in speaker.neighbours.items()
    }

"""How long routers took to find other ways after something went wrong on purpose, or was well again.

`bgp.converged` says when a router's best paths changed last; a fault's own events say when that began. Between them
lies what users wait for: the hold timer, if nobody was told, and then the routes.
"""

from collections.abc import Iterable
from typing import Any

from actors.units import SECOND
from orchestrator.journal.wording import milliseconds

CONVERGED = "bgp.converged"
WHEN = {"fault.added": "begins", "fault.changed": "changes", "fault.ended": "ends"}
"""What a fault's event is called in figures."""


def convergence(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each event of a fault that routers have converged after: `fault`, `name` (if it has one), `target`, `what`,
    `when` (begins, changes, ends), `t_ns`, `took_s` (to the last change of any router's best paths, before the next
    event of a fault), and by router under `routers`: `event`, `took_s`, `changes`."""
    found: list[dict[str, Any]] = []
    settled: list[dict[str, Any]] = []
    for event in events:
        if event["kind"] in WHEN:
            found.append(event)
        elif event["kind"] == CONVERGED:
            settled.append(event)
    rows = [_row(event) for event in sorted(found, key=lambda event: event["t_ns"])]
    for event in sorted(settled, key=lambda event: event["settled_ns"]):
        before = [row for row in rows if row["t_ns"] <= event["settled_ns"]]
        if before:
            _add(before[-1], event)
    return [row for row in rows if row["routers"]]


def _row(event: dict[str, Any]) -> dict[str, Any]:
    named = {"name": event["name"]} if "name" in event else {}
    return {
        "fault": event["fault"],
        **named,
        "target": event["target"],
        "what": event.get("what", ""),
        "when": WHEN[event["kind"]],
        "t_ns": event["t_ns"],
        "took_s": 0.0,
        "routers": {},
    }


def _add(row: dict[str, Any], event: dict[str, Any]) -> None:
    took_s = round((event["settled_ns"] - row["t_ns"]) / SECOND, 6)
    row["took_s"] = max(row["took_s"], took_s)
    row["routers"][event["element"]] = {
        "event": event["event"],
        "took_s": took_s,
        "changes": event["changes"],
    }


def told(row: dict[str, Any]) -> str:
    """`BGP converged 7,612 ms after link/isp-transit-1: cut (isp 7,612 ms by hold_timer, transit-1 ...)`."""
    end = {"begins": "", "changes": ", as it was changed", "ends": " ended"}[row["when"]]
    slowest = sorted(row["routers"].items(), key=lambda item: (-item[1]["took_s"], item[0]))
    routers = ", ".join(f"{name} {_time(each)} by {each['event']}" for name, each in slowest)
    return f"BGP converged {_time(row)} after {row['target']}: {row['what']}{end} ({routers})"


def _time(row: dict[str, Any]) -> str:
    return milliseconds(row["took_s"] * 1000)

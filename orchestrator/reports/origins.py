"""Who caused the errors of a run."""

from typing import Any

ORIGINS = ("client", "network", "ELB", "target")
PASSED_ON = "target"
"""The cause of an error that the load balancer had from its target."""


def errors_by_origin(figures: dict[str, Any]) -> dict[str, dict[str, int]]:
    """What failed, by who caused it: the client that could not send, the way there, the load balancer, the target.

    `figures` are a variant's. Origins without errors are left out. What the load balancer answered is as its nodes
    remember it: the last 1,000 of each."""
    found: dict[str, dict[str, int]] = {origin: {} for origin in ORIGINS}
    load = figures["load"]
    found["client"] = dict(load.get("dropped", {}))
    found["network"] = {kind: n for kind, n in load["errors"].items() if not kind.startswith("http_")}
    for error in figures["alb_errors"]:
        passed_on = error["cause"] == PASSED_ON
        what = str(error["status"]) if passed_on else f"{error['status']} {error['cause']}"
        origin = found["target" if passed_on else "ELB"]
        origin[what] = origin.get(what, 0) + error["count"]
    return {origin: errors for origin, errors in found.items() if errors}

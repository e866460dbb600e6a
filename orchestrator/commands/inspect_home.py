"""A home router's page: the home first, then the translation table as one would read it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

MOST_SESSIONS = 40


Section = tuple[str, Any]


def of_home_router(
    found: Mapping[str, Any], rest: Callable[[Mapping[str, Any]], Iterator[Section]]
) -> Iterator[Section]:
    """Leases, NAT and its table (the newest sessions), who is plugged in where, the DNS cache, and the `rest`."""
    state = dict(found["state"])
    pool, nat = state.pop("pool", {}), state.pop("nat", {})
    leases, sessions = state.pop("leases", []), state.pop("nat_sessions", [])
    yield f"DHCP leases ({_pool(pool)})", [_lease(each) for each in leases] or ["none"]
    if nat:
        used = ", ".join(f"{protocol} {count}" for protocol, count in nat["ports_used"].items())
        room = f"{nat['sessions']} of {nat.pop('session_limit')}"
        yield "NAT", {**nat, "sessions": room, "ports_used": used}
    yield "NAT table", _table(sessions)
    for key in ("stations", "dns_cache"):
        if key in state:
            yield key.replace("_", " ").replace("dns", "DNS"), state.pop(key) or ["none"]
    yield from rest(state)


def _pool(pool: Mapping[str, Any]) -> str:
    if not pool:
        return "no pool"
    declined = f", {', '.join(pool['declined'])} declined" if pool["declined"] else ""
    return f"{pool['free']} of {pool['size']} addresses free{declined}"


def _lease(lease: Mapping[str, Any]) -> dict[str, Any]:
    return {**lease, "remaining_s": round(lease["remaining_s"])}


def _table(sessions: list[dict[str, Any]]) -> list[Any]:
    rows: list[Any] = [_row(each) for each in sessions[-MOST_SESSIONS:]]
    return rows or ["no sessions"]


def _row(session: Mapping[str, Any]) -> dict[str, Any]:
    """Who talks to whom, by which port, and how long it may still be silent."""
    state = session["state"] + (", hairpin" if session["hairpin"] else "")
    ends = max(0, round(session["timeout_s"] - session["idle_s"]))
    ends_at = {key: session[key] for key in ("protocol", "inside", "outside", "remote")}
    return {**ends_at, "state": state, "ends_in_s": ends}

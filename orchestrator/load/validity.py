"""Whether a load's figures may be believed: a generator or an emulator that could not keep up makes a run invalid, and
says so."""

from typing import Any, NamedTuple


class Limits(NamedTuple):
    """What is still believed. The generator's lateness is told by its own clock: half a timer's tick is normal."""

    max_dropped: int = 0
    max_dispatch_lag_p99_ms: float = 5.0
    max_dispatch_lag_ms: float = 100.0
    max_element_lag_ms: float = 500.0


LIMITS = Limits()


def doubts(status: dict[str, Any], limits: Limits = LIMITS) -> list[str]:
    """Why the run is invalid; empty if it is valid."""
    return [*_not_sent(status, limits), *_sent_late(status, limits), *_killed(status)]


def _not_sent(status: dict[str, Any], limits: Limits) -> list[str]:
    dropped = sum(status.get("dropped", {}).values())
    if dropped <= limits.max_dropped:
        return []
    reasons = ", ".join(status["dropped"])
    more = f", {limits.max_dropped:,} may be" if limits.max_dropped else ""
    return [f"{dropped:,} of {status['offered']:,} requests were dropped, not sent ({reasons}){more}"]


def _sent_late(status: dict[str, Any], limits: Limits) -> list[str]:
    """A closed model's users are never late, but for those who think."""
    lag = status.get("dispatch_lag_ms", {})
    found = []
    for name, most in (("p99", limits.max_dispatch_lag_p99_ms), ("max", limits.max_dispatch_lag_ms)):
        if lag.get(name, 0.0) > most:
            found.append(f"{name} {lag[name]:,.1f} ms ({most:g} ms are believed)")
    return [f"the generator sent requests later than they were due: {' and '.join(found)}"] if found else []


def _killed(status: dict[str, Any]) -> list[str]:
    """Users of a closed model do without."""
    if not status.get("lost_clients") or status.get("executor") == "closed":
        return []
    clients = status.get("clients", {})
    killed = [name for name, client in clients.items() if client["lost_clients"]]
    who = ", ".join(killed) if len(clients) > 1 else "the laptop"
    were = "was" if len(killed) < 2 else "were"
    return [f"{who} {were} killed on the way, and what was due meanwhile was not sent"]


def late(lags_ms: dict[str, float], limits: Limits = LIMITS) -> list[str]:
    """Why the emulator itself makes the run invalid: elements that handled what was due that much too late."""
    element = max(sorted(lags_ms), key=lags_ms.__getitem__, default=None)
    if element is None or lags_ms[element] <= limits.max_element_lag_ms:
        return []
    others = sum(lag > limits.max_element_lag_ms for lag in lags_ms.values()) - 1
    more = f", and {others} more elements, too" if others else ""
    most = limits.max_element_lag_ms
    return [
        f"the emulator fell behind: {element} was {lags_ms[element]:,.0f} ms late at worst, {most:g} ms are "
        f"believed{more}"
    ]

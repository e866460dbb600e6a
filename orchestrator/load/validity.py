"""Whether a load's figures may be believed: a generator that could not keep up makes a run invalid, and says so."""

from typing import Any, NamedTuple


class Limits(NamedTuple):
    """What is still believed. The generator's lateness is told by its own clock: half a timer's tick is normal."""

    max_dropped: int = 0
    max_dispatch_lag_p99_ms: float = 5.0
    max_element_lag_ms: float = 500.0


def doubts(status: dict[str, Any], limits: Limits = Limits()) -> list[str]:
    """Why the run is invalid; empty if it is valid. A closed loop has no plan that it could fall behind."""
    if "offered" not in status:
        return []
    found = []
    dropped = sum(status["dropped"].values())
    if dropped > limits.max_dropped:
        reasons = ", ".join(status["dropped"])
        found.append(f"{dropped:,} of {status['offered']:,} requests were dropped, not sent ({reasons})")
    lag = status["dispatch_lag_ms"].get("p99", 0.0)
    if lag > limits.max_dispatch_lag_p99_ms:
        most = limits.max_dispatch_lag_p99_ms
        found.append(
            f"the generator was late: p99 {lag:.1f} ms after requests were due, {most:g} ms are believed"
        )
    if status.get("lost_clients"):
        found.append("the laptop was killed on the way, and what was due meanwhile was not sent")
    return found


def late(lags_ms: dict[str, float], limits: Limits = Limits()) -> list[str]:
    """Why the emulator itself makes the run invalid: elements that handled what was due that much too late."""
    element = max(sorted(lags_ms), key=lags_ms.__getitem__, default=None)
    if element is None or lags_ms[element] <= limits.max_element_lag_ms:
        return []
    others = sum(lag > limits.max_element_lag_ms for lag in lags_ms.values()) - 1
    more = f", and {others} more elements, too" if others else ""
    most = limits.max_element_lag_ms
    return [f"{element} was {lags_ms[element]:,.0f} ms behind at worst, {most:g} ms are believed{more}"]

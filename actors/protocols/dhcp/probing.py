"""Whether somebody else uses an address that was just leased: the probes of RFC 5227 section 2.1, and their times.

The RFC waits up to 1 s, asks three times with 1 to 2 s between, and listens for 2 s more: up to 7 s in which a host has
no network. Few put up with that; NetworkManager scales the whole to its `ipv4.dad-timeout` (200 ms), and so do we.
"""

from random import Random
from typing import NamedTuple

PROBES = 3
_RFC_TOTAL_S = 7.0
_RFC_FIRST_S, _RFC_BETWEEN_S, _RFC_LAST_S = (0.0, 1.0), (1.0, 2.0), (2.0, 2.0)


class Probing(NamedTuple):
    """How many probes were sent, and when the next one is due, or the verdict."""

    sent: int
    due_ns: int

    @property
    def over(self) -> bool:
        """Whether at `due_ns` the address is ours."""
        return self.sent >= PROBES


def begin(total_ns: int, now_ns: int, random: Random) -> Probing:
    return Probing(0, now_ns + _wait_ns(_RFC_FIRST_S, total_ns, random))


def after_a_probe(probing: Probing, total_ns: int, now_ns: int, random: Random) -> Probing:
    """A probe has been sent."""
    sent = probing.sent + 1
    wait_s = _RFC_BETWEEN_S if sent < PROBES else _RFC_LAST_S
    return Probing(sent, now_ns + _wait_ns(wait_s, total_ns, random))


def _wait_ns(bounds_s: tuple[float, float], total_ns: int, random: Random) -> int:
    return round(random.uniform(*bounds_s) / _RFC_TOTAL_S * total_ns)

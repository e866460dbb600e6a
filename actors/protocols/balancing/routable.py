"""The targets that may get requests, and the choice among them."""

from collections.abc import Iterable
from random import Random
from typing import Any

from actors.protocols.balancing.attributes import Attributes
from actors.protocols.balancing.census import Census
from actors.protocols.balancing.least_outstanding_requests import LeastOutstandingRequests
from actors.protocols.balancing.round_robin import RoundRobin
from actors.protocols.balancing.slow_start import SlowStart
from actors.protocols.balancing.target import Choice, Target, sequence_of
from actors.protocols.balancing.weighted_random import WeightedRandom

Algorithm = RoundRobin | LeastOutstandingRequests | WeightedRandom
ALGORITHMS = (RoundRobin.name, LeastOutstandingRequests.name, WeightedRandom.name)
TOLD = 16
"""As many candidates are told of a choice."""


class Routable:
    """Tells the algorithm who may get requests, and with how much of a share, and asks it for each request.

    A target group is one itself: whoever has a request asks without a detour."""

    def __init__(self, attributes: Attributes, census: Census, dice: Random) -> None:
        self.fail_open = False
        """Whether unhealthy targets are among them."""
        self.unhealthy_routing_requests = 0
        """How many requests have been given out while fail-open was in effect."""
        self.slow_start = SlowStart(attributes.slow_start_ns)
        self._census = census
        self._dice = dice
        self.algorithm = self._new_algorithm(attributes.algorithm)

    def _new_algorithm(self, name: str) -> Algorithm:
        match name:
            case RoundRobin.name:
                return RoundRobin(self.slow_start)
            case LeastOutstandingRequests.name:
                return LeastOutstandingRequests()
            case WeightedRandom.name:
                return WeightedRandom(self._dice)
        raise ValueError(f"there is no algorithm {name!r}; there are {', '.join(ALGORITHMS)}")

    def choose_by(self, attributes: Attributes, targets: Iterable[Target], now_ns: int) -> None:
        """Choose among those of these targets that are routable in another way, maybe, from now on."""
        self._stop_ramps([] if attributes.slow_start_ns else list(self.slow_start))
        self.slow_start.last(attributes.slow_start_ns)
        self._stop_ramps(self.slow_start.over(now_ns))
        if attributes.algorithm != self.algorithm.name:
            self._stop_ramps(list(self.slow_start))
            self.algorithm = self._new_algorithm(attributes.algorithm)
            for target in targets:
                if target.routable:
                    self.algorithm.add(target)

    # ---- who may get requests ----------------------------------------------------------------------------

    def route(self, target: Target, routable: bool) -> None:
        """Whether a target may get requests from now on."""
        if routable and not target.routable:
            target.routable = True
            self.algorithm.add(target)
        elif target.routable and not routable:
            self._take_out(target)

    def _take_out(self, target: Target) -> None:
        target.routable = False
        self.algorithm.remove(target)
        if target in self.slow_start:
            self.slow_start.end(target)

    def becomes_healthy(self, target: Target, now_ns: int) -> None:
        """Its share rises slowly if others, with a full share, can do the work meanwhile."""
        self._stop_ramps(self.slow_start.over(now_ns))
        at_full_share = self._census.healthy - 1 - len(self.slow_start)
        slow_start = self.slow_start.duration_ns and self.algorithm.slow_starts and target.in_zone
        if slow_start and at_full_share > 0 and not target.came_first:
            if target.routable:  # by fail-open; it comes back with less than a full share
                self._take_out(target)
            self.slow_start.begin(target, now_ns)
        target.came_first = False

    def was_healthy(self, target: Target) -> None:
        """Its share does not rise any more."""
        self._stop_ramps([target] if target in self.slow_start else [])

    def _stop_ramps(self, targets: Iterable[Target]) -> None:
        for target in targets:
            self.algorithm.remove(target)
            self.slow_start.end(target)
            self.algorithm.add(target)

    # ---- who gets the next request -----------------------------------------------------------------------

    def choose(self, explain: bool = False, *, now_ns: int) -> Choice | None:
        """The target for the next request, counted as outstanding until `finished`; None when there is none."""
        if self.slow_start.ends_ns <= now_ns:
            self._stop_ramps(self.slow_start.over(now_ns))
        if not self.algorithm.size:
            return None
        return self._chosen(self.algorithm.choose(now_ns), explain, now_ns)

    def _chosen(self, target: Target, explain: bool, now_ns: int) -> Choice:
        choice = self._explained(target, now_ns) if explain else Choice(target, "", [])
        before = target.outstanding
        target.outstanding = before + 1
        self.algorithm.moved(target, before)
        if self.fail_open:
            self.unhealthy_routing_requests += 1
        return choice

    def finished(self, target: Target, *, status: int = 0) -> None:
        """A request that this target was chosen for is over, however it ended.

        `status` is the target's own, 0 if it gave none; for connection errors there is `Target.connection_failed`."""
        before = target.outstanding
        target.outstanding = before - 1
        if status:
            target.answered += 1
            target.failed += status >= 500
        self.algorithm.moved(target, before)

    def _explained(self, target: Target, now_ns: int) -> Choice:
        algorithm = self.algorithm
        why = algorithm.explain(target, now_ns)
        if self.fail_open:
            why = f"fail-open, {self._census.healthy} healthy: {why}"
        told = dict.fromkeys((target, *algorithm.next_best(TOLD)))
        candidates = [self._candidate(each, now_ns) for each in sorted(list(told)[:TOLD], key=sequence_of)]
        return Choice(target, why, candidates, algorithm.size - len(candidates))

    def _candidate(self, target: Target, now_ns: int) -> dict[str, Any]:
        weight = self.algorithm.weight(target, now_ns)
        return {
            "target": target.text,
            "outstanding": target.outstanding,
            "state": str(target.state),
            "weight": round(weight, 3),
        }

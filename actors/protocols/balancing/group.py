"""The group itself: targets come and go, change their states, and get requests."""

from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, NamedTuple

from actors.protocols.balancing.anomalies import Anomaly, AnomalyDetection, Judged
from actors.protocols.balancing.least_outstanding_requests import LeastOutstandingRequests
from actors.protocols.balancing.round_robin import RoundRobin
from actors.protocols.balancing.slow_start import SlowStart
from actors.protocols.balancing.target import (
    ALL_ZONES,
    Changed,
    Choice,
    Reason,
    State,
    Target,
    TargetId,
    sequence_of,
)
from actors.protocols.balancing.thresholds import Thresholds
from actors.protocols.balancing.weighted_random import WeightedRandom
from actors.units import SECOND

Algorithm = RoundRobin | LeastOutstandingRequests | WeightedRandom
ALGORITHMS = (RoundRobin.name, LeastOutstandingRequests.name, WeightedRandom.name)
TOLD = 16
"""As many candidates are told of a choice."""


class Attributes(NamedTuple):
    """A target group's attributes, with AWS's defaults; those that do not go together are refused by its API."""

    algorithm: str = RoundRobin.name
    anomaly_mitigation: bool = False
    slow_start_ns: int = 0
    cross_zone: bool = True
    """False: a node sends requests to targets of its own zone only."""
    deregistration_delay_ns: int = 300 * SECOND
    unhealthy_state_routing: Thresholds = Thresholds()
    dns_failover: Thresholds = Thresholds()


Wanted = Iterable[TargetId] | Mapping[TargetId, str]
"""Targets, with their zones if they have some."""


class TargetGroup:
    """Targets by address and port, their states, and the algorithm that chooses among the routable ones.

    `zone` is the node's own. Fail-open: fewer healthy targets than `unhealthy_state_routing` asks for make unhealthy
    ones routable too; what counts are those that have a verdict, in the node's zone if it sends to no other. A target
    that is still `initial` is never routable (AWS does not say; its controller's documents call that an outage).
    """

    def __init__(self, attributes: Attributes = Attributes(), *, dice: Random, zone: str = ALL_ZONES) -> None:
        self.attributes = attributes
        self.zone = zone
        self.targets: dict[TargetId, Target] = {}
        self.counts: Counter[State] = Counter()
        """Of all targets, in whatever zone."""
        self.fail_open = False
        self.unhealthy_routing_requests = 0
        """How many requests have been given out while fail-open was in effect."""
        self.slow_start = SlowStart(attributes.slow_start_ns)
        self.anomalies = AnomalyDetection()
        self._dice = dice
        self.algorithm = self._new_algorithm()
        self._counts_here: Counter[State] = Counter()
        self._draining_until: dict[Target, int] = {}
        self._registered = 0
        self._mitigate()

    def _new_algorithm(self) -> Algorithm:
        match self.attributes.algorithm:
            case RoundRobin.name:
                return RoundRobin(self.slow_start)
            case LeastOutstandingRequests.name:
                return LeastOutstandingRequests()
            case WeightedRandom.name:
                return WeightedRandom(self._dice)
        raise ValueError(
            f"there is no algorithm {self.attributes.algorithm!r}; there are {', '.join(ALGORITHMS)}"
        )

    # ---- other attributes --------------------------------------------------------------------------------

    def configure(self, attributes: Attributes, now_ns: int) -> None:
        """Other attributes from now on. Requests that are outstanding stay counted, delays that run stay as long."""
        before, self.attributes = self.attributes, attributes
        self._stop_ramps([] if attributes.slow_start_ns else list(self.slow_start))
        self.slow_start.last(attributes.slow_start_ns)
        self._stop_ramps(self.slow_start.over(now_ns))
        if attributes.algorithm != before.algorithm:
            self._stop_ramps(list(self.slow_start))
            self.algorithm = self._new_algorithm()
            for target in self.targets.values():
                if target.routable:
                    self.algorithm.add(target)
        self._mitigate()
        self._counts_here.clear()
        for target in self.targets.values():
            target.in_zone = self._is_in_zone(target)
            self._counts_here[target.state] += target.in_zone
        self._route_all()

    def _mitigate(self) -> None:
        self.anomalies.mitigate(
            self.attributes.anomaly_mitigation and self.attributes.algorithm == WeightedRandom.name
        )

    def _is_in_zone(self, target: Target) -> bool:
        return self.attributes.cross_zone or ALL_ZONES in (self.zone, target.zone) or target.zone == self.zone

    # ---- who is there ------------------------------------------------------------------------------------

    def set_targets(self, wanted: Wanted, now_ns: int) -> list[Changed]:
        """Register what is new (or was still draining), deregister what is gone."""
        zones = _with_zones(wanted)
        gone = [target_id for target_id in self.targets if target_id not in zones]
        return self.deregister(gone, now_ns) + self.register(zones)

    def register(self, wanted: Wanted) -> list[Changed]:
        """Register these; those that are registered already stay as they are, those that drain begin anew."""
        came_first = all(target.state is State.DRAINING for target in self.targets.values())
        changes = []
        for target_id, zone in _with_zones(wanted).items():
            target = self.targets.get(target_id)
            if target is not None and target.zone != zone:
                self._rezone(target, zone)
            if target is None or target.state is State.DRAINING:
                changes.append(self._register(target_id, target, zone, came_first))
        return changes

    def deregister(self, ids: Iterable[TargetId], now_ns: int) -> list[Changed]:
        """Let these drain until the deregistration delay is over; what is not registered is passed over."""
        known = [self.targets[each] for each in dict.fromkeys(ids) if each in self.targets]
        return [change for target in known if (change := self._deregister(target, now_ns)) is not None]

    def _register(self, target_id: TargetId, target: Target | None, zone: str, came_first: bool) -> Changed:
        if target is None:
            target = self.targets[target_id] = Target(target_id, self._registered, zone)
            target.in_zone = self._is_in_zone(target)
            self._registered += 1
        target.came_first = came_first
        self._draining_until.pop(target, None)
        return self._move(target, State.INITIAL, Reason.REGISTRATION_IN_PROGRESS)

    def _rezone(self, target: Target, zone: str) -> None:
        self._counts_here[target.state] -= target.in_zone
        target.zone = zone
        target.in_zone = self._is_in_zone(target)
        self._counts_here[target.state] += target.in_zone
        self._route_all()

    def _deregister(self, target: Target, now_ns: int) -> Changed | None:
        if target.state is State.DRAINING:
            return None
        if self.attributes.deregistration_delay_ns == 0:
            return self._forget(target)
        self._draining_until[target] = now_ns + self.attributes.deregistration_delay_ns
        return self._move(target, State.DRAINING, Reason.DEREGISTRATION_IN_PROGRESS)

    def _forget(self, target: Target) -> Changed:
        del self.targets[target.id]
        self._draining_until.pop(target, None)
        return self._move(target, State.UNUSED, Reason.NOT_REGISTERED)

    def deadline_ns(self) -> int | None:
        """When the next deregistration delay ends, or anomalies are to be looked for."""
        judged_ns = self.anomalies.deadline_ns()
        if not self._draining_until:
            return judged_ns
        drained_ns = min(self._draining_until.values())
        return drained_ns if judged_ns is None else min(drained_ns, judged_ns)

    def on_deadline(self, now_ns: int) -> list[Changed | Judged]:
        """Forget the targets whose delay is over, and judge the others if it is time to.

        Requests that forgotten ones still hold are the caller's to fail (502)."""
        over = [target for target, until_ns in self._draining_until.items() if until_ns <= now_ns]
        return [*(self._forget(target) for target in over), *self.anomalies.on_deadline(now_ns)]

    # ---- how they are ------------------------------------------------------------------------------------

    def set_health(
        self, target: Target, state: State, reason: Reason = Reason.NONE, *, now_ns: int
    ) -> list[Changed]:
        """What the health checks found. A target that is draining or gone stays that."""
        if target.state in (State.DRAINING, State.UNUSED) or (target.state, target.reason) == (state, reason):
            return []
        return [self._move(target, state, reason, now_ns)]

    def _move(self, target: Target, state: State, reason: Reason, now_ns: int = 0) -> Changed:
        """When it is matters only to those that become healthy."""
        previous = target.state
        target.state, target.reason = state, reason
        if previous is not State.UNUSED:
            self.counts[previous] -= 1
            self._counts_here[previous] -= target.in_zone
        if state is not State.UNUSED:
            self.counts[state] += 1
            self._counts_here[state] += target.in_zone
        if state is not previous:
            if previous is State.HEALTHY:
                self._was_healthy(target)
            if state is State.HEALTHY:
                self._is_healthy(target, now_ns)
        if self._too_few_healthy() == self.fail_open:
            self._route(target)
        else:
            self._route_all()
            self._route(target)  # it may be gone, and not among all
        return Changed(target, previous, state, reason)

    def _was_healthy(self, target: Target) -> None:
        self._stop_ramps([target] if target in self.slow_start else [])
        self.anomalies.leave(target)

    def _is_healthy(self, target: Target, now_ns: int) -> None:
        """Its share rises slowly if others, with a full share, can do the work meanwhile."""
        self._stop_ramps(self.slow_start.over(now_ns))
        at_full_share = self._counts_here[State.HEALTHY] - 1 - len(self.slow_start)
        slow_start = self.attributes.slow_start_ns and self.algorithm.slow_starts and target.in_zone
        if slow_start and at_full_share > 0 and not target.came_first:
            if target.routable:  # by fail-open; it comes back with less than a full share
                self._unroute(target)
            self.slow_start.begin(target, now_ns)
        target.came_first = False
        self.anomalies.join(target, now_ns)

    def _stop_ramps(self, targets: Iterable[Target]) -> None:
        for target in targets:
            self.algorithm.remove(target)
            self.slow_start.end(target)
            self.algorithm.add(target)

    # ---- who may get requests ----------------------------------------------------------------------------

    def _too_few_healthy(self) -> bool:
        healthy = self._counts_here[State.HEALTHY]
        unhealthy = self._counts_here[State.UNHEALTHY]
        return unhealthy > 0 and self.attributes.unhealthy_state_routing.missed(healthy, healthy + unhealthy)

    def dns_healthy(self) -> bool:
        """Whether this node's zone may stay in DNS as far as this group goes (`dns_failover.*`).

        As long as no target has a verdict nothing speaks against it, unless all targets are in zones out of reach."""
        healthy = self._counts_here[State.HEALTHY]
        checked = healthy + self._counts_here[State.UNHEALTHY]
        if checked:
            return not self.attributes.dns_failover.missed(healthy, checked)
        return not self.targets or any(target.in_zone for target in self.targets.values())

    def _route_all(self) -> None:
        self.fail_open = self._too_few_healthy()
        for target in self.targets.values():
            self._route(target)

    def _route(self, target: Target) -> None:
        state = target.state
        routable = target.in_zone and (
            state is State.HEALTHY or (self.fail_open and state is State.UNHEALTHY)
        )
        if routable and not target.routable:
            target.routable = True
            self.algorithm.add(target)
        elif target.routable and not routable:
            self._unroute(target)

    def _unroute(self, target: Target) -> None:
        target.routable = False
        self.algorithm.remove(target)
        if target in self.slow_start:
            self.slow_start.end(target)

    # ---- who gets the next request -----------------------------------------------------------------------

    def choose(self, explain: bool = False, *, now_ns: int) -> Choice | None:
        """The target for the next request, counted as outstanding until `finished`; None when there is none."""
        if self.slow_start.ends_ns <= now_ns:
            self._stop_ramps(self.slow_start.over(now_ns))
        if not self.algorithm.size:
            return None
        return self._chosen(self.algorithm.choose(now_ns), explain, now_ns)

    def choose_again(self, target_id: TargetId, explain: bool = False, *, now_ns: int) -> Choice | None:
        """The target that a client is to come back to, counted as `choose` does; None if it gets no requests now."""
        target = self.targets.get(target_id)
        if target is None or not target.routable:
            return None
        choice = self._chosen(target, explain, now_ns)
        return choice._replace(why="the client comes back to it (stickiness)")

    def _chosen(self, target: Target, explain: bool, now_ns: int) -> Choice:
        choice = self._explained(target, now_ns) if explain else Choice(target, "", [])
        before = target.outstanding
        target.outstanding = before + 1
        self.algorithm.moved(target, before)
        if self.fail_open:
            self.unhealthy_routing_requests += 1
        return choice

    def _explained(self, target: Target, now_ns: int) -> Choice:
        algorithm = self.algorithm
        why = algorithm.explain(target, now_ns)
        if self.fail_open:
            why = f"fail-open, {self._counts_here[State.HEALTHY]} healthy: {why}"
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

    def finished(self, target: Target, *, status: int = 0) -> None:
        """A request that `choose` gave to this target is over, however it ended.

        `status` is the target's own, 0 if it gave none; for connection errors there is `Target.connection_failed`."""
        before = target.outstanding
        target.outstanding = before - 1
        if status:
            target.answered += 1
            target.failed += status >= 500
        self.algorithm.moved(target, before)

    def anomaly(self, target: Target) -> tuple[Anomaly, bool]:
        """AnomalyDetection's Result and MitigationInEffect."""
        return self.anomalies.result(target), target.weight < 1.0


def _with_zones(wanted: Wanted) -> Mapping[TargetId, str]:
    return wanted if isinstance(wanted, Mapping) else dict.fromkeys(wanted, ALL_ZONES)

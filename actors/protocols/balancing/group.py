"""The group itself: which targets are registered, and for how long those that were are still drained."""

from collections.abc import Iterable, Mapping
from random import Random

from actors.protocols.balancing.anomalies import Anomaly, Judged
from actors.protocols.balancing.attributes import Attributes
from actors.protocols.balancing.census import Census
from actors.protocols.balancing.health import Health
from actors.protocols.balancing.routable import Routable
from actors.protocols.balancing.target import ALL_ZONES, Changed, Choice, Reason, State, Target, TargetId

Wanted = Iterable[TargetId] | Mapping[TargetId, str]
"""Targets, with their zones if they have some."""


class TargetGroup(Routable):
    """Targets by address and port, their states, and the algorithm that chooses among the routable ones.

    `zone` is the node's own."""

    def __init__(self, attributes: Attributes = Attributes(), *, dice: Random, zone: str = ALL_ZONES) -> None:
        census = Census()
        super().__init__(attributes, census, dice)
        self.attributes = attributes
        self.zone = zone
        self.targets: dict[TargetId, Target] = {}
        self.counts = census.everywhere
        """Of all targets, in whatever zone."""
        self._health = Health(self.targets, census, self, attributes)
        self.anomalies = self._health.anomalies
        self.dns_healthy = self._health.dns_healthy
        self._draining_until: dict[Target, int] = {}
        self._registered = 0

    def configure(self, attributes: Attributes, now_ns: int) -> None:
        """Other attributes from now on. Requests that are outstanding stay counted, delays that run stay as long."""
        self.attributes = attributes
        for target in self.targets.values():
            self._census.reach(target, self._is_in_zone(target.zone))
        self._health.configure(attributes, now_ns)

    def _is_in_zone(self, zone: str) -> bool:
        return self.attributes.cross_zone or ALL_ZONES in (self.zone, zone) or zone == self.zone

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
                target.zone = zone
                self._health.reach(target, self._is_in_zone(zone))
            if target is None or target.state is State.DRAINING:
                changes.append(self._register(target_id, target, zone, came_first))
        return changes

    def _register(self, target_id: TargetId, target: Target | None, zone: str, came_first: bool) -> Changed:
        if target is None:
            target = self.targets[target_id] = Target(target_id, self._registered, zone)
            target.in_zone = self._is_in_zone(zone)
            self._registered += 1
        target.came_first = came_first
        self._draining_until.pop(target, None)
        return self._health.move(target, State.INITIAL, Reason.REGISTRATION_IN_PROGRESS)

    def deregister(self, ids: Iterable[TargetId], now_ns: int) -> list[Changed]:
        """Let these drain until the deregistration delay is over; what is not registered is passed over."""
        known = [self.targets[each] for each in dict.fromkeys(ids) if each in self.targets]
        return [self._deregister(target, now_ns) for target in known if target.state is not State.DRAINING]

    def _deregister(self, target: Target, now_ns: int) -> Changed:
        if self.attributes.deregistration_delay_ns == 0:
            return self._forget(target)
        self._draining_until[target] = now_ns + self.attributes.deregistration_delay_ns
        return self._health.move(target, State.DRAINING, Reason.DEREGISTRATION_IN_PROGRESS)

    def _forget(self, target: Target) -> Changed:
        del self.targets[target.id]
        self._draining_until.pop(target, None)
        return self._health.move(target, State.UNUSED, Reason.NOT_REGISTERED)

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
        return [self._health.move(target, state, reason, now_ns)]

    def anomaly(self, target: Target) -> tuple[Anomaly, bool]:
        """AnomalyDetection's Result and MitigationInEffect."""
        return self.anomalies.result(target), target.weight < 1.0

    def choose_again(self, target_id: TargetId, explain: bool = False, *, now_ns: int) -> Choice | None:
        """The target that a client is to come back to, counted as `choose` does; None if it gets no requests now."""
        target = self.targets.get(target_id)
        if target is None or not target.routable:
            return None
        choice = self._chosen(target, explain, now_ns)
        return choice._replace(why="the client comes back to it (stickiness)")


def _with_zones(wanted: Wanted) -> Mapping[TargetId, str]:
    return wanted if isinstance(wanted, Mapping) else dict.fromkeys(wanted, ALL_ZONES)

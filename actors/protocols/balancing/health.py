"""How the targets are, and what follows: whether the group fails open, who may get requests, who is watched."""

from collections.abc import Mapping

from actors.protocols.balancing.anomalies import AnomalyDetection
from actors.protocols.balancing.attributes import Attributes
from actors.protocols.balancing.census import Census
from actors.protocols.balancing.routable import Routable
from actors.protocols.balancing.target import Changed, Reason, State, Target, TargetId
from actors.protocols.balancing.weighted_random import WeightedRandom


class Health:
    """Moves targets from state to state.

    Fail-open: fewer healthy targets than `unhealthy_state_routing` asks for make unhealthy ones routable too; what
    counts are those that have a verdict, in the node's zone if it sends to no other. A target that is still `initial`
    is never routable (AWS does not say; its controller's documents call that an outage).
    """

    def __init__(
        self, targets: Mapping[TargetId, Target], census: Census, routable: Routable, attributes: Attributes
    ) -> None:
        """`targets` are the group's, which come and go."""
        self.anomalies = AnomalyDetection()
        self._targets = targets
        self._census = census
        self._routable = routable
        self._follow(attributes)

    def _follow(self, attributes: Attributes) -> None:
        self._routing, self._dns = attributes.unhealthy_state_routing, attributes.dns_failover
        self.anomalies.mitigate(attributes.anomaly_mitigation and attributes.algorithm == WeightedRandom.name)

    def configure(self, attributes: Attributes, now_ns: int) -> None:
        """Other attributes from now on."""
        self._routable.choose_by(attributes, self._targets.values(), now_ns)
        self._follow(attributes)
        self._route_all()

    def reach(self, target: Target, in_zone: bool) -> None:
        """Whether a registered target is in a zone that the node sends requests to."""
        self._census.reach(target, in_zone)
        self._route_all()

    def move(self, target: Target, state: State, reason: Reason, now_ns: int = 0) -> Changed:
        """When it is matters only to those that become healthy."""
        previous = target.state
        target.state, target.reason = state, reason
        self._census.moved(target, previous, state)
        if state is not previous:
            if previous is State.HEALTHY:
                self._routable.was_healthy(target)
                self.anomalies.leave(target)
            if state is State.HEALTHY:
                self._routable.becomes_healthy(target, now_ns)
                self.anomalies.join(target, now_ns)
        if self._census.too_few_healthy(self._routing) != self._routable.fail_open:
            self._route_all()
        self._route(target)  # it may be gone, and not among all
        return Changed(target, previous, state, reason)

    def dns_healthy(self) -> bool:
        """Whether this node's zone may stay in DNS as far as this group goes (`dns_failover.*`).

        As long as no target has a verdict nothing speaks against it, unless all targets are in zones out of reach."""
        healthy = self._census.healthy
        checked = healthy + self._census.unhealthy
        if checked:
            return not self._dns.missed(healthy, checked)
        return not self._targets or any(target.in_zone for target in self._targets.values())

    def _route_all(self) -> None:
        self._routable.fail_open = self._census.too_few_healthy(self._routing)
        for target in self._targets.values():
            self._route(target)

    def _route(self, target: Target) -> None:
        state = target.state
        fit = state is State.HEALTHY or (state is State.UNHEALTHY and self._routable.fail_open)
        self._routable.route(target, target.in_zone and fit)

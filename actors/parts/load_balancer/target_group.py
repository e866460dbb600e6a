"""A target group as it runs in one node: the engine, a pool and a health check for each target, and what it reports."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from actors.element import Counter, Gauge
from actors.parts.load_balancer import documents
from actors.parts.load_balancer.attributes import TargetGroupAttributes
from actors.parts.load_balancer.drain_ends import DrainEnds
from actors.parts.load_balancer.errors import why_no_target
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.prober import Prober
from actors.parts.load_balancer.registration import NOT_IN_USE, Asked, Health
from actors.parts.load_balancer.target import TargetPool, pool_of
from actors.protocols.alb_causes import Cause
from actors.protocols.balancing import (
    Attributes,
    Changed,
    Judged,
    Reason,
    State,
    Target,
    TargetGroup,
    TargetId,
    Thresholds,
)
from actors.units import SECOND

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange


class _Member:
    """What belongs to one target here. `id` is what it is registered as: an address, or an instance."""

    __slots__ = ("id", "outstanding", "pool", "prober", "requests")

    def __init__(
        self, target_id: str, pool: TargetPool, prober: Prober, requests: Counter, outstanding: Gauge
    ) -> None:
        self.id = target_id
        self.pool = pool
        self.prober = prober
        self.requests = requests
        self.outstanding = outstanding


class RunningGroup:
    """Gives requests to targets, and follows their health."""

    def __init__(self, node: Node, document: documents.TargetGroup) -> None:
        self.document = document
        self.attributes = document.attributes
        self.protocol_version = document.protocol_version
        self.name, self.arn = document.name, document.arn
        self.engine = TargetGroup(
            _engine_attributes(document.attributes), dice=node.context.random, zone=node.zone
        )
        self._node = node
        self._registered: dict[TargetId, documents.Target] = {}
        self._members: dict[Target, _Member] = {}
        metrics = node.context.metrics
        self._state_gauges = {
            state: metrics.gauge("journey_alb_targets", target_group=self.name, state=str(state))
            for state in State
        }
        self._drain_ends = DrainEnds(node.context, self.name)
        self._unhealthy_routing_requests = metrics.counter(
            "journey_alb_unhealthy_routing_requests_total", target_group=self.name
        )
        self._response_time = metrics.histogram(
            "journey_alb_target_response_duration_seconds", target_group=self.name
        )
        for state in State:
            metrics.counter("journey_alb_target_state_changes_total", target_group=self.name, to=str(state))
        node.expect_requests(self.name)
        self._anomalous = metrics.gauge("journey_alb_anomalous_targets", target_group=self.name)
        self._mitigated = metrics.gauge("journey_alb_mitigated_targets", target_group=self.name)
        self._zone_gauges = {
            kind: metrics.gauge("journey_alb_zone_healthy", target_group=self.name, kind=kind)
            for kind in ("dns", "routing")
        }
        self._timer: Any = None
        self.apply(document)

    # ---- requests ----------------------------------------------------------------------------------------

    def give(self, target: Target, exchange: "Exchange") -> None:
        """Send an exchange's request to the target that was chosen for it."""
        member = self._members[target]
        member.requests.value += 1
        member.outstanding.value = target.outstanding
        self._unhealthy_routing_requests.value = self.engine.unhealthy_routing_requests
        member.pool.give(exchange)

    def take_back(self, target: Target, exchange: "Exchange") -> None:
        """The exchange is over."""
        self.engine.finished(target, status=exchange.target_status)
        sent_ns = exchange.sent_ns
        if sent_ns is not None:
            self._node.processing.observe((sent_ns - exchange.received_ns) / SECOND)
            if exchange.first_byte_ns is not None:
                self._response_time.observe((exchange.first_byte_ns - sent_ns) / SECOND, exchange.journey)
        member = self._members.get(target)
        if member is not None:
            member.outstanding.value = target.outstanding
            member.pool.exchanges.pop(exchange, None)

    def why_no_target(self) -> Cause:
        """Why there is nobody for a request."""
        targets = self.engine.targets
        if self._registered and not targets:
            return Cause.ALL_TARGETS_UNUSED
        if targets and not any(target.in_zone for target in targets.values()):
            return Cause.ZONE_WITHOUT_TARGETS
        return why_no_target(self.engine)

    # ---- what the control plane says ---------------------------------------------------------------------

    def apply(self, document: documents.TargetGroup) -> None:
        """Other attributes or health checks from now on; what is outstanding stays counted."""
        checks_changed = document.health_check != self.document.health_check
        self.document, attributes = document, document.attributes
        self.attributes = attributes
        self.engine.configure(_engine_attributes(attributes), self._node.context.now_ns())
        if checks_changed:
            for member in self._members.values():
                member.prober.apply(document.health_check)
        self._tell_config()

    def _tell_config(self) -> None:
        metrics, attributes = self._node.context.metrics, self.attributes
        metrics.remove("journey_alb_config_info", target_group=self.name)
        metrics.gauge(
            "journey_alb_config_info",
            target_group=self.name,
            algorithm=attributes.algorithm,
            slow_start=str(attributes.slow_start_s),
            deregistration_delay=str(attributes.deregistration_delay_s),
        ).value = 1

    def set_targets(self, targets: Iterable[documents.Target]) -> None:
        """Register what is new; what is gone drains."""
        self._registered = {target.key(): target for target in targets}
        self.refresh()

    def refresh(self) -> None:
        """Look anew at which of the registered targets are in use."""
        used = {
            key: target.availability_zone for key, target in self._registered.items() if self._in_use(target)
        }
        before = self.engine.targets.keys()
        new = [str(key) for key in used if key not in before]
        changes = self.engine.set_targets(used, self._node.context.now_ns())
        self._apply(changes)
        self._await_deadline()
        gone = [change.target.text for change in changes if change.state in (State.DRAINING, State.UNUSED)]
        for kind, names in (("target.registered", new), ("target.deregistered", gone)):
            if names:
                self._node.context.event(kind, target_group=self.name, targets=names)

    def _in_use(self, target: documents.Target) -> bool:
        """Only targets in the zones that are enabled for the load balancer are."""
        zone, zones = target.availability_zone, self._node.zones
        return zone == "all" or not zones or zone in zones

    def cut(self) -> None:
        """The node's address is gone, and with it its connections."""
        for member in self._members.values():
            member.pool.cut()

    def close(self) -> None:
        """The group is gone, and its targets with it: whoever waits for one gets a 502."""
        if self._timer is not None:
            self._timer.cancel()
        for member in self._members.values():
            member.prober.stop()
            member.pool.drain()
            member.pool.fail_all()
        self._node.forget_group(self.name)

    # ---- health ------------------------------------------------------------------------------------------

    def describe(self, asked: list[Asked] | None = None, anomalies: bool = False) -> list[Health]:
        """DescribeTargetHealth: of these targets, or of all that are registered or draining."""
        known = [self._health(target, anomalies) for target in self.engine.targets.values()]
        known += [
            Health(target.id, target.port, State.UNUSED, NOT_IN_USE)
            for key, target in self._registered.items()
            if key not in self.engine.targets
        ]
        if asked is None:
            return known
        found = []
        for each in asked:
            port = self.document.port if each.port is None else each.port
            fits = [health for health in known if health.id == each.id and health.port == port]
            found += fits or [Health(each.id, port, State.UNUSED, Reason.NOT_REGISTERED)]
        return found

    def _health(self, target: Target, anomalies: bool) -> Health:
        member = self._members[target]
        prober = member.prober
        anomaly = None
        if anomalies:
            result, mitigated = self.engine.anomaly(target)
            anomaly = {"Result": str(result), "MitigationInEffect": "yes" if mitigated else "no"}
        return Health(
            member.id, target.id.port, target.state, target.reason, prober.port, prober.last_status, anomaly
        )

    def set_health(self, target: Target, state: State, reason: Reason) -> None:
        """What the health checks say of a target."""
        self._apply(self.engine.set_health(target, state, reason, now_ns=self._node.context.now_ns()))
        self._await_deadline()

    def _await_deadline(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_ns = self.engine.deadline_ns()
        if deadline_ns is not None:
            self._timer = self._node.context.call_at(deadline_ns, self._on_deadline)

    def _on_deadline(self) -> None:
        self._apply(self.engine.on_deadline(self._node.context.now_ns()))
        self._await_deadline()

    def _apply(self, changes: Iterable[Changed | Judged]) -> None:
        for change in changes:
            if isinstance(change, Judged):
                self._tell_judged(change)
                continue
            if change.state != change.previous:
                self._moved(change)
                self._drain_ends.note(change, self.attributes.deregistration_delay_s)
            self._tell(change)
        for state, gauge in self._state_gauges.items():
            gauge.value = self.engine.counts[state]
        self._anomalous.value = self.engine.anomalies.anomalous
        self._mitigated.value = self.engine.anomalies.mitigated
        self._zone_gauges["dns"].value = self.engine.dns_healthy()
        self._zone_gauges["routing"].value = not self.engine.fail_open

    def _moved(self, change: Changed) -> None:
        target = change.target
        match change.previous, change.state:
            case State.UNUSED, State.INITIAL:
                self._members[target] = self._new_member(target)
            case State.DRAINING, State.INITIAL:
                self._members[target].pool.reopen()
                self._members[target].prober.start()
            case _, State.DRAINING:
                self._members[target].prober.stop()
                self._members[target].pool.drain()
            case _, State.UNUSED:
                member = self._members.pop(target)
                member.prober.stop()
                member.pool.drain()
                member.pool.fail_all()
                self._node.context.metrics.remove(target_group=self.name, target=target.text)

    def _new_member(self, target: Target) -> _Member:
        metrics = self._node.context.metrics
        labels = {"target_group": self.name, "target": target.text}
        prober = Prober(self._node, self, target, self.document.health_check)
        prober.start()
        return _Member(
            self._registered[target.id].id,
            pool_of(self._node, target, self.document.protocol_version, self.document.protocol == "HTTPS"),
            prober,
            metrics.counter("journey_alb_target_requests_total", **labels),
            metrics.gauge("journey_alb_target_outstanding_requests", **labels),
        )

    def _tell(self, change: Changed) -> None:
        self._node.context.metrics.counter(
            "journey_alb_target_state_changes_total", target_group=self.name, to=str(change.state)
        ).value += change.state != change.previous
        self._node.context.event(
            "target.state",
            target_group=self.name,
            target=change.target.text,
            **{"from": str(change.previous), "to": str(change.state), "reason": str(change.reason)},
        )

    def _tell_judged(self, judged: Judged) -> None:
        self._node.context.event(
            "target.anomaly",
            target_group=self.name,
            target=judged.target.text,
            result=str(judged.result),
            weight=judged.weight,
            failing=round(judged.failing_share, 3),
            normal=round(judged.normal_share, 3),
        )

    # ---- looking in --------------------------------------------------------------------------------------

    def zone_health(self) -> dict[str, Any]:
        """How the group fares: `dns` and `routing` say whether it meets its thresholds for those."""
        counts = self.engine.counts
        return {
            "healthy": counts[State.HEALTHY],
            "unhealthy": counts[State.UNHEALTHY],
            "initial": counts[State.INITIAL],
            "dns": self.engine.dns_healthy(),
            "routing": not self.engine.fail_open,
        }

    def outstanding(self) -> dict[str, dict[str, Any]]:
        """By address of the target."""
        return {
            target.text: {"state": str(target.state), "outstanding": target.outstanding}
            for target in self._members
        }

    def inspect(self) -> dict[str, Any]:
        """The group as plain values."""
        return {
            "name": self.name,
            "algorithm": self.engine.algorithm.name,
            "fail_open": self.engine.fail_open,
            "targets": [
                {
                    "target": target.text,
                    "id": member.id,
                    "state": str(target.state),
                    "reason": str(target.reason),
                    "zone": target.zone,
                    "anomaly": str(self.engine.anomaly(target)[0]),
                    "outstanding": target.outstanding,
                    "served": int(member.requests.value),
                    "open_connections": member.pool.open_connections,
                    "last_health_check_status": member.prober.last_status,
                }
                for target, member in self._members.items()
            ],
            "unused": [str(key) for key in self._registered if key not in self.engine.targets],
        }


def _engine_attributes(attributes: TargetGroupAttributes) -> Attributes:
    return Attributes(
        attributes.algorithm,
        anomaly_mitigation=attributes.anomaly_mitigation == "on",
        slow_start_ns=attributes.slow_start_s * SECOND,
        cross_zone=attributes.cross_zone != "false",
        deregistration_delay_ns=attributes.deregistration_delay_s * SECOND,
        unhealthy_state_routing=_thresholds(
            attributes.minimum_healthy_count, attributes.minimum_healthy_percentage
        ),
        dns_failover=_thresholds(
            attributes.dns_minimum_healthy_count, attributes.dns_minimum_healthy_percentage
        ),
    )


def _thresholds(count: int | str, percentage: int | str) -> Thresholds:
    return Thresholds(
        None if count == "off" else int(count), None if percentage == "off" else int(percentage)
    )

"""A target group as it runs in one node: the engine, a pool and a health check for each target, and what it reports."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from actors.element import Counter, Gauge
from actors.parts.load_balancer.config import TargetGroupSection
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.prober import Prober
from actors.parts.load_balancer.registration import Health
from actors.parts.load_balancer.target import TargetPool
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
    """What belongs to one target here."""

    __slots__ = ("outstanding", "pool", "prober", "requests")

    def __init__(self, pool: TargetPool, prober: Prober, requests: Counter, outstanding: Gauge) -> None:
        self.pool = pool
        self.prober = prober
        self.requests = requests
        self.outstanding = outstanding


class RunningGroup:
    """Gives requests to targets, and follows their health."""

    def __init__(self, node: Node, config: TargetGroupSection) -> None:
        attributes = config.attributes
        self.name = config.name
        self.port = config.port
        """Of targets that are registered without one."""
        self.arn = node.arn("elasticloadbalancing", f"targetgroup/{config.name}/{config.id}")
        self.engine = TargetGroup(
            Attributes(
                attributes.algorithm,
                deregistration_delay_ns=attributes.deregistration_delay_s * SECOND,
                unhealthy_state_routing=Thresholds(
                    attributes.minimum_healthy_count,
                    None
                    if attributes.minimum_healthy_percentage == "off"
                    else attributes.minimum_healthy_percentage,
                ),
            ),
            dice=node.context.random,
        )
        self._node = node
        self._health_check = config.health_check
        self._members: dict[Target, _Member] = {}
        metrics = node.context.metrics
        self._state_gauges = {
            state: metrics.gauge("journey_alb_targets", target_group=self.name, state=str(state))
            for state in State
        }
        metrics.gauge(
            "journey_alb_config_info",
            target_group=self.name,
            algorithm=attributes.algorithm,
            deregistration_delay=str(attributes.deregistration_delay_s),
        ).value = 1
        self._anomalous = metrics.gauge("journey_alb_anomalous_targets", target_group=self.name)
        self._mitigated = metrics.gauge("journey_alb_mitigated_targets", target_group=self.name)
        self._unhealthy_routing = metrics.counter(
            "journey_alb_unhealthy_routing_requests_total", target_group=self.name
        )
        self._timer: Any = None
        self.checked = asyncio.Event()
        """Set while no target waits for its first verdict."""

    # ---- requests ----------------------------------------------------------------------------------------

    def give(self, target: Target, exchange: "Exchange") -> None:
        """Send an exchange's request to the target that was chosen for it."""
        member = self._members[target]
        member.requests.value += 1
        member.outstanding.value = target.outstanding
        self._unhealthy_routing.value = self.engine.unhealthy_routing_requests
        member.pool.give(exchange)

    def take_back(self, target: Target, exchange: "Exchange") -> None:
        """The exchange is over."""
        self.engine.finished(target, status=exchange.target_status)
        member = self._members.get(target)
        if member is not None:
            member.outstanding.value = target.outstanding
            member.pool.exchanges.pop(exchange, None)

    # ---- targets -----------------------------------------------------------------------------------------

    def set_targets(self, wanted: Iterable[TargetId]) -> None:
        """Register what is new and deregister what is gone."""
        self._apply(self.engine.set_targets(wanted, self._node.context.now_ns()))
        self._await_deadline()

    def register(self, ids: Iterable[TargetId]) -> None:
        """RegisterTargets: new ones are checked from now on, and get requests after their first passing check."""
        changes = self.engine.register(ids)
        self._apply(changes)
        self._await_deadline()
        self._tell_call("target.registered", changes)

    def deregister(self, ids: Iterable[TargetId]) -> None:
        """DeregisterTargets: no new requests from now on; those in progress have the deregistration delay."""
        changes = self.engine.deregister(ids, self._node.context.now_ns())
        self._apply(changes)
        self._await_deadline()
        self._tell_call("target.deregistered", changes)

    def _tell_call(self, kind: str, changes: list[Changed]) -> None:
        if changes:
            targets = [change.target.text for change in changes]
            self._node.context.event(kind, target_group=self.name, targets=targets)

    def describe(self, ids: Iterable[TargetId] = ()) -> list[Health]:
        """DescribeTargetHealth: of these targets, or of all that are registered or draining."""
        targets = self.engine.targets
        return [
            Health(target_id, None, None, None)
            if (target := targets.get(target_id)) is None
            else Health(
                target_id, target, self._members[target].prober.port, self._members[target].prober.last_status
            )
            for target_id in dict.fromkeys(ids) or targets
        ]

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
            self._tell(change)
        for state, gauge in self._state_gauges.items():
            gauge.value = self.engine.counts[state]
        self._anomalous.value = self.engine.anomalies.anomalous
        self._mitigated.value = self.engine.anomalies.mitigated
        if self.engine.counts[State.INITIAL]:
            self.checked.clear()
        else:
            self.checked.set()

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
                member.outstanding.value = 0

    def _new_member(self, target: Target) -> _Member:
        metrics = self._node.context.metrics
        labels = {"target_group": self.name, "target": target.text}
        prober = Prober(self._node, self, target, self._health_check)
        prober.start()
        return _Member(
            TargetPool(self._node, target),
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

    def inspect(self) -> dict[str, Any]:
        """The group as plain values."""
        return {
            "algorithm": self.engine.algorithm.name,
            "fail_open": self.engine.fail_open,
            "targets": [
                {
                    "target": target.text,
                    "state": str(target.state),
                    "reason": str(target.reason),
                    "outstanding": target.outstanding,
                }
                for target in self.engine.targets.values()
            ],
        }

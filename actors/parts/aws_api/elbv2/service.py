"""The service `elbv2` of aws_api.

How this works. Operations are the engine's (`protocols/elbv2/`), on the plane's tables. What one has changed, and what
the passing of time changes (a load balancer becomes active, a registration reaches the nodes, a target has drained),
goes to the nodes by `Publishing` and into DNS by `ZoneFailover`; one timer stands at the engine's next deadline.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from actors.element import TimerHandle
from actors.parts.aws_api.elbv2.health import Nodes, TargetHealth, ZoneFailover
from actors.parts.aws_api.elbv2.neighbours import world_of
from actors.parts.aws_api.elbv2.publishing import Publishing
from actors.parts.aws_api.plane import Plane, timestamp
from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2.engine import Delays, Engine
from actors.protocols.elbv2.state import State

Handler = Callable[[dict[str, Any]], dict[str, Any] | Awaitable[dict[str, Any]]]


class Elbv2:
    """Elastic Load Balancing for Application Load Balancers."""

    name = "elbv2"

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        delays = plane.delays
        self.engine = Engine(
            State(plane.store, plane.region, plane.account),
            world_of(plane),
            Delays(
                provisioning_ns=delays.load_balancer_provisioning,
                registration_ns=delays.target_registration,
                deregistration_ns=delays.target_deregistration,
            ),
            timestamp,
        )
        nodes = Nodes(plane.context)
        self._publishing = Publishing(plane, self.engine.documents)
        self._zones = ZoneFailover(plane, self.engine, nodes)
        self._timer: TimerHandle | None = None
        self.operations: Mapping[str, Handler] = {
            **{operation: self._handler(operation) for operation in self.engine.operations},
            "DescribeTargetHealth": TargetHealth(plane, self.engine, nodes).describe,
        }

    def start(self) -> None:
        """Take up what was under way."""
        self._let_pass()
        self._publishing.start()
        self._zones.start()
        self._arm()

    def _handler(self, operation: str) -> Handler:
        if operation.startswith("Describe"):
            return lambda parameters: self.engine.handle(operation, parameters, self._plane.context.unix_ns())

        def handle(parameters: dict[str, Any]) -> dict[str, Any]:
            answer = self.engine.handle(operation, parameters, self._plane.context.unix_ns())
            if operation == "DeleteLoadBalancer":
                self._without_web_acl(parameters["LoadBalancerArn"])
            self._follow_up(configured=operation not in ("RegisterTargets", "DeregisterTargets"))
            return answer

        return handle

    def _without_web_acl(self, load_balancer: str) -> None:
        """A load balancer that is gone has no web ACL any longer."""
        waf = self._plane.services.get("wafv2")
        if waf is not None:
            with suppress(AwsError):  # it had none
                waf.operations["DisassociateWebACL"]({"ResourceArn": load_balancer})

    def _follow_up(self, configured: bool) -> None:
        """What has changed goes where it must be known; `configured`: not only targets have."""
        if configured:
            self._publishing.changed()
            self._zones.changed()
        self._publishing.tell_targets()
        self._arm()

    def _arm(self) -> None:
        """Set the timer to when something happens by itself next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        context = self._plane.context
        unix_ns = context.unix_ns()
        deadline_ns = self.engine.deadline_ns(unix_ns)
        if deadline_ns is not None:
            self._timer = context.call_at(context.now_ns() + max(0, deadline_ns - unix_ns), self._due)

    def _due(self) -> None:
        self._timer = None
        with self._plane.store.transaction():
            self._let_pass()
            self._follow_up(configured=True)

    def _let_pass(self) -> None:
        """What was due by now happens. Nodes of a load balancer that is active now are told at once."""
        active = self.engine.on_deadline(self._plane.context.unix_ns())
        for name in active:
            self._plane.context.event("elbv2.load_balancer", name=name, state="active")
        if active:
            self._publishing.at_once()

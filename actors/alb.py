"""One node of an Application Load Balancer: ends clients' TLS, follows listener rules, shares requests among targets.

How this works. The node is in Elastic Load Balancing's stock until aws-api makes it part of a load balancer: it follows
the topic `load-balancer-node/<its name>`, and `parts/load_balancer/following.py` carries out what that says.
`listener.py` accepts clients on the emulated stack, one `ClientConnection` each; `exchange.py` is one request, for
which `routing.py` finds rule and target (`protocols/listener_rules`, `protocols/balancing`); `target.py` keeps the
connections to the targets; `target_group.py` ties targets, their health checks and their numbers together. Bytes of
HTTP are read and written by `protocols/http1.py`.
"""

from typing import Any

from actors.element import CallFailed, Context, Element
from actors.parts.aws.client import follow
from actors.parts.load_balancer import registration
from actors.parts.load_balancer.config import AlbConfig
from actors.parts.load_balancer.following import Orders
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.target_group import RunningGroup
from actors.parts.tools import Tools
from actors.stack import Stack


class Config(AlbConfig):
    """One ALB node, as the world's YAML describes it."""


class Alb(Tools, Element):
    """A load balancer's node in one availability zone."""

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context, tcp=config.sysctls.settings())
        self.node = Node(config, context, self.stack)
        self.orders = Orders(self.node, self.stack)

    async def start(self) -> None:
        """Ready at once: what it is to serve comes later."""
        if self.node.waf is not None:
            self.node.waf.start()
        topic = f"load-balancer-node/{self.context.name}"
        self.context.spawn(follow(self.context, self.config.aws_api, topic, self.orders.changed), topic)

    async def stop(self) -> None:
        for listener in self.orders.listeners.values():
            listener.stop()
        self.node.log.flush()

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)

    async def call_describe_target_health(
        self,
        target_group: str,
        targets: list[dict[str, Any]] | None = None,
        include_anomaly_detection: bool = False,
    ) -> dict[str, Any]:
        """DescribeTargetHealth: `{"TargetHealthDescriptions": [...]}`, with AWS's states, reasons and descriptions."""
        group = self._group(target_group)
        asked = registration.asked_of(targets) if targets else None
        return registration.answer(group.describe(asked, include_anomaly_detection))

    async def call_targets(self) -> dict[str, dict[str, Any]]:
        """Each target by address, with its `state` and the requests `outstanding` at this node: what is asked for again
        and again while a load runs, so it is told without all that `inspect` knows."""
        return {
            text: found
            for group in self.orders.groups.values()
            for text, found in group.outstanding().items()
        }

    async def call_zone_health(self) -> dict[str, Any]:
        """How this zone fares: `target_groups` by ARN, and `healthy`, whether DNS should send clients here.

        A zone is healthy if at least one of its target groups is (ALB guide, "Target groups")."""
        groups = {arn: group.zone_health() for arn, group in self.orders.groups.items()}
        healthy = not groups or any(group["dns"] for group in groups.values())
        return {"healthy": healthy, "target_groups": groups}

    async def call_explain(self, request_id: str) -> dict[str, Any] | None:
        """What is known of a request that failed lately, by the Root of its X-Amzn-Trace-Id; None if nothing is."""
        return self.node.errors.find(request_id)

    async def call_errors(self, limit: int = 20) -> list[dict[str, Any]]:
        """The last requests that failed, the newest first."""
        return self.node.errors.last(limit)

    def _group(self, target_group: str) -> RunningGroup:
        group = self.orders.groups.get(target_group)
        if group is None:
            raise CallFailed(f"TargetGroupNotFound: Target groups '{target_group}' not found")
        return group

    def inspect(self) -> dict[str, Any]:
        serves, node = self.node.serves, self.node
        return {
            "load_balancer": None if serves is None else serves.name,
            "target_groups": {group.name: group.inspect() for group in self.orders.groups.values()},
            "listeners": [listener.name for listener in self.orders.listeners.values()],
            "rules": {listener.name: listener.inspect() for listener in self.orders.listeners.values()},
            "connections": {
                "client": int(node.client_connections.value),
                "target": int(node.target_connections.value),
            },
            "tcp": self.stack.tcp.inspect(),
        }

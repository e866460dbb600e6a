"""One node of an Application Load Balancer: ends clients' TLS, follows listener rules, shares requests among targets.

How this works. `parts/load_balancer/listener.py` accepts clients on the emulated stack, one `ClientConnection` each;
`exchange.py` is one request: which rule, which target (`protocols/balancing.py`), what was sent, what the log says;
`target.py` keeps the connections to the targets; `target_group.py` ties targets, their health checks and their
numbers together. Bytes of HTTP are read and written by `protocols/http1.py`.
"""

import asyncio
from contextlib import suppress
from typing import Any

from actors.element import CallFailed, Context, Element
from actors.parts.load_balancer import registration
from actors.parts.load_balancer.config import AlbConfig
from actors.parts.load_balancer.listener import Listener
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.target_group import RunningGroup
from actors.protocols.balancing import TargetId
from actors.stack import Stack
from actors.wire.addresses import ip_bytes, mac_for
from actors.wire.malformed import Malformed

PROVISIONING_S = 2.0
"""How long a new node waits for the first health checks before it says that it is ready."""


class Config(AlbConfig):
    """One ALB node, as the world's YAML describes it."""


class Alb(Element):
    """A load balancer's node in one availability zone."""

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        interface = config.interface
        self.stack = Stack(context)
        self.stack.add_interface("eth0", interface.address, mac=mac_for(interface.eni))
        self.stack.add_route("default", "eth0", interface.gateway)
        self.node = Node(config, context, self.stack)
        self.groups = {
            key: RunningGroup(self.node, section)
            for key, section in config.load_balancer.target_groups.items()
        }
        self.listeners = [
            Listener(self.node, section, self.groups) for section in config.load_balancer.listeners
        ]

    async def start(self) -> None:
        for key, section in self.config.load_balancer.target_groups.items():
            self.set_targets(key, section.target_ids())
        for listener in self.listeners:
            await listener.start()
        await self._provision()

    async def _provision(self) -> None:
        """A node is in service when it knows its targets, or has waited for them long enough."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PROVISIONING_S):
                for group in self.groups.values():
                    await group.checked.wait()

    async def stop(self) -> None:
        for listener in self.listeners:
            listener.stop()
        self.node.log.flush()

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)

    def set_targets(self, target_group: str, targets: list[TargetId]) -> None:
        """Make these the targets of a group: new ones are registered, missing ones deregistered."""
        self.groups[target_group].set_targets(targets)

    async def call_register_targets(self, target_group: str, targets: list[dict[str, Any]]) -> dict[str, Any]:
        """RegisterTargets of a group, by its ARN or its key here: `[{"Id": "10.0.10.20", "Port": 80}]`."""
        group = self._group(target_group)
        ids = registration.targets_of(targets, group.port)
        registration.check_quota(group.name, group.engine.targets.keys() | ids)
        group.register(ids)
        return {}

    async def call_deregister_targets(
        self, target_group: str, targets: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """DeregisterTargets; one that is not registered is no error. Without `Port`, on all ports of that address."""
        group = self._group(target_group)
        group.deregister(registration.registered_as(targets, group.engine.targets))
        return {}

    async def call_describe_target_health(
        self, target_group: str, targets: list[dict[str, Any]] | None = None
    ) -> dict[str, Any]:
        """DescribeTargetHealth: `{"TargetHealthDescriptions": [...]}`, with AWS's states, reasons and descriptions."""
        group = self._group(target_group)
        asked = registration.targets_of(targets, group.port) if targets else ()
        return registration.answer(group.describe(asked))

    def _group(self, target_group: str) -> RunningGroup:
        for key, group in self.groups.items():
            if target_group in (key, group.arn):
                return group
        raise CallFailed(f"TargetGroupNotFound: Target groups '{target_group}' not found")

    async def call_explain(self, request_id: str) -> dict[str, Any] | None:
        """What is known of a request that failed lately, by the Root of its X-Amzn-Trace-Id; None if nothing is."""
        return self.node.errors.find(request_id)

    async def call_errors(self, limit: int = 20) -> list[dict[str, Any]]:
        """The last requests that failed, the newest first."""
        return self.node.errors.last(limit)

    async def call_set_targets(self, target_group: str, targets: list[dict[str, Any]]) -> dict[str, Any]:
        """`set_targets` over the management network: `[{"id": "10.0.10.20", "port": 80}]`. Returns the group."""
        if target_group not in self.groups:
            raise CallFailed(f"there is no target group {target_group!r}; there are {', '.join(self.groups)}")
        try:
            wanted = [TargetId(ip_bytes(target["id"]), int(target["port"])) for target in targets]
        except (KeyError, TypeError, ValueError, Malformed) as error:
            raise CallFailed(f"not a list of targets with id and port: {error}") from None
        self.set_targets(target_group, wanted)
        return self.groups[target_group].inspect()

    def inspect(self) -> dict[str, Any]:
        return {
            "target_groups": {key: group.inspect() for key, group in self.groups.items()},
            "listeners": [listener.name for listener in self.listeners],
            "connections": {
                "client": int(self.node.client_connections.value),
                "target": int(self.node.target_connections.value),
            },
        }

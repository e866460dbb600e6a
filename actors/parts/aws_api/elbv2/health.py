"""What the nodes say of their targets and of their zones: DescribeTargetHealth, and failing over in DNS.

How this works. Each node has its own view of the targets; a question is put to all nodes of the load balancer at the
same time, and one that does not answer soon is left out. Every `ZONE_CHECK_S` each node of an active load balancer
is asked how its zone fares: one that says its target groups miss their `dns_failover` thresholds, or that does not
answer any more, leaves the load balancer's name until that changes; when all zones do, all of them stay.
"""

import asyncio
from typing import Any, Never

from actors.element import CallFailed, Context
from actors.parts.aws_api.plane import Plane
from actors.protocols.elbv2.documents import addresses
from actors.protocols.elbv2.engine import Engine

ANSWER_S = 2.0
"""How long a node may take to answer."""
ZONE_CHECK_S = 10.0
"""AWS names no figure; ten seconds is how often Route 53's fast health checks look (its developer guide)."""


class Nodes:
    """Asks nodes by management calls."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def ask(self, nodes: list[str], verb: str, **arguments: Any) -> list[Any]:
        """The answers in the order of the nodes; None from one that is away or refuses."""
        return await asyncio.gather(*(self._one(node, verb, arguments) for node in nodes))

    async def _one(self, node: str, verb: str, arguments: dict[str, Any]) -> Any:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._context.call(node, verb, **arguments)
        except (CallFailed, TimeoutError):
            return None


class TargetHealth:
    """DescribeTargetHealth."""

    def __init__(self, plane: Plane, engine: Engine, nodes: Nodes) -> None:
        self._plane, self._engine, self._nodes = plane, engine, nodes

    async def describe(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """DescribeTargetHealth: what the API knows by itself, and what the nodes know."""
        question = self._engine.targets.ask(parameters, self._plane.context.unix_ns())
        asked = [{"Id": each["Id"], "Port": each["Port"]} for each in question.targets]
        heard: list[Any] = []
        if asked and question.nodes:
            heard = await self._nodes.ask(
                question.nodes,
                "describe_target_health",
                target_group=question.group,
                targets=asked if parameters.get("Targets") else None,
                include_anomaly_detection=question.anomalies,
            )
        answers = [answer for answer in heard if answer is not None]
        return self._engine.targets.answer(question, answers, self._plane.context.unix_ns())


class ZoneFailover:
    """Keeps zones that are unhealthy out of the load balancers' names."""

    def __init__(self, plane: Plane, engine: Engine, nodes: Nodes) -> None:
        self._plane, self._engine, self._nodes = plane, engine, nodes
        self._unhealthy: dict[tuple[str, str], str] = {}
        """Zones that are out, by load balancer and name, and why."""
        self._named: dict[str, None] = {}

    def start(self) -> None:
        self.changed()
        self._plane.context.spawn(self._watch(), "zones' health")

    def changed(self) -> None:
        """Let the names of the load balancers resolve to what they have now."""
        wanted = addresses(self._engine.state, lambda *zone: zone not in self._unhealthy)
        for name in [name for name in self._named if name not in wanted]:
            self._plane.dns.set_addresses(name, [])
        for name, found in wanted.items():
            if found != self._plane.dns.addresses(name):
                self._plane.dns.set_addresses(name, found)
        self._named = dict.fromkeys(wanted)

    async def _watch(self) -> Never:
        while True:
            await self._plane.context.sleep(ZONE_CHECK_S)
            await self.check()

    async def check(self) -> None:
        """Ask all nodes once, and do what follows."""
        zones = [
            (record["LoadBalancer"]["LoadBalancerArn"], zone, node["Node"])
            for _, record in self._engine.state.load_balancers.items()
            for zone, node in record["Nodes"].items()
            if record["LoadBalancer"]["State"]["Code"] == "active"
        ]
        answers = await self._nodes.ask([node for *_, node in zones], "zone_health")
        now: dict[tuple[str, str], str] = {}
        for (load_balancer, zone, _), answer in zip(zones, answers, strict=True):
            if answer is None:
                now[load_balancer, zone] = "its node does not answer"
            elif not answer["healthy"]:
                now[load_balancer, zone] = "no target group has as many healthy targets as it must have"
        before, self._unhealthy = self._unhealthy, now
        self._note(before, now)
        with self._plane.store.transaction():
            self.changed()

    def _note(self, before: dict[tuple[str, str], str], now: dict[tuple[str, str], str]) -> None:
        for zone, why in now.items():
            if zone not in before:
                self._event(*zone, "unhealthy", why)
        for zone in before:
            if zone not in now:
                self._event(*zone, "healthy", "its node serves it again")

    def _event(self, load_balancer: str, zone: str, state: str, why: str) -> None:
        self._plane.context.event(
            "elbv2.zone", load_balancer=load_balancer, availability_zone=zone, state=state, why=why
        )

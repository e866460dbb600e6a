"""HTTPS requests a second with a load balancer that has all that it may have: a hundred rules, a hundred targets.

The targets are the default world's three pods, registered at many ports each (as AWS allows), so that it is the load
balancer that is measured. With a pod for every target it is mostly the machine: a hundred processes that are woken for
each packet of their own. That figure is given too, without a bar.
"""

import asyncio
from typing import Any

from orchestrator.bench import https
from orchestrator.bench.figures import Figure
from orchestrator.bench.scale import pod_addresses, scale_to
from orchestrator.config.models import ElementSpec
from orchestrator.config.models import World as WorldConfig
from orchestrator.world import World

MANY = 100
FIRST_PORT = 8000
PORTS_PER_POD = 34
HEALTHY_S = 30.0
REFERENCE = "aiohttp over loopback"


def listening(config: WorldConfig) -> WorldConfig:
    """The same world, whose nginx listens at more ports than its own."""
    ports = [80, *range(FIRST_PORT, FIRST_PORT + PORTS_PER_POD)]
    elements = {name: _listening(spec, ports) for name, spec in config.elements.items()}
    return config.model_copy(update={"elements": elements})


def _listening(spec: ElementSpec, ports: list[int]) -> ElementSpec:
    images = spec.raw.get("images")
    if spec.kind != "eks_node" or not images or "nginx" not in images:
        return spec
    nginx = {**images["nginx"], "listen": ports}
    return ElementSpec.model_validate({"kind": spec.kind, **spec.raw, "images": {**images, "nginx": nginx}})


async def measure_targets(world: World, domain: str, seconds: float, rounds: int, many: int = MANY) -> Figure:
    """With so many targets, chosen by least outstanding requests, and so many rules; the last one matches."""
    balancer = _Balancer(world, many)
    await balancer.fill()
    await balancer.until_healthy()
    value, reference = await https.in_turn(world, domain, seconds, rounds)
    title = f"HTTPS requests, {many} targets, {many} rules"
    return Figure(f"https_requests_per_s_{many}_targets", title, "/s", value, reference, REFERENCE, 0.25)


async def measure_pods(world: World, domain: str, seconds: float, rounds: int, pods: int = MANY) -> Figure:
    """With so many pods."""
    await scale_to(world, pods)
    value, reference = await https.in_turn(world, domain, seconds, rounds)
    title = f"HTTPS requests, {pods} pods"
    return Figure(f"https_requests_per_s_{pods}_pods", title, "/s", value, reference, REFERENCE, None)


class _Balancer:
    """The world's load balancer, changed through AWS's API."""

    def __init__(self, world: World, many: int) -> None:
        self._world, self._many = world, many
        self._group = ""

    async def fill(self) -> None:
        """Register the targets, and give each HTTPS listener as many rules as it may have."""
        self._group = await self._make_group()
        await self._open_ports()
        for balancer in (await self._ask("elbv2", "DescribeLoadBalancers"))["LoadBalancers"]:
            arn = balancer["LoadBalancerArn"]
            for listener in (await self._ask("elbv2", "DescribeListeners", LoadBalancerArn=arn))["Listeners"]:
                if listener["Protocol"] == "HTTPS":
                    await self._fill_rules(listener["ListenerArn"])

    async def until_healthy(self) -> None:
        """Wait until every node has every target healthy."""
        nodes = [element["name"] for element in self._world.ps()["elements"] if element["kind"] == "alb"]
        async with asyncio.timeout(HEALTHY_S):
            for node in nodes:
                while await self._healthy(node) < self._many:
                    await asyncio.sleep(0.05)

    async def _healthy(self, node: str) -> int:
        told = (await self._world.call(node, "zone_health"))["target_groups"].get(self._group)
        return 0 if told is None else int(told["healthy"])

    async def _make_group(self) -> str:
        (vpc,) = (await self._ask("ec2", "DescribeVpcs"))["Vpcs"]
        made = await self._ask(
            "elbv2",
            "CreateTargetGroup",
            Name="many",
            Protocol="HTTP",
            Port=80,
            VpcId=vpc["VpcId"],
            TargetType="ip",
        )
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        least = {"Key": "load_balancing.algorithm.type", "Value": "least_outstanding_requests"}
        await self._ask("elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=[least])
        addresses, ports = await pod_addresses(self._world), range(FIRST_PORT, FIRST_PORT + PORTS_PER_POD)
        targets = [{"Id": address, "Port": port} for port in ports for address in addresses][: self._many]
        await self._ask("elbv2", "RegisterTargets", TargetGroupArn=arn, Targets=targets)
        return arn

    async def _open_ports(self) -> None:
        """Let the load balancer in at these ports, wherever pods' interfaces are."""
        ports = {"FromPort": FIRST_PORT, "ToPort": FIRST_PORT + PORTS_PER_POD}
        allowed = [{"IpProtocol": "tcp", **ports, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        for group in (await self._ask("ec2", "DescribeSecurityGroups"))["SecurityGroups"]:
            asked = {"GroupId": group["GroupId"], "IpPermissions": allowed}
            await self._ask("ec2", "AuthorizeSecurityGroupIngress", **asked)

    async def _fill_rules(self, listener: str) -> None:
        """New rules look at the path and do not match, but for the last of them; those that there were come behind."""
        asked = await self._ask("elbv2", "DescribeRules", ListenerArn=listener)
        rules = [rule for rule in asked["Rules"] if rule["Priority"] != "default"]
        last = self._many - len(rules)
        moved = [{"RuleArn": rule["RuleArn"], "Priority": last + n} for n, rule in enumerate(rules, 1)]
        await self._ask("elbv2", "SetRulePriorities", RulePriorities=moved)
        refuse = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        for priority in range(1, last):
            await self._add_rule(listener, priority, [f"/shop-{priority}/*", f"/*.{priority}"], refuse)
        await self._add_rule(listener, last, ["/*"], {"Type": "forward", "TargetGroupArn": self._group})

    async def _add_rule(self, listener: str, priority: int, paths: list[str], action: dict[str, Any]) -> None:
        path = {"Field": "path-pattern", "PathPatternConfig": {"Values": paths}}
        asked = {"ListenerArn": listener, "Priority": priority, "Conditions": [path], "Actions": [action]}
        await self._ask("elbv2", "CreateRule", **asked)

    async def _ask(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        asked = {"service": service, "operation": operation, "parameters": parameters, "caller": "bench"}
        answer: dict[str, Any] = await self._world.call("aws-api", "request", **asked)
        if "error" in answer:
            raise RuntimeError(f"{operation}: {answer['error']['message']}")
        return answer

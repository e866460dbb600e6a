"""AWS's API, a VPC of two zones and a node in stock in each, on the virtual clock; nodes keep what they are told."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from actors.element import CallFailed, Context, Element
from actors.parts.aws.client import follow
from actors.protocols.ec2.ids import resource_id
from tests.elements.aws_bed import World

VPC, GROUP = resource_id("vpc", "vpc"), resource_id("sg", "vpc", "alb")
A, B = resource_id("subnet", "vpc", "public-1a"), resource_id("subnet", "vpc", "public-1b")
INSTANCE = "i-0123456789abcdef0"
SETTINGS: dict[str, Any] = {
    "load_balancer_nodes": {"alb-1a": "eu-west-1a", "alb-1b": "eu-west-1b"},
    "certificates": ["example.com"],
    "control_plane": {
        "latency": {"elbv2": {"default": "100ms"}},
        "delays": {
            "load_balancer_provisioning": "60s",
            "configuration": "2s",
            "target_registration": "10s",
            "target_deregistration": "5s",
        },
    },
}
VPC_CONFIG: dict[str, Any] = {
    "cidr": "10.0.0.0/16",
    "internet_gateway": {"address": "192.0.2.2/30", "peer": "192.0.2.1"},
    "subnets": {
        "public-1a": {"cidr": "10.0.0.0/24", "availability_zone": "eu-west-1a", "route_table": "public"},
        "public-1b": {"cidr": "10.0.1.0/24", "availability_zone": "eu-west-1b", "route_table": "public"},
    },
    "route_tables": {
        "public": [
            {"destination": "10.0.0.0/16", "target": "local"},
            {"destination": "0.0.0.0/0", "target": "igw"},
        ]
    },
    "security_groups": {"alb": {"ingress": [], "egress": []}},
    "network_interfaces": {
        "eni-0123456789abcdef0": {
            "port": "node",
            "subnet": "public-1a",
            "private_ips": ["10.0.0.50"],
            "security_groups": ["alb"],
        }
    },
    "instances": {"node": {"instance_id": INSTANCE, "instance_type": "m5.large"}},
}


class Node(Element):
    """A node that keeps what it is told, and says of its targets what a test tells it to."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.items: dict[str, Any] = {}
        self.healths: dict[str, dict[str, str]] = {}
        self.zone_is_healthy = True
        self.mute = False

    async def start(self) -> None:
        topic = f"load-balancer-node/{self.context.name}"
        self.context.spawn(follow(self.context, "aws-api", topic, self._told), "orders")

    def _told(self, items: dict[str, Any], keys: set[str]) -> None:
        self.items = dict(items)

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")

    def targets(self, group: str) -> list[str]:
        return [f"{each['address']}:{each['port']}" for each in self.items.get(f"targets/{group}", ())]

    async def call_describe_target_health(
        self,
        target_group: str,
        targets: list[dict[str, Any]] | None = None,
        include_anomaly_detection: bool = False,
    ) -> dict[str, Any]:
        await self._speak()
        if f"targets/{target_group}" not in self.items:
            raise CallFailed(f"TargetGroupNotFound: Target groups '{target_group}' not found")
        described = [
            {
                "Target": {"Id": each["id"], "Port": each["port"]},
                "TargetHealth": self.healths.get(each["id"], {"State": "healthy"}),
            }
            for each in self.items[f"targets/{target_group}"]
        ]
        return {"TargetHealthDescriptions": described}

    async def call_zone_health(self) -> dict[str, Any]:
        await self._speak()
        return {"healthy": self.zone_is_healthy, "target_groups": {}}

    async def _speak(self) -> None:
        if self.mute:
            await self.context.sleep(3600)


class Bed(World):
    """`aws-api`, `tester` who asks, `alb-1a` and `alb-1b`."""

    def __init__(self, directory: Path | None = None, **config: Any) -> None:
        super().__init__(directory, 1, **{**SETTINGS, **config})
        for name in ("alb-1a", "alb-1b"):
            self.net.add_element(name, Node)

    async def begin(self) -> None:
        """The VPC and the edge hand over what they begin with, as they do after every start."""
        host = self.net.host("tester")
        await host.call("aws-api", "adopt_edge", edge="edge", announces=["198.51.100.0/24"], elastic_ips={})
        await host.call("aws-api", "adopt_vpc", vpc="vpc", config=VPC_CONFIG)

    def node(self, name: str = "alb-1a") -> Node:
        node: Node = self.net.element(name)
        return node

    async def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self.request("elbv2", operation, **parameters)

    async def load_balancer(self, name: str = "web", **parameters: Any) -> dict[str, Any]:
        wanted = {"Name": name, "Subnets": [A, B], "SecurityGroups": [GROUP], **parameters}
        shown: dict[str, Any] = (await self.ask("CreateLoadBalancer", **wanted))["LoadBalancers"][0]
        return shown

    async def served_group(self, **parameters: Any) -> tuple[str, str]:
        """A target group behind an active load balancer; both ARNs."""
        balancer = (await self.load_balancer())["LoadBalancerArn"]
        wanted = {
            "Name": "pods",
            "Protocol": "HTTP",
            "Port": 80,
            "VpcId": VPC,
            "TargetType": "ip",
            **parameters,
        }
        group = (await self.ask("CreateTargetGroup", **wanted))["TargetGroups"][0]["TargetGroupArn"]
        await self.ask(
            "CreateListener",
            LoadBalancerArn=balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        await self.sleep(60)
        return balancer, group

    async def health(self, group: str, **parameters: Any) -> dict[str, tuple[str, str | None]]:
        answer = await self.ask("DescribeTargetHealth", TargetGroupArn=group, **parameters)
        return {
            each["Target"]["Id"]: (each["TargetHealth"]["State"], each["TargetHealth"].get("Reason"))
            for each in answer["TargetHealthDescriptions"]
        }

    def addresses(self, name: str) -> list[str]:
        found: list[str] = self.plane.dns.addresses(name)
        return found


def play(story: Callable[[Bed], Awaitable[None]], directory: Path | None = None, **config: Any) -> Bed:
    bed = Bed(directory, **config)

    async def whole() -> None:
        await bed.begin()
        await story(bed)

    bed.net.run(whole(), limit_s=7200)
    return bed

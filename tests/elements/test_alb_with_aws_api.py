"""AWS's API and its load balancer nodes: from CreateLoadBalancer to answers, in a VPC, on the virtual clock."""

import asyncio
from pathlib import Path
from typing import Any

from actors.element import Context
from actors.parts.aws.client import AwsClient, AwsError
from actors.runtime.virtual import VirtualNetwork
from actors.wire.addresses import mac_for
from tests.elements.alb_bed import GET, Talk, Target, say

NODES = {"alb-1a": "eu-west-1a", "alb-1b": "eu-west-1b"}
SUBNETS = {"public-1a": ("10.0.0.0/24", "eu-west-1a"), "public-1b": ("10.0.1.0/24", "eu-west-1b")}
HOSTS = {"client": "10.0.0.100", "t0": "10.0.0.200", "t1": "10.0.1.201"}
EVERYTHING = {
    "ingress": [{"protocol": "all", "source": "0.0.0.0/0"}],
    "egress": [{"protocol": "all", "destination": "0.0.0.0/0"}],
}


class Host(Target):
    """A host in the VPC, with a client of AWS's API."""

    def __init__(self, context: Context, address: str) -> None:
        super().__init__(context, address)
        self.stack.remove_interface("eth0")
        self.stack.add_interface("eth0", f"{address}/24", mac=mac_for(f"eni-{context.name}"))
        self.stack.add_route("default", "eth0", address.rpartition(".")[0] + ".1")
        self.aws = AwsClient(context, "aws-api", "tester")


class World:
    """A VPC in two zones with a load balancer node in stock in each, a client, and a target in each zone."""

    def __init__(self, directory: Path) -> None:
        self.net = VirtualNetwork(seed=1, directory=directory)
        delays = {
            "load_balancer_provisioning": "2s",
            "configuration": "100ms",
            "target_registration": "200ms",
            "target_deregistration": "200ms",
        }
        config = {"load_balancer_nodes": NODES, "control_plane": {"delays": delays}}
        self.net.add("aws-api", "aws_api", config)
        self.net.add("vpc", "vpc", _vpc())
        for node, zone in NODES.items():
            self.net.add(node, "alb", {"availability_zone": zone})
        for name, address in HOSTS.items():
            self.net.add_element(name, lambda context, address=address: Host(context, address))
        for name in (*NODES, *HOSTS):
            self.net.link(f"vpc-{name}", ("vpc", name), (name, "eth0"), delay="50us")
        self.arns: dict[str, str] = {}

    async def elbv2(self, operation: str, **parameters: Any) -> dict[str, Any]:
        aws: AwsClient = self.net.element("client").aws
        return await aws.request("elbv2", operation, **parameters)

    async def create(self) -> None:
        """A load balancer with a listener that forwards to a group of both targets; waits until it is in service."""
        aws: AwsClient = self.net.element("client").aws
        found = await aws.request("ec2", "DescribeSubnets")
        subnets = [each["SubnetId"] for each in found["Subnets"]]
        made = await self.elbv2("CreateLoadBalancer", Name="web", Subnets=subnets, Scheme="internal")
        self.arns["balancer"] = made["LoadBalancers"][0]["LoadBalancerArn"]
        vpc = made["LoadBalancers"][0]["VpcId"]
        group = await self.elbv2(
            "CreateTargetGroup", Name="web", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip"
        )
        self.arns["group"] = group["TargetGroups"][0]["TargetGroupArn"]
        targets = [{"Id": HOSTS["t0"]}, {"Id": HOSTS["t1"]}]
        await self.elbv2("RegisterTargets", TargetGroupArn=self.arns["group"], Targets=targets)
        listener = await self.elbv2(
            "CreateListener",
            LoadBalancerArn=self.arns["balancer"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.arns["group"]}],
        )
        self.arns["listener"] = listener["Listeners"][0]["ListenerArn"]
        await asyncio.sleep(5)

    def address(self, node: str = "alb-1a") -> str:
        """Where a node is."""
        return str(self.net.element(node).stack.inspect()["interfaces"]["eth0"]["address"]).split("/")[0]

    async def connect(self, node: str = "alb-1a") -> Talk:
        _, talk = await self.net.element("client").stack.create_connection(Talk, self.address(node), 80)
        assert isinstance(talk, Talk)
        return talk

    async def health(self) -> dict[str, str]:
        answer = await self.elbv2("DescribeTargetHealth", TargetGroupArn=self.arns["group"])
        return {
            each["Target"]["Id"]: each["TargetHealth"]["State"] for each in answer["TargetHealthDescriptions"]
        }


def _vpc() -> dict[str, Any]:
    return {
        "cidr": "10.0.0.0/16",
        "aws_api": "aws-api",
        "subnets": {
            name: {"cidr": cidr, "availability_zone": zone, "route_table": "main"}
            for name, (cidr, zone) in SUBNETS.items()
        },
        "route_tables": {"main": [{"destination": "10.0.0.0/16", "target": "local"}]},
        "ports": list(NODES),
        "security_groups": {"default": EVERYTHING},
        "network_interfaces": {
            f"eni-{name}": {
                "port": name,
                "subnet": "public-1b" if address.startswith("10.0.1.") else "public-1a",
                "private_ips": [address],
                "security_groups": ["default"],
            }
            for name, address in HOSTS.items()
        },
    }


def play(directory: Path, story: Any) -> World:
    world = World(directory)

    async def whole() -> None:
        await asyncio.sleep(1)
        await world.create()
        await story(world)

    world.net.run(whole())
    return world


def test_a_load_balancer_serves_when_it_has_been_made(tmp_path):
    async def story(world: World) -> None:
        assert await world.health() == {HOSTS["t0"]: "healthy", HOSTS["t1"]: "healthy"}
        for node in NODES:
            talk = await world.connect(node)
            for _ in range(2):
                assert (await talk.ask(GET)).status == 200

    world = play(tmp_path, story)
    assert [len(world.net.element(name).requests) for name in ("t0", "t1")] == [2, 2]


def test_attributes_rules_and_targets_change_through_the_api(tmp_path):
    async def story(world: World) -> None:
        talk = await world.connect()
        conditions = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/old/*"]}}]
        redirect = {"StatusCode": "HTTP_302", "Path": "/new"}
        await world.elbv2(
            "CreateRule",
            ListenerArn=world.arns["listener"],
            Priority=5,
            Conditions=conditions,
            Actions=[{"Type": "redirect", "RedirectConfig": redirect}],
        )
        attributes = [{"Key": "stickiness.enabled", "Value": "true"}]
        await world.elbv2(
            "ModifyTargetGroupAttributes", TargetGroupArn=world.arns["group"], Attributes=attributes
        )
        await world.elbv2(
            "DeregisterTargets", TargetGroupArn=world.arns["group"], Targets=[{"Id": HOSTS["t1"]}]
        )
        await asyncio.sleep(1)
        moved = await talk.ask(b"GET /old/x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (moved.status, b"Location: http://a:80/new\r\n" in moved.lines) == (302, True)
        for _ in range(4):
            response = await talk.ask(GET)
            assert response.status == 200
            assert any(line.startswith(b"Set-Cookie: AWSALB=") for line in response.lines)
        assert await world.health() == {HOSTS["t0"]: "healthy", HOSTS["t1"]: "draining"}
        failing = say(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
        world.net.element("t0").probe = failing
        await asyncio.sleep(90)
        assert (await world.health())[HOSTS["t0"]] == "unhealthy"

    play(tmp_path, story)


def test_a_deleted_load_balancer_gives_its_nodes_back(tmp_path):
    async def story(world: World) -> None:
        await world.elbv2("DeleteLoadBalancer", LoadBalancerArn=world.arns["balancer"])
        await asyncio.sleep(5)
        for node in NODES:
            told = world.net.element(node).inspect()
            assert (told["load_balancer"], told["listeners"], told["target_groups"]) == (None, [], {})
        try:
            await world.elbv2("DescribeListeners", LoadBalancerArn=world.arns["balancer"])
        except AwsError as error:
            assert error.code == "LoadBalancerNotFound"

    play(tmp_path, story)

"""EC2, a VPC with what is plugged into it, AWS's edge, and somebody who asks, on the virtual clock."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.ids import resource_id
from actors.protocols.security_groups import PICK_UP_NS
from actors.units import SECOND
from actors.wire.addresses import mac_for
from tests.elements.aws_bed import World as AwsWorld
from tests.elements.cards import Card

Object = dict[str, Any]

NODE_ENI, INSTANCE = "eni-0c2d", "i-0c2d"
VPC = resource_id("vpc", "vpc")
PUBLIC, PRIVATE = (resource_id("subnet", "vpc", name) for name in ("public", "private"))
WEB, NODES = (resource_id("sg", "vpc", name) for name in ("web", "nodes"))

CONFIG: Object = {
    "aws_api": "aws-api",
    "cidr": "10.0.0.0/16",
    "internet_gateway": {"port": "igw", "address": "169.254.255.1/31", "peer": "169.254.255.0"},
    "subnets": {
        "public": {
            "cidr": "10.0.0.0/24",
            "availability_zone": "eu-west-1a",
            "route_table": "public",
            "tags": {"kubernetes.io/role/elb": "1"},
        },
        "private": {"cidr": "10.0.10.0/24", "availability_zone": "eu-west-1b", "route_table": "private"},
    },
    "route_tables": {
        "public": [
            {"destination": "10.0.0.0/16", "target": "local"},
            {"destination": "0.0.0.0/0", "target": "igw"},
        ],
        "private": [{"destination": "10.0.0.0/16", "target": "local"}],
    },
    "security_groups": {
        "web": {"egress": [{"protocol": "all", "destination": "0.0.0.0/0"}]},
        "nodes": {"ingress": [{"protocol": "tcp", "ports": 80, "source": "web"}]},
    },
    "network_interfaces": {
        NODE_ENI: {
            "port": "node",
            "subnet": "private",
            "private_ips": ["10.0.10.10", "10.0.10.20"],
            "security_groups": ["nodes"],
        }
    },
    "instances": {"node": {"instance_id": INSTANCE, "instance_type": "m5.large"}},
    "ports": ["alb"],
}


class World(AwsWorld):
    """An instance at the port `node`, a load balancer's node in stock at the port `alb`."""

    def __init__(self, directory: Path | None = None, seed: int = 1, **changed: Any) -> None:
        super().__init__(directory, seed)
        self.net.add("vpc", "vpc", {**CONFIG, **changed})
        self.net.add(
            "edge",
            "aws_edge",
            {
                "asn": 16509,
                "interfaces": {"out": "100.64.3.1/31", "vpc": "169.254.255.0/31"},
                "internet_gateway": "vpc",
                "announces": ["198.51.100.0/29"],
                "routes": [
                    {"to": "0.0.0.0/0", "via": "100.64.3.0"},
                    {"to": "10.0.0.0/16", "via": "169.254.255.1"},
                ],
                "elastic_ips": {"198.51.100.3": "10.0.10.10"},
                "aws_api": "aws-api",
            },
        )
        self.net.add_element("alb", Card)
        self.net.add_element("node", lambda context: Card(context, mac_for(NODE_ENI)))
        self.net.add_element("out", lambda context: Card(context, addresses=("100.64.3.0",)))
        for name, one in (
            ("alb", ("vpc", "alb")),
            ("node", ("vpc", "node")),
            ("igw", ("vpc", "igw")),
            ("out", ("edge", "out")),
        ):
            other = ("edge", "vpc") if name == "igw" else (name, "eth0")
            self.net.link(name, one, other, delay="50us", mtu=9001)

    @property
    def ec2(self) -> Any:
        """The service."""
        return self.plane.services["ec2"]

    @property
    def fabric(self) -> Any:
        return self.net.element("vpc").fabric

    def card(self, name: str) -> Card:
        return self.net.element(name)

    async def ask(self, operation: str, **parameters: Any) -> Object:
        """A request to EC2; raises `AwsError`."""
        return await self.request("ec2", operation, **parameters)

    async def refusal(self, operation: str, **parameters: Any) -> str:
        """The code that EC2 refuses a request with."""
        with pytest.raises(AwsError) as caught:
            await self.ask(operation, **parameters)
        return caught.value.code

    async def send(self, name: str, subnet: str, packet: bytes) -> None:
        """A packet from one of those who are plugged in, to its router."""
        self.card(name).put(self.fabric.interfaces.subnets[subnet].gateway_mac, packet)
        await self.sleep(0.01)

    async def come(self, packet: bytes) -> None:
        """A packet from the Internet."""
        self.card("out").put(mac_for("edge", "out"), packet)
        await self.sleep(0.01)

    async def past_pick_up(self) -> None:
        """Until the VPC no longer takes strays for connections of before a restart."""
        await self.sleep(PICK_UP_NS / SECOND + 1)

    def node_of_load_balancer(self, **changed: Any) -> Any:
        """What Elastic Load Balancing does when it makes a load balancer; its card has the interface's MAC then."""
        made = self.ec2.load_balancers.create(
            **{
                "port": "alb",
                "subnet": PUBLIC,
                "groups": [WEB],
                "description": "ELB app/web/50dc6c495c0c9188",
                "internet_facing": True,
                **changed,
            }
        )
        self.card("alb").mac = mac_for(made.eni)
        return made


def play(story: Callable[[World], Awaitable[None]], directory: Path | None = None, **changed: Any) -> World:
    """Build a world, let VPC and edge hand over what they begin with, and run the story in it."""
    world = World(directory, **changed)

    async def whole() -> None:
        await world.sleep(1)
        for name in ("alb", "node", "out"):
            world.card(name).taken()
        await story(world)

    world.net.run(whole())
    return world

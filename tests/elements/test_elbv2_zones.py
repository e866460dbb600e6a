"""Elastic Load Balancing with a real VPC and real nodes: health is found out; a zone whose targets fail leaves DNS."""

from collections.abc import Awaitable, Callable
from typing import Any

from actors.element import Context
from actors.stack import Stack
from actors.wire.addresses import mac_for
from tests.elements.alb_bed import Target, say
from tests.elements.aws_bed import World
from tests.elements.elbv2_bed import GROUP, SETTINGS, VPC, VPC_CONFIG, A, B

ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
TARGETS = {"t0": ("public-1a", "10.0.0.20"), "t1": ("public-1b", "10.0.1.20")}


class Pod(Target):
    """A target at a port of the VPC, with the address and the MAC of its network interface."""

    def __init__(self, context: Context, name: str) -> None:
        _, address = TARGETS[name]
        super().__init__(context, address)
        self.stack = Stack(context)
        self.stack.add_interface("eth0", f"{address}/24", mac=mac_for(eni_of(name)))
        self.stack.add_route("default", "eth0", via=address.rpartition(".")[0] + ".1")


def eni_of(name: str) -> str:
    return f"eni-0123456789abcde{name.encode().hex()[-2:]}"


class Bed(World):
    """`aws-api`, `tester`, a VPC, both nodes, and a target in each zone."""

    def __init__(self) -> None:
        super().__init__(None, 1, **SETTINGS)
        interfaces = {
            eni_of(name): {
                "port": name,
                "subnet": subnet,
                "private_ips": [address],
                "security_groups": ["alb"],
            }
            for name, (subnet, address) in TARGETS.items()
        }
        all_may = [{"protocol": "all", "source": "10.0.0.0/16"}]
        self.net.add(
            "vpc",
            "vpc",
            {
                "cidr": VPC_CONFIG["cidr"],
                "subnets": VPC_CONFIG["subnets"],
                "route_tables": {"public": [{"destination": VPC_CONFIG["cidr"], "target": "local"}]},
                "aws_api": "aws-api",
                "ports": ["alb-1a", "alb-1b"],
                "security_groups": {
                    "alb": {"ingress": all_may, "egress": [{"protocol": "all", "destination": "0.0.0.0/0"}]}
                },
                "network_interfaces": interfaces,
                "instances": {},
            },
        )
        for zone in "ab":
            config = {"availability_zone": f"eu-west-1{zone}", "aws_api": "aws-api"}
            self.net.add(f"alb-1{zone}", "alb", config)
            self.net.link(f"vpc-alb-1{zone}", ("vpc", f"alb-1{zone}"), (f"alb-1{zone}", "eth0"), delay="50us")
        for name in TARGETS:
            self.net.add_element(name, lambda context, name=name: Pod(context, name))
            self.net.link(f"vpc-{name}", ("vpc", name), (name, "eth0"), delay="50us")

    def target(self, name: str) -> Target:
        target: Target = self.net.element(name)
        return target

    async def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self.request("elbv2", operation, **parameters)

    async def served(self, **attributes: str) -> tuple[str, str]:
        """An internal load balancer with both targets behind it; its name, and the group's ARN."""
        wanted = {"Subnets": [A, B], "SecurityGroups": [GROUP], "Scheme": "internal"}
        (balancer,) = (await self.ask("CreateLoadBalancer", Name="web", **wanted))["LoadBalancers"]
        group = {
            "Protocol": "HTTP",
            "Port": 80,
            "VpcId": VPC,
            "TargetType": "ip",
            "HealthCheckIntervalSeconds": 10,
        }
        (made,) = (await self.ask("CreateTargetGroup", Name="pods", **group))["TargetGroups"]
        arn = made["TargetGroupArn"]
        pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
        if pairs:
            await self.ask("ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=pairs)
        await self.ask(
            "CreateListener",
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
        )
        targets = [{"Id": address} for _, address in TARGETS.values()]
        await self.ask("RegisterTargets", TargetGroupArn=arn, Targets=targets)
        await self.sleep(75)
        return balancer["DNSName"], arn

    async def health(self, group: str) -> dict[str, dict[str, str]]:
        answer = await self.ask("DescribeTargetHealth", TargetGroupArn=group)
        return {each["Target"]["Id"]: each["TargetHealth"] for each in answer["TargetHealthDescriptions"]}


def play(story: Callable[[Bed], Awaitable[None]]) -> None:
    bed = Bed()
    bed.net.run(story(bed), limit_s=7200)


HEALTHY = {"State": "healthy"}


def test_a_target_that_fails_is_unhealthy_and_with_cross_zone_off_its_zone_leaves_dns():
    async def story(bed: Bed) -> None:
        name, group = await bed.served(**{"load_balancing.cross_zone.enabled": "false"})
        assert await bed.health(group) == {"10.0.0.20": HEALTHY, "10.0.1.20": HEALTHY}
        in_1a, in_1b = bed.plane.dns.addresses(name)
        bed.target("t0").probe = say(ERROR)
        await bed.sleep(40)
        assert await bed.health(group) == {
            "10.0.0.20": {
                "State": "unhealthy",
                "Reason": "Target.ResponseCodeMismatch",
                "Description": "Health checks failed with these codes: [500]",
            },
            "10.0.1.20": HEALTHY,
        }
        assert bed.plane.dns.addresses(name) == [in_1b]
        bed.target("t0").probe = bed.target("t1").probe
        await bed.sleep(70)
        assert await bed.health(group) == {"10.0.0.20": HEALTHY, "10.0.1.20": HEALTHY}
        assert bed.plane.dns.addresses(name) == [in_1a, in_1b]

    play(story)


def test_with_cross_zone_on_a_zone_stays_while_the_other_s_targets_are_well():
    async def story(bed: Bed) -> None:
        name, group = await bed.served()
        both = bed.plane.dns.addresses(name)
        bed.target("t0").probe = say(ERROR)
        await bed.sleep(40)
        found = await bed.health(group)
        assert [each["State"] for each in found.values()] == ["unhealthy", "healthy"]
        assert bed.plane.dns.addresses(name) == both and len(both) == 2

    play(story)

"""Whatever is asked of EC2, in whatever order: packets meet what is described, and the disk has all of it."""

from random import Random
from typing import Any

import pytest

from actors.parts.aws_api.ec2.core import Ec2Core
from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.fabric_items import items_of
from actors.protocols.security_groups import Group
from actors.wire.addresses import ip_text
from tests.elements.ec2_bed import INSTANCE, NODE_ENI, PRIVATE, PUBLIC, VPC, World, play

STEPS = 100
Object = dict[str, Any]


class Customer:
    """Asks for something at random, of what there is."""

    def __init__(self, world: World, dice: Random) -> None:
        self.world, self.dice = world, dice
        self.state = world.ec2.core.state
        self.done = 0

    def eni(self) -> str:
        return self.dice.choice([*self.state.interfaces.by_id, "eni-9"])

    def groups(self) -> list[str]:
        known = list(self.state.groups.by_id)
        return self.dice.sample(known, min(len(known), self.dice.randint(1, 3)))

    def permission(self) -> list[Object]:
        dice = self.dice
        peer: Object = {"IpRanges": [{"CidrIp": f"10.{dice.randint(0, 2)}.0.0/16"}]}
        if dice.random() < 0.5:
            peer = {"UserIdGroupPairs": [{"GroupId": self.groups()[0]}]}
        protocol = dice.choice(("tcp", "udp", "-1", "icmp"))
        return [{"IpProtocol": protocol, "FromPort": 8, "ToPort": dice.choice((8, 9)), **peer}]

    def address(self) -> str:
        return self.dice.choice([*self.state.addresses.by_id, "eipalloc-9"])

    def attachment(self) -> str:
        known = [each.attachment.id for each in self.state.interfaces.by_id.values() if each.attachment]
        return self.dice.choice([*known, "eni-attach-9"])

    def request(self) -> tuple[str, Object]:
        dice, eni = self.dice, {"NetworkInterfaceId": self.eni()}
        direction = dice.choice(("Ingress", "Egress"))
        rules = {"GroupId": self.groups()[0], "IpPermissions": self.permission()}
        own = self.state.interfaces.by_id.get(eni["NetworkInterfaceId"])
        private = dice.choice(own.addresses) if own else "10.0.0.9"
        choices: list[tuple[str, Object]] = [
            ("CreateNetworkInterface", {"SubnetId": dice.choice((PUBLIC, PRIVATE)), "Groups": self.groups()}),
            ("AttachNetworkInterface", {**eni, "InstanceId": INSTANCE, "DeviceIndex": dice.randint(0, 3)}),
            ("DetachNetworkInterface", {"AttachmentId": self.attachment()}),
            ("DeleteNetworkInterface", eni),
            ("ModifyNetworkInterfaceAttribute", {**eni, "Groups": self.groups()}),
            ("ModifyNetworkInterfaceAttribute", {**eni, "SourceDestCheck": {"Value": dice.random() < 0.5}}),
            ("AssignPrivateIpAddresses", {**eni, "SecondaryPrivateIpAddressCount": dice.randint(1, 3)}),
            ("AssignPrivateIpAddresses", {**eni, "Ipv4PrefixCount": 1}),
            ("UnassignPrivateIpAddresses", {**eni, "PrivateIpAddresses": [private]}),
            (
                "CreateSecurityGroup",
                {"GroupName": f"g{dice.randint(0, 3)}", "Description": "x", "VpcId": VPC},
            ),
            ("DeleteSecurityGroup", {"GroupId": self.groups()[0]}),
            (f"AuthorizeSecurityGroup{direction}", rules),
            (f"AuthorizeSecurityGroup{direction}", rules),
            (f"RevokeSecurityGroup{direction}", rules),
            ("AllocateAddress", {}),
            ("AssociateAddress", {"AllocationId": self.address(), "PrivateIpAddress": private, **eni}),
            ("DisassociateAddress", {"PublicIp": f"198.51.100.{dice.randint(1, 4)}"}),
            ("ReleaseAddress", {"AllocationId": self.address()}),
            ("CreateTags", {"Resources": [eni["NetworkInterfaceId"]], "Tags": [{"Key": "a", "Value": "b"}]}),
        ]
        return dice.choice(choices)

    async def step(self) -> None:
        balancers = [each.id for each in self.state.interfaces.by_id.values() if each.requester]
        luck = self.dice.random()
        try:
            if luck < 0.05:
                self.world.node_of_load_balancer(groups=self.groups())
            elif luck < 0.1 and balancers:
                self.world.ec2.load_balancers.release(self.dice.choice(balancers))
            else:
                operation, parameters = self.request()
                await self.world.ask(operation, **parameters)
            self.done += 1
        except AwsError:
            pass


def check(world: World) -> None:
    core = world.ec2.core
    again = Ec2Core(world.plane)
    again.load()
    assert items_of(again.state, VPC) == items_of(core.state, VPC)
    assert again.state.addresses.by_id == core.state.addresses.by_id
    assert again.state.tags.of == core.state.tags.of and all(map(core.state.exists, core.state.tags.of))
    interfaces = core.state.interfaces
    for subnet in interfaces.subnets:
        assert interfaces.free_addresses(subnet) == again.state.interfaces.free_addresses(subnet)
    attached = {each.id: each for each in interfaces.by_id.values() if each.attachment is not None}
    fabric = world.fabric.interfaces
    assert set(fabric.by_id) == set(attached)
    for eni, each in attached.items():
        assert fabric.by_id[eni].addresses == tuple(each.held())
        assert fabric.by_id[eni].groups == tuple(core.state.groups.by_id[group].name for group in each.groups)
    held = [ip_text(address) for each in interfaces.by_id.values() for address in each.held()]
    assert len(held) == len(set(held))
    check_groups(world)
    public = {
        each.public_ip: each.private_ip for each in core.state.addresses.by_id.values() if each.private_ip
    }
    assert world.net.element("edge").inspect()["elastic_ips"] == public
    assert set(public.values()) <= set(held)


def check_groups(world: World) -> None:
    on_fabric: dict[str, Group] = world.fabric.security_groups.groups
    groups = world.ec2.core.state.groups.by_id
    assert set(on_fabric) == {each.name for each in groups.values()}
    for each in groups.values():
        for rules, shown in (
            (each.of(False), on_fabric[each.name].ingress),
            (each.of(True), on_fabric[each.name].egress),
        ):
            peers = [rule.cidr or groups[rule.group or ""].name for rule in rules]
            assert [str(rule.peer) for rule in shown] == peers


@pytest.mark.parametrize("seed", range(12))
def test_packets_meet_what_is_described_and_the_disk_has_it(seed: int):
    async def story(world: World) -> None:
        assert NODE_ENI in world.fabric.interfaces.by_id
        customer = Customer(world, Random(seed))
        for _ in range(STEPS):
            await customer.step()
        await world.sleep(1)
        check(world)
        assert customer.done > STEPS / 4

    play(story)


@pytest.mark.parametrize("seed", range(6))
def test_also_when_somebody_is_killed_meanwhile(seed: int, tmp_path: Any):
    async def story(world: World) -> None:
        dice = Random(seed)
        for _ in range(STEPS // 3):
            customer = Customer(world, dice)
            asking = world.spawn(customer.step())
            await world.sleep(dice.choice((0, 0.0005, dice.random() * 2)))
            if dice.random() < 0.3:
                await world.net.restart(dice.choice(("aws-api", "vpc", "edge")))
            await asking
        await world.sleep(10)
        check(world)

    play(story, tmp_path)

"""EC2 as it is asked: what is created, changed and deleted, what packets meet then, and what outlives `kill -9`."""

from pathlib import Path
from typing import Any

import pytest

from actors.protocols.aws.errors import AwsError
from actors.wire import ipv4, tcp
from actors.wire.addresses import ip_bytes
from tests.elements.cards import ends, tcp_packet
from tests.elements.ec2_bed import INSTANCE, NODE_ENI, NODES, PRIVATE, PUBLIC, VPC, WEB, World, play

SYN_ACK = tcp.SYN | tcp.ACK
HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


# ---- security groups ----------------------------------------------------------------------------------------


def test_a_rule_is_in_effect_when_it_is_answered_and_what_is_established_outlives_it():
    async def story(world: World) -> None:
        world.node_of_load_balancer(internet_facing=False, private_ip="10.0.0.10")
        await world.sleep(0.1)
        await world.past_pick_up()
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": WEB}]}
        await world.ask("RevokeSecurityGroupIngress", GroupId=NODES, IpPermissions=[rule])
        await world.send("alb", "public", tcp_packet("10.0.0.10:40000", "10.0.10.20:80"))
        assert world.card("node").packets() == []
        await world.ask("AuthorizeSecurityGroupIngress", GroupId=NODES, IpPermissions=[rule])
        await world.send("alb", "public", tcp_packet("10.0.0.10:40001", "10.0.10.20:80"))
        assert [ends(each) for each in world.card("node").packets()] == ["10.0.0.10:40001 > 10.0.10.20:80"]
        await world.send("node", "private", tcp_packet("10.0.10.20:80", "10.0.0.10:40001", SYN_ACK))
        await world.ask("RevokeSecurityGroupIngress", GroupId=NODES, IpPermissions=[rule])
        for port, passes in ((40001, True), (40002, False)):
            packet = tcp_packet(f"10.0.0.10:{port}", "10.0.10.20:80", tcp.ACK if passes else tcp.SYN)
            await world.send("alb", "public", packet)
            assert bool(world.card("node").packets()) == passes

    play(story)


def test_a_group_is_made_used_and_deleted():
    async def story(world: World) -> None:
        tags = [{"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}]
        made = await world.ask(
            "CreateSecurityGroup", GroupName="new", Description="x", VpcId=VPC, TagSpecifications=tags
        )
        group = made["GroupId"]
        assert made["Tags"] == [{"Key": "a", "Value": "b"}]
        await world.ask("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[HTTPS])
        await world.ask("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=NODE_ENI, Groups=[group])
        await world.past_pick_up()
        await world.come(tcp_packet("203.0.113.1:1024", "198.51.100.3:443"))
        assert [ends(each) for each in world.card("node").packets()] == ["203.0.113.1:1024 > 10.0.10.10:443"]
        assert await world.refusal("DeleteSecurityGroup", GroupId=group) == "DependencyViolation"
        await world.ask("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=NODE_ENI, Groups=[NODES])
        await world.ask("DeleteSecurityGroup", GroupId=group)
        assert await world.refusal("DescribeSecurityGroups", GroupIds=[group]) == "InvalidGroup.NotFound"
        assert (await world.ask("DescribeTags", Filters=[{"Name": "key", "Values": ["a"]}]))["Tags"] == []
        assert set(world.fabric.security_groups.groups) == {"web", "nodes", "default"}

    play(story)


def test_rules_are_described_tagged_and_revoked_by_their_ids():
    async def story(world: World) -> None:
        tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "for", "Value": "web"}]}]
        added = await world.ask(
            "AuthorizeSecurityGroupEgress", GroupId=NODES, IpPermissions=[HTTPS], TagSpecifications=tags
        )
        (rule,) = added["SecurityGroupRules"]
        assert (rule["IsEgress"], rule["CidrIpv4"], rule["FromPort"]) == (True, "0.0.0.0/0", 443)
        filters = [{"Name": "tag:for", "Values": ["web"]}, {"Name": "group-id", "Values": [NODES]}]
        assert (await world.ask("DescribeSecurityGroupRules", Filters=filters))["SecurityGroupRules"] == [
            rule
        ]
        rule_id = rule["SecurityGroupRuleId"]
        await world.ask(
            "UpdateSecurityGroupRuleDescriptionsEgress",
            GroupId=NODES,
            SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule_id, "Description": "out"}],
        )
        (group,) = (await world.ask("DescribeSecurityGroups", GroupIds=[NODES]))["SecurityGroups"]
        assert group["IpPermissionsEgress"][-1]["IpRanges"] == [{"CidrIp": "0.0.0.0/0", "Description": "out"}]
        wrong = await world.refusal(
            "RevokeSecurityGroupIngress", GroupId=NODES, SecurityGroupRuleIds=[rule_id]
        )
        assert wrong == "InvalidSecurityGroupRuleId.NotFound"
        await world.ask("RevokeSecurityGroupEgress", GroupId=NODES, SecurityGroupRuleIds=[rule_id])
        assert (await world.ask("DescribeSecurityGroupRules", Filters=filters))["SecurityGroupRules"] == []

    play(story)


def test_icmp_rules_tell_types_and_others_numbers():
    async def story(world: World) -> None:
        world.node_of_load_balancer(private_ip="10.0.0.10")
        echo = {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        gre = {"IpProtocol": "47", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        await world.ask("AuthorizeSecurityGroupIngress", GroupId=NODES, IpPermissions=[echo, gre])
        await world.past_pick_up()
        one, other = ip_bytes("10.0.0.10"), ip_bytes("10.0.10.20")
        for protocol, payload, passes in (
            (ipv4.ICMP, bytes((8, 0, 0, 0, 0, 7, 0, 1)), True),
            (ipv4.ICMP, bytes((13, 0, 0, 0, 0, 9, 0, 1)), False),
            (47, bytes(8), True),
            (50, bytes(8), False),
        ):
            await world.send("alb", "public", ipv4.encode(ipv4.Packet(one, other, protocol, payload)))
            assert bool(world.card("node").packets()) == passes, (protocol, payload)
        names = [str(rule) for rule in world.fabric.security_groups.groups["nodes"].ingress[-2:]]
        assert names == ["icmp type 8 10.0.0.0/8", "47 10.0.0.0/8"]

    play(story)


# ---- load balancers' interfaces ----------------------------------------------------------------------------


def test_a_load_balancers_node_is_on_the_internet_while_it_has_its_interface():
    async def story(world: World) -> None:
        await world.ask("AuthorizeSecurityGroupIngress", GroupId=WEB, IpPermissions=[HTTPS])
        made = world.node_of_load_balancer()
        assert made[1:] == ("10.0.0.4/24", "10.0.0.1", "198.51.100.1")
        await world.sleep(0.1)
        await world.come(tcp_packet("203.0.113.1:1024", "198.51.100.1:443"))
        assert [ends(each) for each in world.card("alb").packets()] == ["203.0.113.1:1024 > 10.0.0.4:443"]
        await world.send("alb", "public", tcp_packet("10.0.0.4:443", "203.0.113.1:1024", SYN_ACK))
        assert [ends(each) for each in world.card("out").packets()] == ["198.51.100.1:443 > 203.0.113.1:1024"]
        (shown,) = (await world.ask("DescribeNetworkInterfaces", NetworkInterfaceIds=[made.eni]))[
            "NetworkInterfaces"
        ]
        assert (shown["RequesterManaged"], shown["RequesterId"]) == (True, "amazon-elb")
        assert shown["Association"]["IpOwnerId"] == "amazon-elb"
        assert shown["Attachment"]["InstanceOwnerId"] == "amazon-elb"
        world.ec2.load_balancers.set_groups(made.eni, [NODES])
        await world.sleep(0.1)
        assert world.fabric.interfaces.by_id[made.eni].groups == ("nodes",)
        world.ec2.load_balancers.release(made.eni)
        world.ec2.load_balancers.release(made.eni)
        await world.sleep(0.1)
        await world.come(tcp_packet("203.0.113.1:1025", "198.51.100.1:443"))
        assert world.card("alb").packets() == [] and made.eni not in world.fabric.interfaces.by_id
        assert world.node_of_load_balancer()[1:] == made[1:], "all of it is free again"

    play(story)


def test_nobody_else_may_touch_it():
    async def story(world: World) -> None:
        eni = world.node_of_load_balancer().eni
        own: dict[str, Any] = {"NetworkInterfaceId": eni}
        for operation, parameters in (
            ("DeleteNetworkInterface", {}),
            ("ModifyNetworkInterfaceAttribute", {"Groups": [NODES]}),
            ("AttachNetworkInterface", {"InstanceId": INSTANCE, "DeviceIndex": 1}),
            ("AssignPrivateIpAddresses", {"SecondaryPrivateIpAddressCount": 1}),
            ("UnassignPrivateIpAddresses", {"PrivateIpAddresses": ["10.0.0.4"]}),
        ):
            assert await world.refusal(operation, **own, **parameters) == "AuthFailure", operation
        allocation = (await world.ask("AllocateAddress"))["AllocationId"]
        assert await world.refusal("AssociateAddress", AllocationId=allocation, **own) == "AuthFailure"
        assert len((await world.ask("DescribeAddresses"))["Addresses"]) == 2, "a service's is not shown"

    play(story)


def test_what_cannot_be_made_leaves_nothing():
    async def story(world: World) -> None:
        free = world.ec2.load_balancers.subnet(PUBLIC).free_addresses
        for _ in range(5):
            world.node_of_load_balancer()
        for changed, code in (
            ({"internet_facing": True}, "InsufficientAddressCapacity"),
            ({"groups": ["sg-9"]}, "InvalidGroup.NotFound"),
            ({"subnet": "subnet-9"}, "InvalidSubnetID.NotFound"),
            ({"private_ip": "10.0.0.4"}, "InvalidIPAddress.InUse"),
        ):
            with pytest.raises(AwsError) as caught:
                world.node_of_load_balancer(**changed)
            assert caught.value.code == code
        assert world.ec2.load_balancers.subnet(PUBLIC).free_addresses == free - 5

    play(story)


def test_what_elastic_load_balancing_asks_about_the_network():
    async def story(world: World) -> None:
        asked = world.ec2.load_balancers
        assert asked.subnet(PRIVATE)[1:4] == (VPC, "eu-west-1b", "10.0.10.0/24")
        assert [each.id for each in asked.subnets()] == [PUBLIC, PRIVATE]
        assert asked.vpc_exists(VPC) and not asked.vpc_exists("vpc-9") and asked.has_internet_gateway(VPC)
        assert asked.vpc_cidr(VPC) == "10.0.0.0/16"
        assert asked.instance_address(INSTANCE) == "10.0.10.10" and asked.instance_address("i-9") is None
        assert (asked.instance_zone(INSTANCE), asked.instance_vpc(INSTANCE)) == ("eu-west-1b", VPC)
        assert (asked.instance_zone("i-9"), asked.instance_vpc("i-9")) == (None, None)
        asked.check_groups([WEB, asked.default_group(VPC)], VPC)

    play(story)


# ---- Elastic IPs -------------------------------------------------------------------------------------------


def test_an_elastic_ip_moves_and_the_edge_follows_at_once():
    async def story(world: World) -> None:
        await world.ask("AuthorizeSecurityGroupIngress", GroupId=NODES, IpPermissions=[HTTPS])
        await world.past_pick_up()
        (begun,) = (await world.ask("DescribeAddresses"))["Addresses"]
        assert (begun["PublicIp"], begun["NetworkInterfaceId"], begun["InstanceId"]) == (
            "198.51.100.3",
            NODE_ENI,
            INSTANCE,
        )
        given = await world.ask("AllocateAddress", Domain="vpc")
        assert given["PublicIp"] == "198.51.100.1"
        allocation = given["AllocationId"]
        associated = await world.ask(
            "AssociateAddress",
            AllocationId=allocation,
            NetworkInterfaceId=NODE_ENI,
            PrivateIpAddress="10.0.10.20",
        )
        await world.sleep(0.1)
        await world.come(tcp_packet("203.0.113.1:1024", "198.51.100.1:443"))
        assert [ends(each) for each in world.card("node").packets()] == ["203.0.113.1:1024 > 10.0.10.20:443"]
        assert await world.refusal("ReleaseAddress", AllocationId=allocation) == "InvalidIPAddress.InUse"
        await world.ask("DisassociateAddress", AssociationId=associated["AssociationId"])
        await world.sleep(0.1)
        await world.come(tcp_packet("203.0.113.1:1025", "198.51.100.1:443"))
        assert world.card("node").packets() == []
        await world.ask("ReleaseAddress", AllocationId=allocation)
        assert len((await world.ask("DescribeAddresses"))["Addresses"]) == 1

    play(story)


def test_an_address_that_an_interface_loses_is_not_public_any_longer():
    async def story(world: World) -> None:
        given = await world.ask("AllocateAddress")
        await world.ask(
            "AssociateAddress",
            PublicIp=given["PublicIp"],
            NetworkInterfaceId=NODE_ENI,
            PrivateIpAddress="10.0.10.20",
        )
        await world.ask(
            "UnassignPrivateIpAddresses", NetworkInterfaceId=NODE_ENI, PrivateIpAddresses=["10.0.10.20"]
        )
        (shown,) = (await world.ask("DescribeAddresses", AllocationIds=[given["AllocationId"]]))["Addresses"]
        assert "AssociationId" not in shown
        await world.sleep(0.1)
        assert list(world.net.element("edge").inspect()["elastic_ips"]) == ["198.51.100.3"]

    play(story)


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        (
            "AssociateAddress",
            {"AllocationId": "eipalloc-9", "InstanceId": INSTANCE},
            "InvalidAllocationID.NotFound",
        ),
        ("AssociateAddress", {"PublicIp": "198.51.100.3", "InstanceId": "i-9"}, "InvalidInstanceID.NotFound"),
        ("AssociateAddress", {"PublicIp": "198.51.100.3"}, "MissingParameter"),
        (
            "AssociateAddress",
            {"PublicIp": "198.51.100.3", "InstanceId": INSTANCE, "NetworkInterfaceId": NODE_ENI},
            "InvalidParameterCombination",
        ),
        (
            "AssociateAddress",
            {"PublicIp": "198.51.100.3", "InstanceId": INSTANCE, "PrivateIpAddress": "10.0.0.9"},
            "InvalidParameterValue",
        ),
        ("AllocateAddress", {"Domain": "standard"}, "InvalidParameterValue"),
        ("AllocateAddress", {"PublicIpv4Pool": "ipv4pool-ec2-1"}, "InvalidPublicIpv4PoolID.NotFound"),
        ("DisassociateAddress", {}, "MissingParameter"),
        ("ReleaseAddress", {"PublicIp": "198.51.100.2"}, "InvalidAddress.NotFound"),
        ("CreateSecurityGroup", {"GroupName": "a", "Description": "b"}, "VPCIdNotSpecified"),
        (
            "CreateSecurityGroup",
            {"GroupName": "a", "Description": "b", "VpcId": "vpc-9"},
            "InvalidVpcID.NotFound",
        ),
        ("AuthorizeSecurityGroupIngress", {"GroupId": NODES}, "MissingParameter"),
        (
            "AuthorizeSecurityGroupIngress",
            {"GroupName": "nodes", "IpPermissions": [HTTPS]},
            "InvalidGroup.NotFound",
        ),
        (
            "RevokeSecurityGroupIngress",
            {"GroupId": NODES, "IpPermissions": [HTTPS]},
            "InvalidPermission.NotFound",
        ),
        ("CreateNetworkInterface", {"SubnetId": PRIVATE, "Ipv6AddressCount": 1}, "UnsupportedOperation"),
        ("CreateNetworkInterface", {"SubnetId": PRIVATE, "InterfaceType": "efa"}, "InvalidParameterValue"),
        ("CreateNetworkInterface", {"SubnetId": "x"}, "InvalidSubnetId.Malformed"),
        ("ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": NODE_ENI}, "InvalidParameterCombination"),
        (
            "ModifyNetworkInterfaceAttribute",
            {"NetworkInterfaceId": NODE_ENI, "Groups": [WEB], "Description": {"Value": "x"}},
            "InvalidParameterCombination",
        ),
        (
            "DescribeNetworkInterfaceAttribute",
            {"NetworkInterfaceId": NODE_ENI, "Attribute": "x"},
            "InvalidParameterValue",
        ),
        ("CreateTags", {"Resources": ["vpc-9"], "Tags": [{"Key": "a"}]}, "InvalidVpcID.NotFound"),
        ("CreateTags", {"Resources": ["x"], "Tags": [{"Key": "a"}]}, "InvalidID"),
        ("DescribeInstances", {"InstanceIds": ["i-9"]}, "InvalidInstanceID.NotFound"),
        ("DescribeInstanceTypes", {"InstanceTypes": ["m5.huge"]}, "InvalidInstanceType"),
        ("DescribeAvailabilityZones", {"ZoneNames": ["eu-west-1z"]}, "InvalidParameterValue"),
        ("DescribeRouteTables", {"RouteTableIds": ["rtb-9"]}, "InvalidRouteTableID.NotFound"),
        ("DescribeVpcs", {"DryRun": True}, "DryRunOperation"),
        ("RunInstances", {}, "UnsupportedOperation"),
    ],
)
def test_what_is_refused(operation: str, parameters: dict[str, Any], code: str):
    async def story(world: World) -> None:
        before = world.plane.store.counts(), world.net.element("vpc").inspect()
        assert await world.refusal(operation, **parameters) == code
        assert (world.plane.store.counts(), world.net.element("vpc").inspect()) == before

    play(story)


# ---- network interfaces ------------------------------------------------------------------------------------


def test_an_interface_without_groups_is_in_the_default_one_and_a_token_makes_it_once():
    async def story(world: World) -> None:
        asked = {
            "SubnetId": PRIVATE,
            "ClientToken": "t",
            "PrivateIpAddress": "10.0.10.99",
            "Description": "mine",
        }
        first = (await world.ask("CreateNetworkInterface", **asked))["NetworkInterface"]
        again = (await world.ask("CreateNetworkInterface", **asked))["NetworkInterface"]
        assert first == again and first["PrivateIpAddress"] == "10.0.10.99"
        assert [each["GroupName"] for each in first["Groups"]] == ["default"]
        other = await world.refusal("CreateNetworkInterface", **asked | {"Description": "other"})
        assert other == "IdempotentParameterMismatch"
        await world.ask("DeleteNetworkInterface", NetworkInterfaceId=first["NetworkInterfaceId"])
        named = [{"PrivateIpAddress": "10.0.10.9", "Primary": True}, {"PrivateIpAddress": "10.0.10.8"}]
        third = (await world.ask("CreateNetworkInterface", SubnetId=PRIVATE, PrivateIpAddresses=named))[
            "NetworkInterface"
        ]
        assert [each["PrivateIpAddress"] for each in third["PrivateIpAddresses"]] == [
            "10.0.10.9",
            "10.0.10.8",
        ]

    play(story)


def test_attributes_are_described_one_by_one():
    async def story(world: World) -> None:
        await world.ask(
            "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=NODE_ENI, Description={"Value": "n"}
        )
        for attribute, wanted in (
            ("description", {"Description": {"Value": "n"}}),
            ("sourceDestCheck", {"SourceDestCheck": {"Value": True}}),
            ("groupSet", {"Groups": [{"GroupId": NODES, "GroupName": "nodes"}]}),
        ):
            shown = await world.ask(
                "DescribeNetworkInterfaceAttribute", NetworkInterfaceId=NODE_ENI, Attribute=attribute
            )
            assert shown == {"NetworkInterfaceId": NODE_ENI, **wanted}

    play(story)


# ---- tags, and what only is described ----------------------------------------------------------------------


def test_tags_come_with_the_config_and_change():
    async def story(world: World) -> None:
        tagged = [{"Name": "tag:kubernetes.io/role/elb", "Values": ["1", ""]}]
        (subnet,) = (await world.ask("DescribeSubnets", Filters=tagged))["Subnets"]
        assert (subnet["SubnetId"], subnet["AvailableIpAddressCount"]) == (PUBLIC, 251)
        await world.ask("CreateTags", Resources=[PRIVATE, VPC], Tags=[{"Key": "a", "Value": "1"}])
        found = await world.ask("DescribeTags", Filters=[{"Name": "key", "Values": ["a"]}])
        assert [(each["ResourceId"], each["ResourceType"]) for each in found["Tags"]] == [
            (VPC, "vpc"),
            (PRIVATE, "subnet"),
        ]
        await world.ask(
            "DeleteTags", Resources=[PRIVATE], Tags=[{"Key": "a"}, {"Key": "Name", "Value": "no"}]
        )
        (subnet,) = (await world.ask("DescribeSubnets", SubnetIds=[PRIVATE]))["Subnets"]
        assert subnet["Tags"] == [{"Key": "Name", "Value": "private"}]

    play(story)


def test_an_instance_and_whether_it_answers():
    async def story(world: World) -> None:
        (reservation,) = (await world.ask("DescribeInstances"))["Reservations"]
        (instance,) = reservation["Instances"]
        assert (instance["InstanceType"], instance["PrivateIpAddress"]) == ("m5.large", "10.0.10.10")
        assert (instance["PublicIpAddress"], instance["State"]["Name"]) == ("198.51.100.3", "running")
        (status,) = (await world.ask("DescribeInstanceStatus"))["InstanceStatuses"]
        assert status["InstanceStatus"]["Status"] == "impaired", "a card is no kernel"

    play(story)


def test_a_long_list_comes_in_pages():
    async def story(world: World) -> None:
        found, token = [], {}
        while True:
            shown = await world.ask("DescribeInstanceTypes", MaxResults=20, **token)
            found += [each["InstanceType"] for each in shown["InstanceTypes"]]
            if "NextToken" not in shown:
                break
            token = {"NextToken": shown["NextToken"]}
        assert len(found) == len(set(found)) > 60

    play(story)


# ---- kill -9 -----------------------------------------------------------------------------------------------


def everything(world: World) -> dict[str, Any]:
    interfaces = world.fabric.interfaces
    return {
        "tables": {name: table.items() for name, table in sorted(world.plane.store._tables.items())},
        "interfaces": interfaces.by_id,
        "addresses": sorted(interfaces.by_address),
        "groups": dict(sorted(world.fabric.security_groups.groups.items())),
        "public": world.net.element("edge").inspect()["elastic_ips"],
    }


@pytest.mark.parametrize(
    "victims", [["aws-api"], ["vpc"], ["edge"], ["aws-api", "vpc", "edge"]], ids="+".join
)
def test_all_of_it_outlives_the_death_of_anyone(victims: list[str], tmp_path: Path):
    async def story(world: World) -> None:
        made = world.node_of_load_balancer()
        await world.ask("AuthorizeSecurityGroupIngress", GroupId=WEB, IpPermissions=[HTTPS])
        await world.ask("CreateSecurityGroup", GroupName="new", Description="x", VpcId=VPC)
        await world.ask("AssignPrivateIpAddresses", NetworkInterfaceId=NODE_ENI, Ipv4PrefixCount=1)
        await world.ask("CreateTags", Resources=[made.eni], Tags=[{"Key": "a", "Value": "b"}])
        await world.ask("AllocateAddress")
        await world.sleep(0.1)
        before = everything(world)
        for victim in victims:
            await world.net.host(victim).die()
        for victim in victims:
            await world.net.bring_up(world.net.host(victim))
        await world.sleep(2)
        assert everything(world) == before
        await world.ask("RevokeSecurityGroupIngress", GroupId=WEB, IpPermissions=[HTTPS])
        assert world.fabric.security_groups.groups["web"].ingress == ()
        assert ip_bytes("10.0.10.47") in world.fabric.interfaces.by_address

    play(story, tmp_path)


def test_two_runs_with_one_seed_are_one_run():
    async def story(world: World) -> None:
        world.node_of_load_balancer()
        await world.ask("CreateNetworkInterface", SubnetId=PRIVATE)
        await world.ask("AuthorizeSecurityGroupIngress", GroupId=WEB, IpPermissions=[HTTPS])

    assert play(story).net.journal == play(story).net.journal

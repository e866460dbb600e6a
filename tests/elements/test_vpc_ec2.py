"""The VPC as EC2: what is asked of it changes what packets meet, takes its time, and survives `kill -9`."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from actors.element import CallFailed
from actors.parts.aws.client import AwsClient
from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.ids import resource_id
from actors.runtime.virtual import VirtualNetwork
from actors.vpc import Config
from actors.wire.addresses import ip_bytes
from tests.elements.ipam_bed import ENI, NODES, SUBNET, Bed, vpc_config

INSTANCE = "i-0123456789abcdef0"


def play(story: Callable[[Bed], Awaitable[None]], directory: Path | None = None, **changed: Any) -> Bed:
    """Run the story when ipamd has had its first addresses: from then on it leaves EC2 alone."""

    async def whole(bed: Bed) -> None:
        await bed.ready()
        await story(bed)

    return Bed(directory, **changed).play(whole)


async def attached(bed: Bed, device: int = 2, **wanted: Any) -> str:
    """Another interface at the node."""
    created = await bed.ec2("CreateNetworkInterface", SubnetId=SUBNET, Groups=[NODES], **wanted)
    eni: str = created["NetworkInterface"]["NetworkInterfaceId"]
    await bed.ec2("AttachNetworkInterface", NetworkInterfaceId=eni, InstanceId=INSTANCE, DeviceIndex=device)
    return eni


def fabric(bed: Bed) -> Any:
    return bed.net.element("vpc").fabric.interfaces


async def of_node(bed: Bed) -> dict[str, Any]:
    return await bed.imds(instance_id=INSTANCE)


async def code_of(request: Awaitable[Any]) -> str:
    with pytest.raises(AwsError) as caught:
        await request
    return caught.value.code


def test_an_attached_interface_is_the_instances_and_the_fabrics():
    async def story(bed: Bed) -> None:
        began = bed.now_s
        eni = await attached(bed, SecondaryPrivateIpAddressCount=2)
        assert bed.now_s - began == pytest.approx(2.6, abs=0.01)
        told = await of_node(bed)
        assert told["network_interfaces"][1] == {
            "id": eni,
            "device": 2,
            "address": "10.0.10.14/23",
            "gateway": "10.0.10.1",
        }
        assert told["metadata"][1]["private_ips"] == ["10.0.10.14", "10.0.10.15", "10.0.10.16"]
        assert bed.kernel.interfaces[eni]["device"] == 2
        assert fabric(bed).by_address[ip_bytes("10.0.10.15")].id == eni

    play(story)


def test_a_detached_interface_keeps_its_addresses_until_it_is_deleted():
    async def story(bed: Bed) -> None:
        eni = await attached(bed)
        attachment = (await of_node(bed))["metadata"][1]["attachment_id"]
        assert await bed.ec2("DetachNetworkInterface", AttachmentId=attachment) == {}
        assert eni not in bed.kernel.interfaces
        assert ip_bytes("10.0.10.14") not in fabric(bed).by_address
        assign = bed.ec2(
            "AssignPrivateIpAddresses", NetworkInterfaceId=ENI, PrivateIpAddresses=["10.0.10.14"]
        )
        assert await code_of(assign) == "PrivateIpAddressLimitExceeded"
        found = await bed.ec2(
            "DescribeNetworkInterfaces", Filters=[{"Name": "status", "Values": ["available"]}]
        )
        assert [each["NetworkInterfaceId"] for each in found["NetworkInterfaces"]] == [eni]
        await bed.ec2("DeleteNetworkInterface", NetworkInterfaceId=eni)
        gone = bed.ec2("DescribeNetworkInterfaces", NetworkInterfaceIds=[eni])
        assert await code_of(gone) == "InvalidNetworkInterfaceID.NotFound"

    play(story)


def test_addresses_and_groups_change_what_packets_meet():
    async def story(bed: Bed) -> None:
        address = ip_bytes("10.0.10.12")
        assert fabric(bed).by_address[address].id == ENI
        await bed.ec2("UnassignPrivateIpAddresses", NetworkInterfaceId=ENI, PrivateIpAddresses=["10.0.10.12"])
        assert address not in fabric(bed).by_address
        await bed.ec2("AssignPrivateIpAddresses", NetworkInterfaceId=ENI, Ipv4PrefixCount=1)
        assert fabric(bed).by_address[ip_bytes("10.0.10.31")].id == ENI
        others = resource_id("sg", "vpc", "others")
        await bed.ec2("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=ENI, Groups=[others])
        assert fabric(bed).groups_of(ip_bytes("10.0.10.31")) == ("others",)
        assert fabric(bed).by_id[ENI].source_dest_check
        await bed.ec2(
            "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=ENI, SourceDestCheck={"Value": False}
        )
        assert not fabric(bed).by_id[ENI].source_dest_check

    play(story, vpc={"security_groups": {"nodes": {}, "others": {}}})


def test_requests_are_told_with_what_came_of_them():
    async def story(bed: Bed) -> None:
        refused = bed.ec2(
            "AssignPrivateIpAddresses", NetworkInterfaceId=ENI, SecondaryPrivateIpAddressCount=99
        )
        assert await code_of(refused) == "PrivateIpAddressLimitExceeded"

    bed = play(story)
    (done,) = bed.events("ec2.assign_private_ip_addresses")
    assert done["request"] == {"NetworkInterfaceId": ENI, "SecondaryPrivateIpAddressCount": 9}
    assert len(done["result"]["AssignedPrivateIpAddresses"]) == 9
    first, second = bed.requests("AssignPrivateIpAddresses")
    assert first["duration_ms"] == pytest.approx(510, abs=1) and "error" not in first
    assert (second["error"], second["caller"]) == ("PrivateIpAddressLimitExceeded", "test")


def test_delays_are_settings():
    async def story(bed: Bed) -> None:
        began = bed.now_s
        await bed.ec2("DescribeSubnets", SubnetIds=[SUBNET])
        assert bed.now_s - began == pytest.approx(3, abs=0.01)

    play(story, latency={"DescribeSubnets": "3s"})


@pytest.mark.parametrize("victim", ["aws-api", "vpc"])
@pytest.mark.parametrize("moment_s", [0.1, 0.6002, 1.0, 2.6003, 3.0])
def test_nothing_that_was_answered_is_lost(victim: str, moment_s: float, tmp_path: Path):
    async def story(bed: Bed) -> None:
        answers: list[str] = []

        async def ask() -> None:
            try:
                answers.append(await attached(bed))
            except AwsError:
                pass

        asking = bed.net.host("node-1").spawn(ask(), "asking")
        await bed.sleep(moment_s)
        before = len(bed.events("ec2.attach_network_interface"))
        await bed.net.restart(victim)
        await asking
        await bed.sleep(1)
        known = [each["id"] for each in (await of_node(bed))["network_interfaces"]]
        assert set(answers) <= set(known)
        assert len(known) == 1 + (before if victim == "aws-api" else 1)
        assert set(fabric(bed).by_id) == set(known)
        subnets = (await bed.ec2("DescribeSubnets"))["Subnets"]
        held = sum(
            len(each["PrivateIpAddresses"])
            for each in (await bed.ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"]
        )
        assert subnets[0]["AvailableIpAddressCount"] == 512 - 5 - held

    play(story, tmp_path)


def test_packets_go_on_while_the_aws_api_is_away():
    async def story(bed: Bed) -> None:
        await bed.net.host("aws-api").die()
        await bed.sleep(60)
        assert set(fabric(bed).by_id) == {ENI}
        assert (await of_node(bed))["metadata"][0]["private_ips"][0] == "10.0.10.10"
        assert await code_of(bed.ec2("DescribeSubnets")) == "RequestError"

    play(story)


def test_another_config_begins_anew(tmp_path: Path):
    play(attached, tmp_path)

    async def same(bed: Bed) -> None:
        assert len((await of_node(bed))["network_interfaces"]) == 2

    async def anew(bed: Bed) -> None:
        assert len((await of_node(bed))["network_interfaces"]) == 1

    play(same, tmp_path)
    play(anew, tmp_path, private_ips=("10.0.10.11",))


def test_an_instance_that_is_away_finds_out_when_it_boots(tmp_path: Path):
    async def story(bed: Bed) -> None:
        await bed.net.host("node-1").die()
        asks = AwsClient(bed.net.host("vpc"), "aws-api", "test").request
        created = await asks("ec2", "CreateNetworkInterface", SubnetId=SUBNET, Groups=[NODES])
        eni = created["NetworkInterface"]["NetworkInterfaceId"]
        await asks(
            "ec2", "AttachNetworkInterface", NetworkInterfaceId=eni, InstanceId=INSTANCE, DeviceIndex=1
        )
        await bed.net.restart("node-1")
        assert eni in bed.kernel.interfaces

    assert len(play(story, tmp_path).events("ec2.instance_away")) == 1


def test_an_instance_that_there_is_not_has_no_metadata():
    async def story(bed: Bed) -> None:
        for arguments in ({"instance_id": "i-9"}, {"port": "node-9"}):
            with pytest.raises(CallFailed, match=r"InvalidInstanceID\.NotFound"):
                await bed.imds(**arguments)
        assert await code_of(bed.ec2("Paint")) == "UnsupportedOperation"

    play(story)


def test_a_vpc_without_an_aws_api_stays_as_its_config_says():
    net = VirtualNetwork()
    net.add("vpc", "vpc", vpc_config("m5.large", "10.0.10.0/23", ("10.0.10.10", "10.0.10.11")))

    async def story() -> None:
        told = await net.host("vpc").call("vpc", "describe_instance", port="node-1")
        assert told["metadata"][0]["private_ips"] == ["10.0.10.10", "10.0.10.11"]
        assert told["network_interfaces"][0]["id"] == ENI

    net.run(story())


@pytest.mark.parametrize(
    ("instances", "words"),
    [
        ({"node-1": {"instance_id": "x", "instance_type": "m5.large"}}, "should match pattern"),
        ({"node-1": {"instance_id": "i-1", "instance_type": "m5.larg"}}, "did you mean 'm5.large'?"),
        ({"node-2": {"instance_id": "i-1", "instance_type": "m5.large"}}, "did you mean 'node-1'?"),
        (
            {
                "node-1": {"instance_id": "i-1", "instance_type": "m5.large"},
                "node-2": {"instance_id": "i-1", "instance_type": "m5.large"},
            },
            "node-1 has i-1 already",
        ),
    ],
)
def test_wrong_instances_are_refused_with_the_reason(instances: dict[str, Any], words: str):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(
            {**vpc_config("m5.large", "10.0.10.0/23", ("10.0.10.10",)), "instances": instances}
        )
    assert words in str(caught.value)


def test_an_instance_type_limits_what_the_config_may_have():
    with pytest.raises(ValidationError, match="has 4 addresses at most"):
        Config.model_validate(
            vpc_config("t3.small", "10.0.10.0/23", tuple(f"10.0.10.{n}" for n in range(10, 15)))
        )

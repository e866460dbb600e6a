"""ipamd's times and its traps, exactly: cooling, exhaustion, back-off, reconciling."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.elements.ipam_bed import ENI, PRIMARY, Bed, vpc_config

SECOND = 10**9
ONE_ENI = {"instance_type": "t3.small", "MAX_ENI": 1}
NO_ADDRESS = "add cmd: failed to assign an IP address to container"


def play(story: Callable[[Bed], Awaitable[None]], directory: Path | None = None, **changed: Any) -> Bed:
    async def whole(bed: Bed) -> None:
        await bed.ready()
        await story(bed)

    return Bed(directory, **changed).play(whole)


def crowded(*addresses: str, cidr: str = "10.0.10.0/28") -> dict[str, Any]:
    """A VPC in which somebody else has these addresses of the node's subnet."""
    interfaces = vpc_config("m5.large", cidr, (PRIMARY,))["network_interfaces"]
    interfaces["eni-0ff"] = {**interfaces[ENI], "port": "other", "private_ips": list(addresses)}
    return {"network_interfaces": interfaces}


async def until(bed: Bed, at_ns: int) -> None:
    """Until this moment, less the time that a call takes to arrive."""
    await bed.sleep((at_ns - bed.net.loop.now_ns) / SECOND)


def address_of(answer: dict[str, Any]) -> str:
    return str(answer["stdout"]["ips"][0]["address"]).partition("/")[0]


# ---- cooling -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cooldown", [30, 7])
def test_a_released_address_is_given_again_after_the_cooldown_and_not_before(cooldown: int):
    async def story(bed: Bed) -> None:
        await bed.pods(3)
        await bed.pods(2)
        (released,) = bed.events("ipam.release")
        store = bed.agent.ipamd.store
        assert store.stats(bed.net.loop.now_ns).available == 1, "cooling addresses count as available"
        end_ns = released["t_ns"] + cooldown * SECOND
        (address,) = [each for each in store.enis[ENI].all() if each.text == released["address"]]
        await until(bed, end_ns - SECOND // 100)
        assert (await bed.add("early"))["stdout"]["msg"] == NO_ADDRESS
        assert address.cools(end_ns - 1, cooldown * SECOND) and not address.cools(end_ns, cooldown * SECOND)
        await until(bed, end_ns)
        assert address_of(await bed.add("late")) == released["address"]

    play(story, **ONE_ENI, IP_COOLDOWN_PERIOD=cooldown)


def test_what_was_used_before_comes_before_what_was_not():
    async def story(bed: Bed) -> None:
        assert address_of(await bed.add("a")) == "10.0.10.4"
        await bed.delete("a")
        assert address_of(await bed.add("b")) == "10.0.10.5"
        await bed.sleep(31)
        assert address_of(await bed.add("c")) == "10.0.10.4"
        assert address_of(await bed.add("d")) == "10.0.10.6"

    play(story)


# ---- exhaustion --------------------------------------------------------------------------------------------


def test_a_subnet_is_used_to_its_last_address_and_then_left_alone_for_two_minutes():
    async def story(bed: Bed) -> None:
        await bed.sleep(60)
        assert bed.figures() == (1, 5, 5), "one by one, when all at once is too much"
        refusals = bed.events("ipam.error")
        assert "InsufficientFreeAddressesInSubnet" in refusals[0]["error"]
        full_ns = refusals[0]["t_ns"]
        await until(bed, full_ns + 119 * SECOND)
        requests = [each["t_ns"] for each in bed.requests("AssignPrivateIpAddresses")]
        assert requests[-1] == full_ns
        await bed.sleep(7)
        requests = [each["t_ns"] for each in bed.requests("AssignPrivateIpAddresses")]
        assert full_ns + 120 * SECOND < requests[requests.index(full_ns) + 1]
        (subnet,) = (await bed.ec2("DescribeSubnets"))["Subnets"]
        assert subnet["AvailableIpAddressCount"] == 0
        await bed.pods(5)
        assert (await bed.add("more"))["stdout"]["msg"] == NO_ADDRESS
        await bed.pods(4)
        await bed.sleep(30)
        assert (await bed.add("other"))["code"] == 0
        assert (await bed.add("more"))["stdout"]["msg"].startswith("add cmd:")

    taken = [f"10.0.10.{last}" for last in (4, 5, 6, 7, 8)]
    play(story, cidr="10.0.10.0/28", vpc=crowded(*taken))


def test_an_instance_has_no_more_interfaces_than_its_type_allows():
    async def story(bed: Bed) -> None:
        await bed.pods(9)
        await bed.settle()
        requests = len(bed.events("ec2.create_network_interface"))
        assert requests == 2
        assert (await bed.add("more"))["stdout"]["msg"] == NO_ADDRESS
        await bed.sleep(30)
        assert len(bed.requests("CreateNetworkInterface")) == requests
        await bed.pods(8)
        await bed.sleep(30)
        assert (await bed.add("other"))["code"] == 0

    play(story, instance_type="t3.small")


def test_without_a_whole_free_block_there_is_no_prefix():
    async def story(bed: Bed) -> None:
        await bed.sleep(100)
        assert bed.figures() == (1, 0, 0)
        errors = bed.events("ipam.error")
        assert len(errors) == 1 and "InsufficientCidrBlocks" in errors[0]["error"]

    play(
        story,
        cidr="10.0.10.0/26",
        vpc=crowded("10.0.10.20", "10.0.10.40", cidr="10.0.10.0/26"),
        ENABLE_PREFIX_DELEGATION=True,
    )


def test_instances_on_xen_take_single_addresses_whatever_is_wanted():
    bed = play(lambda bed: bed.settle(), instance_type="m4.large", ENABLE_PREFIX_DELEGATION=True)
    assert bed.events("ipam.no_prefix_delegation")[0]["instance_type"] == "m4.large"
    assert bed.events("ec2.assign_private_ip_addresses")[0]["request"]["SecondaryPrivateIpAddressCount"] == 9


def test_growth_ends_at_the_kubelets_max_pods():
    async def story(bed: Bed) -> None:
        await bed.pods(9)
        await bed.settle()
        assert bed.figures() == (1, 9, 0)

    play(story, max_pods=9)


# ---- times -------------------------------------------------------------------------------------------------


def test_the_pool_grows_at_the_start_and_then_in_the_middle_of_each_five_seconds():
    async def story(bed: Bed) -> None:
        ready_ns = bed.net.loop.now_ns
        await bed.pods(1)
        await bed.sleep(9)
        (first,) = bed.requests("AssignPrivateIpAddresses")
        assert first["duration_ms"] == pytest.approx(510, abs=5) and first["t_ns"] <= ready_ns
        (created,) = bed.events("ec2.create_network_interface")
        asked_ns = created["t_ns"] - 600_000_000
        assert 0 <= asked_ns - first["t_ns"] - 2.5 * SECOND < SECOND // 100
        (attached,) = bed.events("ec2.attach_network_interface")
        assert 0 <= attached["t_ns"] - created["t_ns"] - 2 * SECOND < SECOND // 100
        assert bed.figures() == (2, 18, 17)

    play(story)


def test_addresses_are_given_back_once_in_thirty_seconds():
    async def story(bed: Bed) -> None:
        await bed.pods(8)
        await bed.settle()
        for pods in range(7, -1, -1):
            await bed.pods(pods)
            await bed.sleep(9)
        await bed.sleep(100)
        assert bed.figures() == (1, 1, 1)
        times = [each["t_ns"] for each in bed.events("ec2.unassign_private_ip_addresses")]
        assert len(times) > 2
        assert all(later - earlier >= 30 * SECOND for earlier, later in pairwise(times))

    play(story, WARM_IP_TARGET=1)


def test_young_interfaces_are_not_freed():
    async def story(bed: Bed) -> None:
        await bed.pods(1)
        await bed.settle()
        assert bed.figures()[0] == 2
        await bed.pods(0)
        await bed.sleep(120)
        assert bed.figures() == (1, 9, 9)
        (freed,) = bed.events("ec2.detach_network_interface")
        (came,) = bed.events("ec2.modify_network_interface_attribute")
        assert freed["t_ns"] - came["t_ns"] > 62 * SECOND

    play(story)


# ---- what EC2 has ------------------------------------------------------------------------------------------


def test_what_changed_behind_its_back_is_found_within_two_minutes():
    async def story(bed: Bed) -> None:
        await bed.pods(2)
        await bed.sleep(20)
        await bed.ec2("UnassignPrivateIpAddresses", NetworkInterfaceId=ENI, PrivateIpAddresses=["10.0.10.4"])
        await bed.ec2("AssignPrivateIpAddresses", NetworkInterfaceId=ENI, PrivateIpAddresses=["10.0.10.99"])
        await bed.sleep(125)
        assert [each["address"] for each in bed.agent.inspect()["attachments"]] == ["10.0.10.5"]
        assert "10.0.10.99" in bed.agent.ipamd.store.enis[ENI].addresses

    bed = play(story)
    assert bed.metrics()["awscni_force_removed_ips"] == 1
    (lost,) = bed.events("ipam.release")
    assert (lost["address"], lost["reason"]) == ("10.0.10.4", "ForceRemoved")


def test_when_ec2_is_away_pods_still_get_what_is_there(tmp_path: Path):
    async def story(bed: Bed) -> None:
        await bed.net.host("aws-api").die()
        await bed.pods(9)
        await bed.sleep(20)
        assert bed.figures() == (1, 9, 0)
        await bed.net.restart("aws-api")
        await bed.sleep(15)
        assert bed.figures() == (2, 18, 9)

    bed = play(story, tmp_path)
    assert bed.metrics()['awscni_aws_api_error_count{api="CreateNetworkInterface",error="RequestError"}'] > 0
    assert "RequestError" in bed.events("ipam.error")[0]["error"]


def test_the_numbers_have_the_names_that_dashboards_know():
    async def story(bed: Bed) -> None:
        await bed.pods(2)
        await bed.pods(1)

    values = play(story).metrics()
    assert values["awscni_total_ip_addresses"] == 9
    assert values["awscni_assigned_ip_addresses"] == 1
    assert values[f'awscni_assigned_ip_per_eni{{eni="{ENI}"}}'] == 1
    assert values["awscni_add_ip_req_count"] == 2
    assert values['awscni_ec2api_req_count{fn="AssignPrivateIpAddresses"}'] == 1
    assert values['awscni_del_ip_req_count{reason="PodDeleted"}'] == 1
    assert (values["awscni_eni_max"], values["awscni_ip_max"], values["awscni_eni_allocated"]) == (3, 27, 1)


def test_calls_of_aws_are_timed_as_ipamd_times_them(tmp_path: Path):
    async def story(bed: Bed) -> None:
        await bed.net.host("aws-api").die()
        await bed.pods(9)
        await bed.sleep(20)

    values = play(story, tmp_path).metrics()

    def latency(api: str, error: str, status: str) -> str:
        return f'awscni_aws_api_latency_ms_count{{api="{api}",error="{error}",status="{status}"}}'

    assert values[latency("AssignPrivateIpAddresses", "false", "200")] == 1
    assert values[latency("GetMetadata", "false", "200")] == 1
    failed = values['awscni_aws_api_error_count{api="CreateNetworkInterface",error="RequestError"}']
    assert values[latency("CreateNetworkInterface", "true", "RequestError")] == failed > 0
    took = latency("AssignPrivateIpAddresses", "false", "200").replace("_count{", "_sum{")
    assert 0.0 < values[took] < 10_000

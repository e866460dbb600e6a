"""`kill -9` of the CNI agent, the node and the VPC at any moment: no address twice, none lost for ever."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from actors.element import CallFailed
from orchestrator.journal.checks import no_address_leaks, no_address_twice
from tests.elements.ipam_bed import Bed

MOMENTS = 60


class Kubelet:
    """Makes and ends sandboxes as the kubelet does: a failed ADD is followed by DEL, and the namespace ends anyway."""

    def __init__(self, bed: Bed, dice: random.Random) -> None:
        self.bed, self.dice = bed, dice
        self.alive: list[str] = []
        self.number = 0

    async def add(self) -> None:
        self.number += 1
        sandbox = f"{self.number:012d}"
        try:
            code = (await self.bed.add(sandbox))["code"]
        except CallFailed:
            code = 1
        if code == 0:
            self.alive.append(sandbox)
            return
        try:
            await self.bed.delete(sandbox)
        except CallFailed:
            pass
        self.bed.kernel.tables.remove_netns(f"cni-{sandbox}")

    async def delete(self) -> None:
        if not self.alive:
            return
        sandbox = self.alive.pop(self.dice.randrange(len(self.alive)))
        for _ in range(50):
            try:
                if (await self.bed.delete(sandbox))["code"] == 0:
                    return
            except CallFailed:
                pass
            await self.bed.sleep(0.5)
        raise AssertionError("DEL never worked")

    async def live(self, steps: int) -> None:
        for _ in range(steps):
            await (self.add() if self.dice.random() < 0.65 else self.delete())
            await self.bed.sleep(self.dice.expovariate(1 / 1.5))

    async def settle(self) -> None:
        await self.bed.ready()
        await self.bed.sleep(40)


def checked(bed: Bed, alive: list[str]) -> None:
    assert no_address_twice(bed.net.journal) == []
    assert no_address_leaks(bed.net.journal, alive) == []
    held = {each["container_id"] for each in bed.agent.inspect()["attachments"]}
    assert held == set(alive)


async def kill(bed: Bed, dice: random.Random, names: tuple[str, ...], times: int) -> None:
    """At moments that fall into the middle of things as often as between them."""
    for _ in range(times):
        await bed.sleep(dice.choice([dice.random() * 0.002, dice.random() * 5]))
        await bed.net.restart(dice.choice(names))


def murder(seed: int, directory: Path, names: tuple[str, ...], **settings: Any) -> None:
    dice = random.Random(seed)

    async def story(bed: Bed) -> None:
        kubelet = Kubelet(bed, dice)
        await bed.ready()
        killing = bed.net.host("node-1").spawn(kill(bed, dice, names, 12), "the killer")
        await kubelet.live(MOMENTS)
        await killing
        await kubelet.settle()
        checked(bed, kubelet.alive)

    Bed(directory, seed=seed, **settings).play(story)


@pytest.mark.parametrize("seed", range(6))
def test_the_agent_is_killed(seed: int, tmp_path: Path):
    murder(seed, tmp_path, ("cni",))


@pytest.mark.parametrize("seed", range(3))
def test_the_agent_is_killed_with_ip_targets(seed: int, tmp_path: Path):
    murder(seed, tmp_path, ("cni",), WARM_IP_TARGET=2, IP_COOLDOWN_PERIOD=3)


@pytest.mark.parametrize("seed", range(3))
def test_the_agent_is_killed_while_prefixes_are_delegated(seed: int, tmp_path: Path):
    murder(seed, tmp_path, ("cni",), ENABLE_PREFIX_DELEGATION=True, instance_type="t3.small", max_pods=110)


@pytest.mark.parametrize("seed", range(4))
def test_the_agent_the_vpc_and_the_aws_api_are_killed(seed: int, tmp_path: Path):
    murder(seed, tmp_path, ("cni", "vpc", "aws-api"))


def test_the_agent_is_killed_at_each_moment_of_an_add(tmp_path: Path):
    """Every tenth of the time that an ADD takes."""
    for moment in range(12):
        directory = tmp_path / str(moment)
        directory.mkdir()

        async def story(bed: Bed, moment: int = moment) -> None:
            await bed.ready()
            kubelet = Kubelet(bed, random.Random(0))
            add = bed.net.host("node-1").spawn(kubelet.add(), "ADD")
            await bed.sleep(moment * 0.0001)
            await bed.net.restart("cni")
            await add
            await kubelet.settle()
            checked(bed, kubelet.alive)

        Bed(directory).play(story)


def test_a_node_that_loses_power_loses_its_sandboxes_and_their_addresses_cool_down(tmp_path: Path):
    async def story(bed: Bed) -> None:
        await bed.ready()
        await bed.pods(3)
        await bed.net.restart("node-1")
        await bed.net.host("vpc").sleep(11)
        figures = bed.agent.inspect()
        assert (figures["assigned_ip_addresses"], figures["cooling_ip_addresses"]) == (0, 3)
        answer = await bed.add("b" * 12)
        assert answer["stdout"]["ips"][0]["address"] == "10.0.10.7/32"

    bed = Bed(tmp_path).play(story)
    assert no_address_twice(bed.net.journal) == []
    assert no_address_leaks(bed.net.journal, ["b" * 12]) == []


def test_an_interface_that_was_left_behind_is_deleted(tmp_path: Path):
    """Killed between CreateNetworkInterface and AttachNetworkInterface."""

    async def story(bed: Bed) -> None:
        await bed.ready()
        await bed.pods(1)
        while not bed.events("ec2.create_network_interface"):
            await bed.sleep(0.01)
        await bed.net.host("cni").die()
        await bed.sleep(600)
        await bed.net.restart("cni")
        await bed.sleep(310)
        available = [{"Name": "status", "Values": ["available"]}]
        answer = await bed.ec2("DescribeNetworkInterfaces", Filters=available)
        assert answer == {"NetworkInterfaces": []}
        assert len(bed.kernel.interfaces) == 2

    Bed(tmp_path, latency={"AttachNetworkInterface": "60s"}).play(story)


async def until_leaving(bed: Bed) -> set[str]:
    """Until EC2 has been asked to take something away, and has not done so yet."""
    while not (leaving := json.loads((bed.net.directory / "cni.ipam.json").read_text())["leaving"]):
        await bed.sleep(0.05)
    return set(leaving)


def test_what_is_being_given_back_is_given_to_nobody_by_an_agent_that_was_killed_meanwhile(tmp_path: Path):
    async def story(bed: Bed) -> None:
        await bed.ready()
        await bed.pods(6)
        await bed.settle()
        await bed.pods(1)
        leaving = await until_leaving(bed)
        assert not bed.events("ec2.unassign_private_ip_addresses")
        await bed.net.restart("cni")
        await bed.ready()
        await bed.pods(6)
        assert leaving == {"10.0.10.11"}, "what cools stays"
        assert not leaving & {each["address"] for each in bed.agent.inspect()["attachments"]}
        await bed.sleep(130)
        assert bed.metrics()["awscni_force_removed_ips"] == 0

    Bed(tmp_path, WARM_IP_TARGET=1).play(story)


def test_no_pod_gets_an_address_on_an_interface_that_is_being_detached(tmp_path: Path):
    async def story(bed: Bed) -> None:
        await bed.ready()
        await bed.pods(1)
        await bed.settle()
        await bed.pods(0)
        (eni,) = await until_leaving(bed)
        await bed.net.restart("cni")
        await bed.ready()
        assert eni in bed.kernel.interfaces and eni not in bed.agent.ipamd.store.enis
        await bed.pods(12)
        assert eni not in bed.kernel.interfaces
        assert no_address_twice(bed.net.journal) == []
        assert {each["eni"] for each in bed.events("ipam.assign")}.isdisjoint({eni})

    Bed(tmp_path).play(story)

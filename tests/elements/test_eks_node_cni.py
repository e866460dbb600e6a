"""A node with the VPC and the CNI agent as they are: pods get addresses from the warm pool, whoever is killed."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.elements import ipam_bed, node_bed
from tests.elements.node_bed import Object
from tests.elements.test_eks_node_kills import create, insist


class Bed(node_bed.Bed):
    """`node-1` with its real surroundings."""

    def surround(self) -> None:
        config = ipam_bed.vpc_config("m5.large", "10.0.10.0/24", (node_bed.NODE_ADDRESS,))
        self.net.add("aws-api", "aws_api", {})
        self.net.add("vpc", "vpc", {**config, "aws_api": "aws-api"})
        self.net.add("cni", "cni_agent", {"node": "node-1"})
        self.net.link("eni", ("node-1", "eth0"), ("vpc", "node-1"), delay="50us", mtu=9001)

    async def assigned(self) -> list[str]:
        """The addresses that ipamd has given to pods."""
        told = await self.net.host("tester").call("cni", "inspect")
        return sorted(each["address"] for each in told["attachments"])

    async def addresses(self) -> list[str]:
        """Those that the API knows."""
        pods = (await self.client.list("Pod", "default")).items
        return sorted(each["status"].get("podIP", "") for each in pods)

    async def agrees(self) -> bool:
        addresses = await self.addresses()
        return await self.assigned() == addresses and len(set(addresses)) == len(addresses)

    def clean(self) -> None:
        assert not self.net.host("node-1").children
        assert set(self.net.host("node-1").ports) == {"eth0"}
        state = self.node.kernel.network_state()
        assert state["netns"] == []
        rules = [each for each in state["entries"] if each["object"] == "rule"]
        assert [each for each in rules if each["priority"] in (512, 1536)] == []
        assert [each for each in state["entries"] if each.get("dev", "").startswith("eni")] == []


def test_more_pods_than_warm_addresses_wait_for_the_pool_to_grow(tmp_path: Path):
    async def story(bed: Any) -> None:
        for number in range(20):
            await bed.create(f"web-{number}")
        assert len(await bed.addresses()) == 20
        for number in range(20):
            await bed.until_ready(f"web-{number}")
        assert bed.now_s < 60
        assert await bed.agrees()
        failed = [each for each in bed.records("pod.sandbox") if each["reason"] == "FailedCreatePodSandBox"]
        assert failed and all(
            each["message"].endswith("add cmd: failed to assign an IP address to container")
            for each in failed
        )
        inspected: Object = await bed.net.host("tester").call("node-1", "inspect")
        assert len(inspected["network_interfaces"]) >= 2
        for number in range(20):
            await bed.client.delete("Pod", f"web-{number}", "default")
        for number in range(20):
            await bed.until_gone(f"web-{number}")
        assert await bed.assigned() == []
        bed.clean()

    Bed(tmp_path).play(story)


@pytest.mark.parametrize("seed", range(10))
def test_whoever_is_killed_addresses_are_given_once_and_come_back(tmp_path: Path, seed: int):
    dice, names = Random(seed), ("a", "b", "c")

    async def kill(bed: Any) -> None:
        for _ in range(5):
            await bed.sleep(dice.expovariate(1 / 0.02))
            await bed.net.restart(dice.choice(["kube-api", "cni", "node-1"]))

    async def story(bed: Any) -> None:
        kills = bed.net.host("tester").spawn(kill(bed), "kills")
        for name in names:
            await insist(bed, lambda name=name: create(bed, name))
        await kills
        await bed.until(bed.node_ready)
        for name in names:
            await bed.until_ready(name)
        await bed.until(bed.agrees)
        kills = bed.net.host("tester").spawn(kill(bed), "kills")
        for name in names:
            await insist(bed, lambda name=name: bed.client.delete("Pod", name, "default"))
        await kills
        for name in names:
            await bed.until_gone(name)
        await bed.until(bed.agrees)
        bed.clean()

    Bed(tmp_path, seed=seed).play(story)

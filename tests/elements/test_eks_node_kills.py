"""`kill -9` of the API server, the CNI plugin or the node at any moment of a pod's start and end: all ends clean."""

from random import Random
from typing import Any

import pytest

from actors.element import CallFailed
from tests.elements.node_bed import Bed, Object, pod

PODS = ("a", "b", "c")


async def insist(bed: Bed, do: Any) -> Any:
    """As kubectl's user: again, while the API server is away."""
    while True:
        try:
            return await do()
        except CallFailed:
            await bed.sleep(0.05)


async def killer(bed: Bed, dice: Random, victims: list[str], times: int) -> None:
    for _ in range(times):
        await bed.sleep(dice.expovariate(1 / 0.02))
        victim = dice.choice(victims)
        given = dict(bed.plugin.given) if victim == "cni" else None
        await bed.net.restart(victim)
        if given is not None:
            bed.plugin.given.update(given)  # ipamd's state file


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("victims", [["kube-api"], ["cni"], ["node-1"], ["kube-api", "cni", "node-1"]])
def test_pods_start_whoever_is_killed(tmp_path, victims: list[str], seed: int):
    dice = Random(f"{victims} {seed}")

    async def story(bed: Bed) -> None:
        kills = bed.net.host("tester").spawn(killer(bed, dice, victims, 4), "kills")
        for name in PODS:
            await insist(bed, lambda name=name: create(bed, name))
        await kills
        await bed.until(bed.node_ready)
        for name in PODS:
            await bed.until_ready(name)
        statuses = [await bed.status(name) for name in PODS]
        assert len({status["podIP"] for status in statuses}) == len(PODS)
        assert sorted(bed.plugin.given.values()) == sorted(status["podIP"] for status in statuses)
        assert sorted(bed.net.host("node-1").children) == sorted(PODS)
        kills = bed.net.host("tester").spawn(killer(bed, dice, victims, 4), "kills")
        for name in PODS:
            await insist(bed, lambda name=name: bed.client.delete("Pod", name, "default"))
        await kills
        for name in PODS:
            await bed.until_gone(name)
        await bed.sleep(1)
        bed.clean()

    Bed(tmp_path, seed=seed).play(story)


async def create(bed: Bed, name: str) -> None:
    readiness: Object = {"httpGet": {"port": 80}, "periodSeconds": 1}
    if await bed.pod(name) is None:  # a request that was not answered may have been heard
        await bed.client.create("Pod", pod(name, container={"readinessProbe": readiness}))

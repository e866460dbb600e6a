"""The scheduler in a cluster on the virtual clock."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.protocols.kubernetes.workloads.pods import condition, node_of
from tests.elements.cluster_bed import Cluster, deployment, play, template

Object = dict[str, Any]


def pod(name: str, **spec: Any) -> Object:
    metadata = {"name": name, "namespace": "default"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**template(name)["spec"], **spec},
    }


def asking(cpu: str) -> list[Object]:
    return [{"name": "nginx", "image": "nginx:1.27", "resources": {"requests": {"cpu": cpu}}}]


async def place(cluster: Cluster, name: str) -> str:
    return node_of(await cluster.client.get("Pod", name, "default"))


def test_a_pod_that_fits_nowhere_is_told_why_and_placed_as_soon_as_it_can():
    async def story(cluster: Cluster) -> None:
        await cluster.sleep(1)
        for number in (1, 2):
            await cluster.client.create("Pod", pod(f"big-{number}", containers=asking("1500m")))
        await cluster.sleep(1)
        assert {await place(cluster, "big-1"), await place(cluster, "big-2")} == {"node-1", "node-2"}
        await cluster.client.create("Pod", pod("small", containers=asking("600m")))
        await cluster.sleep(0.5)
        told = "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: "
        told += "2 No preemption victims found for incoming pod."
        small = await cluster.client.get("Pod", "small", "default")
        scheduled = condition(small, "PodScheduled") or {}
        assert (scheduled["status"], scheduled["reason"], scheduled["message"]) == (
            "False",
            "Unschedulable",
            told,
        )
        (event,) = await cluster.events("FailedScheduling")
        assert (event["type"], event["message"], event["source"]["component"]) == (
            "Warning",
            told,
            "default-scheduler",
        )
        await cluster.sleep(1)
        node = await place(cluster, "big-1")
        await cluster.client.delete("Pod", "big-1", "default")
        await cluster.sleep(0.7)
        assert await place(cluster, "small") == node
        (event,) = [
            event for event in await cluster.events("Scheduled") if event["involvedObject"]["name"] == "small"
        ]
        assert event["message"] == f"Successfully assigned default/small to {node}"

    play(story)


def test_a_new_node_takes_the_pods_that_wait_after_their_time():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Pod", pod("early"))
        await cluster.sleep(0.2)
        (event,) = await cluster.events("FailedScheduling")
        assert event["message"] == "no nodes available to schedule pods"
        cluster.kubelet.nodes["node-9"] = {}
        await cluster.kubelet._register("node-9")
        await cluster.sleep(0.5)
        assert await place(cluster, "early") == "", "not before its second of back-off is over"
        await cluster.sleep(0.5)
        assert await place(cluster, "early") == "node-9"

    play(story, nodes={})


def test_no_node_gets_more_pods_than_it_can_take():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx", replicas=30))
        await cluster.sleep(3)
        nodes = [node_of(each) for each in await cluster.items("Pod")]
        assert sorted(nodes) == [""] * 13 + ["node-1"] * 10 + ["node-2"] * 7
        message = (await cluster.events("FailedScheduling"))[0]["message"]
        assert message.startswith("0/2 nodes are available: 2 Too many pods. preemption: ")

    nodes = {"node-1": {"allocatable": {"pods": "10"}}, "node-2": {"allocatable": {"pods": "7"}}}
    play(story, nodes=nodes)


def test_reasons_are_counted_by_node():
    async def story(cluster: Cluster) -> None:
        await cluster.sleep(0.5)
        await cluster.client.patch("Node", "node-2", {"spec": {"unschedulable": True}})
        await cluster.sleep(0.5)
        await cluster.client.create("Pod", pod("picky", nodeSelector={"disk": "ssd"}))
        await cluster.sleep(0.5)
        (event,) = await cluster.events("FailedScheduling")
        assert event["message"] == (
            "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
            "1 node(s) were unschedulable. preemption: 0/2 nodes are available: "
            "2 Preemption is not helpful for scheduling."
        )
        await cluster.client.patch("Node", "node-1", {"metadata": {"labels": {"disk": "ssd"}}})
        await cluster.sleep(1.5)
        assert await place(cluster, "picky") == "node-1"

    play(story)


def test_pods_of_one_set_are_spread_over_nodes_and_zones():
    async def story(cluster: Cluster) -> None:
        await cluster.sleep(0.5)
        await cluster.client.create("Deployment", deployment("nginx", replicas=6))
        await cluster.until(cluster.settled)
        nodes = sorted(node_of(each) for each in await cluster.items("Pod"))
        assert nodes == ["node-1", "node-1", "node-2", "node-2", "node-3", "node-3"]
        await cluster.client.create("Deployment", deployment("two", replicas=2))
        await cluster.until(cluster.settled)
        two = [each for each in await cluster.items("Pod") if each["metadata"]["labels"]["app"] == "two"]
        assert sorted(zones[node_of(each)] for each in two) == ["a", "b"]

    zones = {"node-1": "a", "node-2": "a", "node-3": "b"}
    play(
        story,
        nodes={name: {"labels": {"topology.kubernetes.io/zone": zone}} for name, zone in zones.items()},
    )


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment_it_neither_forgets_a_pod_nor_overcommits(seed: int, tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        dice = Random(seed)
        value = deployment("nginx", replicas=40)
        value["spec"]["template"]["spec"]["containers"] = asking("100m")
        await cluster.client.create("Deployment", value)
        for _ in range(8):
            await cluster.sleep(dice.random() * 0.05)
            await cluster.net.restart(dice.choice(["kube-scheduler", "kube-api"]))
        await cluster.sleep(30)
        nodes = [node_of(each) for each in await cluster.items("Pod")]
        assert {name: nodes.count(name) for name in set(nodes)} == {"node-1": 20, "node-2": 20}

    play(story, tmp_path, seed=seed)

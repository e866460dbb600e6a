"""Whoever is killed whenever, the cluster ends in the state that is asked for."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.protocols.kubernetes.workloads.pods import is_ready, node_of
from tests.elements.cluster_bed import Cluster, deployment, play, service, template
from tests.elements.test_kube_nodes import daemon_set

Object = dict[str, Any]

SERVERS = ("kube-api", "kube-controller-manager", "kube-controller-manager", "kube-scheduler")
SEEDS = pytest.mark.parametrize("seed", range(6))


async def kill_some(cluster: Cluster, dice: Random, times: int, pause_s: float) -> None:
    for _ in range(times):
        await cluster.sleep(dice.expovariate(1 / pause_s))
        await cluster.net.restart(dice.choice(SERVERS))


@SEEDS
def test_a_daemon_set_that_is_updated(seed: int, tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("DaemonSet", daemon_set("agent"))
        await cluster.sleep(3)
        value = template("agent")
        value["spec"]["containers"][0]["image"] = "nginx:1.28"
        await cluster.client.patch("DaemonSet", "agent", {"spec": {"template": value}}, "default")
        await kill_some(cluster, Random(seed), 8, 0.4)
        await cluster.sleep(20)
        pods = await cluster.items("Pod")
        assert sorted(map(node_of, pods)) == ["node-1", "node-2"]
        assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {"nginx:1.28"}
        assert len(await cluster.items("ControllerRevision")) == 2
        assert await cluster.settled()

    play(story, tmp_path, seed=seed)


@SEEDS
@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
def test_a_deployment_that_is_deleted(seed: int, policy: str, tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx"))
        await cluster.until(cluster.settled)
        await cluster.sleep(1)
        await cluster.client.delete("Deployment", "nginx", "default", propagation_policy=policy)
        await kill_some(cluster, Random(seed), 8, 0.02)
        await cluster.sleep(20)
        left = [len(await cluster.items(kind)) for kind in ("Deployment", "ReplicaSet", "Pod")]
        assert left == ([0, 1, 3] if policy == "Orphan" else [0, 0, 0])

    play(story, tmp_path, seed=seed)


@SEEDS
def test_a_deployment_that_is_scaled_in_the_middle_of_a_rollout(seed: int, tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        dice = Random(seed)
        await cluster.client.create("Service", service("nginx"))
        await cluster.client.create("Deployment", deployment("nginx", replicas=6))
        await cluster.until(cluster.settled)
        value = template("nginx")
        value["spec"]["containers"][0]["image"] = "nginx:1.28"
        await cluster.client.patch("Deployment", "nginx", {"spec": {"template": value}}, "default")
        for replicas in (9, 2, 12, 5):
            await kill_some(cluster, dice, 2, 0.3)
            await cluster.kubelet.insist(
                lambda replicas=replicas: cluster.client.patch(
                    "Deployment", "nginx", {"spec": {"replicas": replicas}}, "default"
                )
            )
        await cluster.sleep(20)
        pods = await cluster.items("Pod")
        assert [pod["spec"]["containers"][0]["image"] for pod in pods] == ["nginx:1.28"] * 5
        assert all(map(is_ready, pods))
        slices = await cluster.items("EndpointSlice")
        listed = [entry["targetRef"]["uid"] for each in slices for entry in each["endpoints"] or []]
        assert sorted(listed) == sorted(pod["metadata"]["uid"] for pod in pods)
        (old,) = await cluster.items("Endpoints")
        addresses = [each["ip"] for each in old["subsets"][0]["addresses"]]
        assert sorted(addresses) == sorted(pod["status"]["podIP"] for pod in pods)

    play(story, tmp_path, seed=seed)


@SEEDS
def test_equal_seeds_give_equal_clusters(seed: int):
    def run() -> list[Any]:
        found: list[Any] = []

        async def story(cluster: Cluster) -> None:
            await cluster.client.create("Service", service("nginx"))
            await cluster.client.create("Deployment", deployment("nginx", replicas=7))
            await cluster.until(cluster.settled)
            await cluster.client.patch("Deployment", "nginx", {"spec": {"replicas": 4}}, "default")
            await cluster.sleep(3)
            for kind in ("Deployment", "ReplicaSet", "Pod", "EndpointSlice", "Endpoints", "Event"):
                found.extend(await cluster.items(kind))

        play(story, seed=seed)
        return found

    assert run() == run()

"""A Deployment on a node: API server, controllers, scheduler and kubelet together, and any of them killed."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.element import CallFailed
from tests.elements.node_bed import Bed, Object, condition

LABELS = {"app": "web"}
EVERYBODY = ["kube-api", "kube-controller-manager", "kube-scheduler", "cni", "node-1"]


def deployment(replicas: int) -> Object:
    container = {
        "name": "nginx",
        "image": "nginx:1.27",
        "ports": [{"name": "http", "containerPort": 80}],
        "readinessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
        },
    }


def service() -> Object:
    spec = {"selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": spec,
    }


class Cluster(Bed):
    """A node with a whole control plane."""

    def __init__(self, directory: Path | None = None, seed: int = 1) -> None:
        super().__init__(directory, seed)
        self.net.add("kube-controller-manager", "kube_controller_manager", {})
        self.net.add("kube-scheduler", "kube_scheduler", {})

    async def insist(self, do: Any) -> Any:
        """As a user does: again, while the API server is away."""
        while True:
            try:
                return await do()
            except CallFailed:
                await self.sleep(0.1)

    async def change(self, spec: Object) -> None:
        await self.insist(
            lambda: self.client.patch("Deployment", "web", {"spec": spec}, "default", type="strategic")
        )

    async def pods(self) -> list[Object]:
        return (await self.insist(lambda: self.client.list("Pod", "default"))).items

    async def has(self, replicas: int) -> bool:
        """The Deployment is as it is wanted, and nothing of what it was before is left."""
        told = await self.insist(lambda: self.client.get("Deployment", "web", "default"))
        status, pods = told["status"], await self.pods()
        names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        return (
            status.get("observedGeneration") == told["metadata"]["generation"]
            and all(status.get(name, 0) == replicas for name in names)
            and len(pods) == replicas
            and all(condition(each["status"], "Ready") == "True" for each in pods)
            and await self.node_ready()
        )

    async def addresses(self) -> list[str]:
        slices = (await self.client.list("EndpointSlice", "default")).items
        endpoints = [each for slice in slices for each in slice["endpoints"] or ()]
        return sorted(each["addresses"][0] for each in endpoints if each["conditions"]["ready"])

    async def is_told(self) -> bool:
        """The Service's slices have the pods' addresses, and the CNI has given no others."""
        wanted = sorted(each["status"]["podIP"] for each in await self.pods())
        return await self.addresses() == wanted == sorted(self.plugin.given.values())

    async def kill(self, dice: Random, times: int) -> None:
        for _ in range(times):
            await self.sleep(dice.expovariate(1 / 0.05))
            victim, given = dice.choice(EVERYBODY), dict(self.plugin.given)
            await self.net.restart(victim)
            if victim == "cni":
                self.plugin.given.update(given)  # ipamd's state file


def test_a_deployment_from_its_first_pod_to_its_last():
    async def story(bed: Any) -> None:
        await bed.client.create("Service", service(), "default")
        await bed.client.create("Deployment", deployment(3), "default")
        await bed.until(lambda: bed.has(3))
        await bed.sleep(0.1)
        assert await bed.addresses() == ["10.0.10.20", "10.0.10.21", "10.0.10.22"]
        before = {each["metadata"]["name"] for each in await bed.pods()}
        await bed.change(
            {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}
        )
        await bed.until(lambda: bed.has(3))
        assert before.isdisjoint(each["metadata"]["name"] for each in await bed.pods())
        await bed.sleep(0.1)
        assert await bed.addresses() == sorted(each["status"]["podIP"] for each in await bed.pods())
        await bed.change({"replicas": 0})
        await bed.until(lambda: bed.has(0))
        assert await bed.addresses() == []
        bed.clean()

    Cluster().play(story)


def test_the_nodes_kernel_has_a_services_endpoints_and_keeps_them_without_the_api_server():
    async def story(bed: Any) -> None:
        on_node = {**service(), "spec": {**service()["spec"], "type": "NodePort"}}
        created = await bed.client.create("Service", on_node, "default")
        port = created["spec"]["ports"][0]["nodePort"]
        await bed.client.create("Deployment", deployment(3), "default")
        await bed.until(lambda: bed.has(3))

        def proxied() -> dict[str, list[str]]:
            shown = bed.net.element("node-1").kernel.inspect()["services"]
            mine = [each for each in shown if each["service"] == "default/web:http"]
            return {each["at"]: sorted(each["endpoints"]) for each in mine}

        await bed.sleep(2)
        wanted = [f"{address}:80" for address in await bed.addresses()]
        at = f"{created['spec']['clusterIP']}:80"
        assert proxied() == {at: wanted, f"*:{port}": wanted} and len(wanted) == 3
        await bed.change({"replicas": 1})
        await bed.until(lambda: bed.has(1))
        await bed.sleep(2)
        wanted = [f"{address}:80" for address in await bed.addresses()]
        assert proxied()[at] == wanted and len(wanted) == 1
        await bed.net.hosts["kube-api"].die()
        await bed.sleep(30)
        assert proxied()[at] == wanted

    Cluster().play(story)


@pytest.mark.parametrize("seed", range(10))
def test_whoever_is_killed_a_deployment_becomes_what_it_is_wanted_to_be(tmp_path: Path, seed: int):
    dice = Random(seed)

    async def story(bed: Any) -> None:
        await bed.insist(lambda: bed.client.create("Service", service(), "default"))
        await bed.insist(lambda: bed.client.create("Deployment", deployment(2), "default"))
        for replicas in (3, 1, 4, 0):
            kills = bed.net.host("tester").spawn(bed.kill(dice, 3), "kills")
            template = {"metadata": {"annotations": {"round": str(replicas)}}}
            await bed.change({"replicas": replicas, "template": template})
            await kills
            await bed.until(lambda replicas=replicas: bed.has(replicas), limit_s=400)
            await bed.until(bed.is_told)
        bed.clean()

    Cluster(tmp_path, seed).play(story)

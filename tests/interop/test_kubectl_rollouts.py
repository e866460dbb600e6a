"""kubectl's verdict on the controllers: rollouts as people do them, with real processes."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.protocols.kubernetes.timestamps import rfc3339
from actors.protocols.kubernetes.workloads.pods import is_terminating, node_of
from tests.interop.kube_world import PATIENCE_S, Cluster, cluster
from tests.tools import needs

pytestmark = [needs("kubectl"), pytest.mark.asyncio(loop_scope="module")]

WORLD = """
version: 1
url: https://packet-journey.com/
elements:
  kube-api: {kind: kube_api}
  kube-controller-manager: {kind: kube_controller_manager}
  kube-scheduler: {kind: kube_scheduler}
"""
NOW = "2026-01-01T00:00:00Z"


class Kubelets:
    """Pods that are bound are ready at the next glance; those that are to go are gone."""

    def __init__(self, running: Cluster) -> None:
        self.client = KubeClient(cast(Context, running.world), "kube-api", "system:node")
        self._addresses = iter(range(2, 250))

    async def run(self) -> None:
        for name in ("node-1", "node-2"):
            await self._register(name)
        for turn in itertools.count():
            with contextlib.suppress(CallFailed, ApiError):
                if turn % 200 == 0:
                    await self._show_life(turn)
                for pod in (await self.client.list("Pod")).items:
                    await self._look(pod)
            await asyncio.sleep(0.05)

    async def _register(self, name: str) -> None:
        room = {"cpu": "4", "memory": "8Gi", "pods": "20"}
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": NOW, "lastTransitionTime": NOW}
        await self.client.create("Node", {"metadata": {"name": name}})
        status = {"allocatable": room, "capacity": room, "conditions": [ready]}
        await self.client.patch("Node", name, {"status": status}, subresource="status")

    async def _show_life(self, turn: int) -> None:
        for name in ("node-1", "node-2"):
            condition = {"type": "Ready", "lastHeartbeatTime": rfc3339(turn)}
            status = {"conditions": [condition]}
            await self.client.patch("Node", name, {"status": status}, subresource="status", type="strategic")

    async def _look(self, pod: dict[str, Any]) -> None:
        metadata = pod["metadata"]
        name, namespace = metadata["name"], metadata["namespace"]
        if not node_of(pod):
            return
        if is_terminating(pod):
            await self.client.delete("Pod", name, namespace, grace_period_seconds=0)
        elif not pod["status"].get("podIP"):
            ready = {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": NOW}
            address = f"10.0.0.{next(self._addresses)}"
            status = {"phase": "Running", "podIP": address, "conditions": [ready]}
            await self.client.patch(
                "Pod", name, {"status": status}, namespace, subresource="status", type="strategic"
            )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kube(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path_factory.mktemp("kube"), WORLD) as running:
        kubelets = asyncio.create_task(Kubelets(running).run())
        yield running
        kubelets.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await kubelets


async def status(kube: Cluster, what: str) -> str:
    return await kube.kubectl("rollout", "status", what, f"--timeout={PATIENCE_S:.0f}s")


async def test_a_deployments_life(kube: Cluster):
    await kube.kubectl("create", "deployment", "web", "--image=nginx:1.27", "--replicas=3", "--port=80")
    assert 'deployment "web" successfully rolled out' in await status(kube, "deployment/web")
    await kube.kubectl("expose", "deployment", "web", "--port=80")
    await kube.kubectl("set", "image", "deployment/web", "nginx=nginx:1.28")
    assert 'deployment "web" successfully rolled out' in await status(kube, "deployment/web")
    history = (await kube.kubectl("rollout", "history", "deployment/web")).split()
    assert history[:2] == ["deployment.apps/web", "REVISION"] and {"1", "2"} <= set(history)
    assert "nginx:1.27" in await kube.kubectl("rollout", "history", "deployment/web", "--revision=1")
    assert "rolled back" in await kube.kubectl("rollout", "undo", "deployment/web")
    await status(kube, "deployment/web")
    image = "jsonpath={.items[*].spec.containers[0].image}"
    assert await kube.kubectl("get", "pods", "-l", "app=web", "-o", image) == " ".join(["nginx:1.27"] * 3)
    history = (await kube.kubectl("rollout", "history", "deployment/web")).split()
    assert {"2", "3"} <= set(history) and "1" not in history
    await kube.kubectl("rollout", "restart", "deployment/web")
    await status(kube, "deployment/web")
    await kube.kubectl("rollout", "pause", "deployment/web")
    await kube.kubectl("set", "image", "deployment/web", "nginx=nginx:1.29")
    assert "nginx:1.29" not in await kube.kubectl("get", "rs", "-o", "wide")
    await kube.kubectl("rollout", "resume", "deployment/web")
    await status(kube, "deployment/web")
    await kube.kubectl("scale", "deployment/web", "--replicas=5")
    await kube.kubectl(
        "wait", "deployment/web", "--for=jsonpath={.status.availableReplicas}=5", "--timeout=20s"
    )
    told = await kube.kubectl("describe", "deployment", "web")
    assert "Scaled up replica set web-" in told and "from 0 to 3" in told
    assert "MinimumReplicasAvailable" in told and "NewReplicaSetAvailable" in told
    slices = await kube.kubectl("get", "endpointslices", "-l", "kubernetes.io/service-name=web", "-o", "wide")
    assert "10.0.0." in slices
    await kube.kubectl("delete", "deployment", "web", "--cascade=foreground", "--timeout=20s")
    assert "No resources found" in (await kube.run("get", "rs,pods", "-l", "app=web")).err


async def test_a_daemon_sets_life(kube: Cluster):
    manifest = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "agent:1"}]}
"""
    await kube.kubectl("apply", "-f", "-", stdin=manifest)
    assert 'daemon set "agent" successfully rolled out' in await status(kube, "ds/agent")
    await kube.kubectl("apply", "-f", "-", stdin=manifest.replace("agent:1", "agent:2"))
    assert 'daemon set "agent" successfully rolled out' in await status(kube, "ds/agent")
    assert "agent:1" in await kube.kubectl("rollout", "history", "ds/agent", "--revision=1")
    assert "rolled back" in await kube.kubectl("rollout", "undo", "ds/agent")
    assert 'daemon set "agent" successfully rolled out' in await status(kube, "ds/agent")
    image = "jsonpath={.items[*].spec.containers[0].image}"
    assert await kube.kubectl("get", "pods", "-l", "app=agent", "-o", image) == "agent:1 agent:1"
    nodes = "jsonpath={.items[*].spec.nodeName}"
    assert set((await kube.kubectl("get", "pods", "-l", "app=agent", "-o", nodes)).split()) == {
        "node-1",
        "node-2",
    }


async def test_why_a_pod_waits(kube: Cluster):
    await kube.kubectl(
        "run", "greedy", "--image=nginx", '--overrides={"spec":{"nodeSelector":{"disk":"ssd"}}}'
    )
    await kube.kubectl("wait", "pod/greedy", "--for=condition=PodScheduled=False", "--timeout=20s")
    told = await kube.kubectl("describe", "pod", "greedy")
    assert "FailedScheduling" in told
    assert "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector." in told
    await kube.kubectl("label", "node", "node-2", "disk=ssd")
    await kube.kubectl("wait", "pod/greedy", "--for=condition=Ready", "--timeout=20s")
    assert "Successfully assigned default/greedy to node-2" in await kube.kubectl("describe", "pod", "greedy")
    await kube.kubectl("drain", "node-2", "--force", "--ignore-daemonsets", "--timeout=20s")
    assert "SchedulingDisabled" in await kube.kubectl("get", "node", "node-2")
    await kube.kubectl("uncordon", "node-2")

"""A cluster on the virtual clock: API server, controllers, scheduler, and a make-believe kubelet for all nodes."""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from actors.element import CallFailed, Context, Element
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.parts.kubernetes.informer import Informer
from actors.protocols.kubernetes.timestamps import rfc3339, rfc3339_micro
from actors.protocols.kubernetes.workloads.pods import is_terminating, node_of
from actors.runtime.virtual import VirtualNetwork
from actors.units import SECOND

Object = dict[str, Any]

RENEW_S = 10.0
RETRY_S = 0.1


class FakeKubelet(Element):
    """The kubelets of all nodes: pods that are bound run, and are ready, after a while; those that go are gone soon."""

    def __init__(self, context: Context, nodes: dict[str, Object]) -> None:
        super().__init__(None, context)
        self.client = KubeClient(context, "kube-api", "system:node")
        self.nodes = nodes
        self.start_s, self.stop_s = 0.5, 0.5
        self.silent: set[str] = set()
        """Nodes that say nothing, and do nothing."""
        self.broken: Callable[[Object], bool] = lambda pod: False
        """Pods that never become ready."""
        self.pods = Informer(context, self.client, "Pod", self._on_pod)
        self.addresses = itertools.count(10)
        self._busy: set[str] = set()

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")

    async def start(self) -> None:
        self.context.spawn(self._begin(), "nodes")

    async def _begin(self) -> None:
        for name in self.nodes:
            await self.insist(lambda name=name: self._register(name))
        self.pods.start()
        while True:
            await self.context.sleep(RENEW_S)
            for name in self.nodes:
                if name not in self.silent:
                    await self.insist(lambda name=name: self._renew(name))

    async def insist(self, work: Callable[[], Awaitable[Any]]) -> None:
        while True:
            try:
                await work()
            except CallFailed:
                await self.context.sleep(RETRY_S)
            except ApiError as error:
                if error.code not in (404, 409):
                    raise
                return
            else:
                return

    def now(self) -> str:
        return rfc3339(self.context.unix_ns() / SECOND)

    async def _register(self, name: str) -> None:
        given = self.nodes[name]
        labels = {"kubernetes.io/hostname": name, **given.get("labels", {})}
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": given.get("spec", {}),
        }
        try:
            await self.client.create("Node", node)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        allocatable = {"cpu": "2", "memory": "4Gi", "pods": "110", **given.get("allocatable", {})}
        status = {"capacity": allocatable, "allocatable": allocatable, "conditions": [self._ready()]}
        await self.client.patch("Node", name, {"status": status}, subresource="status")
        await self._renew(name)

    def _ready(self) -> Object:
        now = self.now()
        return {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }

    async def _renew(self, name: str) -> None:
        now = rfc3339_micro(self.context.unix_ns() / SECOND)
        spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now}
        lease = {"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": spec}
        node = await self.client.get("Node", name)
        ready = next((each for each in node["status"]["conditions"] if each["type"] == "Ready"), None)
        if ready is None or ready["status"] != "True":
            await self.client.patch(
                "Node",
                name,
                {"status": {"conditions": [self._ready()]}},
                subresource="status",
                type="strategic",
            )
        try:
            await self.client.create(
                "Lease", {**lease, "apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
            )
        except ApiError:
            await self.client.patch("Lease", name, {"spec": spec}, "kube-node-lease")

    def _on_pod(self, before: Object | None, now: Object | None) -> None:
        if now is None or node_of(now) not in self.nodes or node_of(now) in self.silent:
            return
        uid = now["metadata"]["uid"]
        if is_terminating(now):
            self._once(f"{uid} stop", self._stop(now))
        elif not now["status"].get("podIP"):
            self._once(f"{uid} start", self._run(now))

    def _once(self, what: str, work: Any) -> None:
        if what in self._busy:
            work.close()
            return
        self._busy.add(what)
        self.context.spawn(work, what)

    async def _run(self, pod: Object) -> None:
        await self.context.sleep(self.start_s)
        metadata = pod["metadata"]
        ready, now = not self.broken(pod), self.now()
        condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": now}
        number = next(self.addresses)
        status = {
            "phase": "Running",
            "podIP": f"10.0.{number // 250}.{number % 250}",
            "conditions": [{**condition, "lastProbeTime": None}],
        }
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        await self.insist(
            lambda: self.client.patch(
                "Pod",
                metadata["name"],
                patch,
                metadata["namespace"],
                subresource="status",
                type="strategic",
            )
        )

    async def _stop(self, pod: Object) -> None:
        await self.context.sleep(self.stop_s)
        metadata = pod["metadata"]
        await self.insist(
            lambda: self.client.delete(
                "Pod", metadata["name"], metadata["namespace"], uid=metadata["uid"], grace_period_seconds=0
            )
        )


TWO_NODES: dict[str, Object] = {
    "node-1": {"labels": {"topology.kubernetes.io/zone": "eu-west-1a"}},
    "node-2": {"labels": {"topology.kubernetes.io/zone": "eu-west-1b"}},
}


class Cluster:
    """The whole, and somebody who asks."""

    def __init__(
        self,
        directory: Path | None = None,
        nodes: dict[str, Object] | None = None,
        seed: int = 1,
        **config: Any,
    ) -> None:
        self.net = VirtualNetwork(seed=seed, directory=directory)
        self.net.add("kube-api", "kube_api", config)
        self.net.add("kube-controller-manager", "kube_controller_manager", {})
        self.net.add("kube-scheduler", "kube_scheduler", {})
        chosen = dict(TWO_NODES if nodes is None else nodes)
        self.net.add_element("kubelet", lambda context: FakeKubelet(context, chosen))

    @property
    def kubelet(self) -> FakeKubelet:
        element = self.net.element("kubelet")
        assert isinstance(element, FakeKubelet)
        return element

    @property
    def client(self) -> KubeClient:
        return self.kubelet.client

    async def sleep(self, seconds: float) -> None:
        await self.net.host("kubelet").sleep(seconds)

    async def until(self, true: Callable[[], Awaitable[bool]], limit_s: float = 120) -> float:
        """Wait until something is so; returns how long it took."""
        begun_ns = self.net.loop.now_ns
        while not await true():
            waited = (self.net.loop.now_ns - begun_ns) / SECOND
            assert waited < limit_s, "it never came to that"
            await self.sleep(0.1)
        return (self.net.loop.now_ns - begun_ns) / SECOND

    async def items(self, kind: str, namespace: str | None = "default") -> list[Object]:
        return (await self.client.list(kind, namespace)).items

    async def settled(self) -> bool:
        return bool(await self.net.host("kubelet").call("kube-api", "settled"))

    async def events(self, reason: str) -> list[Object]:
        return [event for event in await self.items("Event", None) if event["reason"] == reason]


def play(story: Callable[[Cluster], Awaitable[None]], directory: Path | None = None, **given: Any) -> Cluster:
    cluster = Cluster(directory, **given)
    cluster.net.run(story(cluster))  # type: ignore[arg-type]
    return cluster


def template(name: str, **spec: Any) -> Object:
    container = {"name": "nginx", "image": "nginx:1.27", "ports": [{"name": "http", "containerPort": 80}]}
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **spec}}


def deployment(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name),
            **spec,
        },
    }


def service(name: str, **spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }

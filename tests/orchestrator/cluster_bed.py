"""A running world with a real API server, as a command in another terminal sees it; tests play the controllers."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from actors.runtime.virtual import VirtualNetwork
from orchestrator.kubernetes.cluster import Cluster

Object = dict[str, Any]
IMAGE = {"name": "nginx", "image": "nginx:1.27"}


class ClusterClient:
    """Answers `ps`, and `call` for the API server; its run directory is `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.net = VirtualNetwork(seed=1)
        self.net.add("kube-api", "kube_api", {})
        asyncio.set_event_loop(self.net.loop)
        self.net.loop.run_until_complete(self.net.start())
        self.cluster = Cluster(self)

    def request(self, verb: str, /, **arguments: Any) -> Any:
        if verb == "ps":
            return {"elements": [{"name": "kube-api", "kind": "kube_api"}]}
        assert (verb, arguments["element"]) == ("call", "kube-api")
        host = self.net.host("kube-api")
        return self.net.loop.run_until_complete(host.answer(arguments["verb"], arguments["arguments"]))

    def close(self) -> None:
        self.net.loop.run_until_complete(self.net.stop())
        self.net._finish()

    # ---- what others do in the cluster -------------------------------------------------------------------

    def deployment(self, name: str = "nginx", replicas: int = 3) -> Object:
        labels = {"app": name}
        return self.create(
            "apps/v1",
            "Deployment",
            name,
            {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [IMAGE]}},
            },
        )

    def set_status(self, name: str = "nginx", **status: Any) -> None:
        """The deployment's, of its current generation unless that is given."""
        found = self.cluster.get("Deployment", name, "default")
        status = {"observedGeneration": found["metadata"]["generation"], **status}
        self.cluster.patch("Deployment", name, {"status": status}, "default", subresource="status")

    def create(self, version: str, kind: str, name: str, spec: Object, owner: Object | None = None) -> Object:
        metadata: Object = {"name": name, "namespace": "default", "labels": {"app": "nginx"}}
        if owner is not None:
            metadata["ownerReferences"] = [
                {
                    "apiVersion": owner["apiVersion"],
                    "kind": owner["kind"],
                    "name": owner["metadata"]["name"],
                    "uid": owner["metadata"]["uid"],
                    "controller": True,
                }
            ]
        value = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
        plural = f"{kind.lower()}s"
        root = "/api/v1" if version == "v1" else f"/apis/{version}"
        where = root if kind == "Node" else f"{root}/namespaces/default"
        if kind == "Node":
            del metadata["namespace"]
        return self.cluster.request("POST", f"{where}/{plural}", value)

    def replica_set(self, deployment: Object, replicas: int) -> Object:
        selector = {"matchLabels": {"app": "nginx"}}
        template = {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [IMAGE]}}
        spec = {"replicas": replicas, "selector": selector, "template": template}
        return self.create("apps/v1", "ReplicaSet", "nginx-5d8e6f7a1b", spec, deployment)

    def pod(self, name: str, owner: Object | None = None, node: str | None = None, **spec: Any) -> Object:
        placed = {} if node is None else {"nodeName": node}
        return self.create("v1", "Pod", name, {"containers": [IMAGE], **placed, **spec}, owner)

    def event(self, about: Object, reason: str, message: str) -> None:
        metadata = about["metadata"]
        reference = {
            "kind": about["kind"], "namespace": "default", "name": metadata["name"], "uid": metadata["uid"]
        }  # fmt: skip
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{len(message)}", "namespace": "default"},
            "involvedObject": reference,
            "type": "Warning",
            "reason": reason,
            "message": message,
            "lastTimestamp": "2026-01-01T00:00:00Z",
        }
        self.cluster.request("POST", "/api/v1/namespaces/default/events", event)

    def remove(self, pod: str) -> None:
        self.cluster.request("DELETE", f"/api/v1/namespaces/default/pods/{pod}", {"gracePeriodSeconds": 0})


class Steps:
    """Stands in for the module `time`: with each sleep the next step is taken, and a second has passed."""

    def __init__(self, *steps: Callable[[], Any]) -> None:
        self._steps = list(steps)
        self.now_s = 0.0
        self.time = SimpleNamespace(monotonic=lambda: self.now_s, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now_s += 1
        if self._steps:
            self._steps.pop(0)()

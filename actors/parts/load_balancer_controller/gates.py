"""Readiness gates: a pod counts as ready when the load balancer has found it healthy.

A gate is a condition of the pod, `target-health.elbv2.k8s.aws/<binding>`, that the controller writes. Once it is true
it stays so (docs/deploy/pod_readiness_gate.md): what becomes of a target later is the load balancer's business.
"""

from collections.abc import Mapping
from typing import Any

from actors.bounds import POD_START_S
from actors.element import Context
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.parts.load_balancer_controller.endpoints import Target, condition
from actors.protocols.kubernetes.timestamps import rfc3339, unix_s
from actors.units import SECOND

Object = dict[str, Any]

PREFIX = "target-health.elbv2.k8s.aws/"
REGISTERING: Object = {
    "State": "initial",
    "Reason": "Elb.RegistrationInProgress",
    "Description": "Target registration is in progress",
}
GONE: Object = {
    "State": "healthy",
    "Reason": "TargetGroupBindingDeleted",
    "Description": "TargetGroupBinding has been deleted",
}


def gate_of(binding: Object) -> str:
    return PREFIX + str(binding["metadata"]["name"])


def gates_of(pod: Object) -> list[str]:
    """The names of the bindings whose gates a pod has."""
    found = [each["conditionType"] for each in pod["spec"].get("readinessGates") or ()]
    return [each.removeprefix(PREFIX) for each in found if each.startswith(PREFIX)]


class Gates:
    """Writes conditions of pods. Raises `ApiError` and `CallFailed`."""

    def __init__(self, context: Context, client: KubeClient) -> None:
        self._context, self._client = context, client

    async def update(
        self, binding: Object, owners: Mapping[Target, Object], health: Mapping[Target, Object]
    ) -> bool:
        """Tell the pods how their targets are, where they want to know. Returns whether any has to wait still."""
        name, waits = binding["metadata"]["name"], False
        for target, pod in owners.items():
            if name in gates_of(pod) and not is_open(pod, binding):
                found = health.get(target, REGISTERING)
                if not found["State"]:
                    found = REGISTERING
                await self._write(pod, gate_of(binding), found)
                waits = waits or found["State"] != "healthy"
        return waits

    async def release(self, binding: Object, pods: Mapping[str, Object]) -> None:
        """The binding goes: nobody shall wait for it."""
        metadata = binding["metadata"]
        for pod in list(pods.values()):
            is_here = pod["metadata"]["namespace"] == metadata["namespace"]
            if is_here and metadata["name"] in gates_of(pod) and not is_open(pod, binding):
                await self._write(pod, gate_of(binding), GONE)

    async def _write(self, pod: Object, type_: str, health: Object) -> None:
        """One condition, of that very pod: one of the same name that has come since is not concerned."""
        now = rfc3339(self._context.unix_ns() / SECOND)
        status = "True" if health["State"] == "healthy" else "False"
        news = {"type": type_, "status": status}
        if health.get("Reason"):
            news["reason"] = health["Reason"]
        if health.get("Description"):
            news["message"] = health["Description"]
        had: Object = next(
            (each for each in pod["status"].get("conditions") or () if each["type"] == type_), {}
        )
        if {key: had.get(key) for key in ("status", "reason", "message")} == {
            key: news.get(key) for key in ("status", "reason", "message")
        }:
            return
        news["lastTransitionTime"] = (
            now if had.get("status") != status else had.get("lastTransitionTime", now)
        )
        metadata = pod["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [news]}}
        try:
            await self._client.patch(
                "Pod", metadata["name"], patch, metadata["namespace"], subresource="status", type="strategic"
            )
        except ApiError as error:
            if error.code not in (404, 409):
                raise
            return
        if status == "True":
            self._count(pod)

    def _count(self, pod: Object) -> None:
        """Seconds from the pod's creation until its gate has opened."""
        seconds = self._context.unix_ns() / SECOND - unix_s(pod["metadata"]["creationTimestamp"])
        labels = {"namespace": pod["metadata"]["namespace"]}
        histogram = self._context.metrics.histogram
        histogram("awslbc_readiness_gate_ready_seconds", buckets=POD_START_S, **labels).observe(seconds)


def is_open(pod: Object, binding: Object) -> bool:
    return condition(pod, gate_of(binding)) == "True"

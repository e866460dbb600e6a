"""What kube-state-metrics tells of pods and deployments, and how long pods take to come up.

How this works. Both follow the watches that controllers share, so a change costs the one object that has changed. The
stages of a pod's start are seen as the API server tells of them: stages that one update reports together took no time
of their own. A pod that was there before its follower began is not timed.
"""

from collections.abc import Iterator

from actors.bounds import POD_START_S
from actors.element import Context
from actors.parts.kubernetes.client import Object
from actors.parts.kubernetes.watched import Watchers
from actors.protocols.kubernetes.workloads.owners import controller_of
from actors.units import SECOND

PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
STAGES = ("schedule", "ip", "start", "ready", "target_healthy")
"""`pull` is the kubelet's to tell."""

GATE_PREFIX = "target-health.elbv2.k8s.aws"


def follow_pods(context: Context, watchers: Watchers) -> None:
    """Tell of every pod from now on."""
    pods, starts = PodStates(context), PodStarts(context, watchers)
    for listener in (pods.changed, starts.changed):
        watchers.of("Pod").listen(listener)


class PodStates:
    """`kube_pod_info`, `kube_pod_status_phase` and `kube_pod_status_ready`."""

    def __init__(self, context: Context) -> None:
        self._metrics = context.metrics
        self._told: dict[tuple[str, str], tuple[str, ...]] = {}

    def changed(self, before: Object | None, now: Object | None) -> None:
        """A pod has come, changed or gone."""
        pod = now or before
        if pod is None:
            return
        name = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        if now is None:
            self._told.pop(name, None)
            self._forget(name)
            return
        status = now.get("status") or {}
        owner = controller_of(now)
        told = (
            now["spec"].get("nodeName") or "",
            status.get("podIP") or "",
            owner["name"] if owner else "",
            status.get("phase") or "Pending",
            "true" if _condition(now, "Ready") else "false",
        )
        if self._told.get(name) != told:
            self._tell(name, self._told.get(name), told)
            self._told[name] = told

    def _forget(self, name: tuple[str, str]) -> None:
        for metric in ("kube_pod_info", "kube_pod_status_phase", "kube_pod_status_ready"):
            self._metrics.remove(metric, namespace=name[0], pod=name[1])

    def _tell(self, name: tuple[str, str], before: tuple[str, ...] | None, now: tuple[str, ...]) -> None:
        gauge, whose = self._metrics.gauge, {"namespace": name[0], "pod": name[1]}
        node, address, owner, phase, ready = now
        if before is not None and before[:3] != now[:3]:
            self._metrics.remove("kube_pod_info", **whose)
        gauge("kube_pod_info", **whose, node=node, pod_ip=address, created_by_name=owner).value = 1
        for each in PHASES:
            gauge("kube_pod_status_phase", **whose, phase=each).value = each == phase
        for condition in ("true", "false"):
            gauge("kube_pod_status_ready", **whose, condition=condition).value = condition == ready


class PodStarts:
    """`journey_kube_pod_start_duration_seconds`: how long each stage of a pod's start took, since the one before."""

    def __init__(self, context: Context, watchers: Watchers) -> None:
        self._context, self._watchers = context, watchers
        self._took = {
            stage: context.metrics.histogram(
                "journey_kube_pod_start_duration_seconds", buckets=POD_START_S, phase=stage
            )
            for stage in STAGES
        }
        self._reached: dict[str, tuple[int, int]] = {}  # by uid: how many stages, and when the last one

    def changed(self, before: Object | None, now: Object | None) -> None:
        """A pod has come, changed or gone."""
        pod = now or before
        if pod is None:
            return
        uid = pod["metadata"]["uid"]
        if now is None:
            self._reached.pop(uid, None)
        elif before is None:
            if self._watchers.of("Pod").synced and not now["spec"].get("nodeName"):
                self._reached[uid] = (0, self._context.now_ns())
        elif uid in self._reached:
            self._advance(uid, now)

    def _advance(self, uid: str, pod: Object) -> None:
        count, since_ns = self._reached[uid]
        now_ns = self._context.now_ns()
        for stage, done in list(zip(STAGES, _stages(pod), strict=False))[count:]:
            if not done:
                break
            self._took[stage].observe((now_ns - since_ns) / SECOND)
            count, since_ns = count + 1, now_ns
        if count == len(STAGES):
            del self._reached[uid]
        else:
            self._reached[uid] = (count, since_ns)


def _stages(pod: Object) -> Iterator[bool]:
    """Whether a pod has reached each stage; the last one only exists for pods with a readiness gate of the ALB's."""
    status = pod.get("status") or {}
    yield bool(pod["spec"].get("nodeName"))
    yield bool(status.get("podIP"))
    containers = status.get("containerStatuses") or ()
    yield bool(containers) and all("running" in (each.get("state") or {}) for each in containers)
    yield _condition(pod, "ContainersReady")
    gates = [each["conditionType"] for each in pod["spec"].get("readinessGates") or ()]
    ours = [gate for gate in gates if gate.startswith(GATE_PREFIX)]
    if ours:
        yield all(_condition(pod, gate) for gate in ours)


def _condition(pod: Object, kind: str) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)


class DeploymentStates:
    """`journey_kube_replicas`, and `kube_deployment_...` under kube-state-metrics' names."""

    STATES = ("desired", "current", "ready", "available", "terminating")

    def __init__(self, context: Context, watchers: Watchers) -> None:
        self._metrics, self._watchers = context.metrics, watchers
        watchers.of("Deployment").listen(self.changed)
        watchers.of("Pod").listen(self.pod_changed)
        self._terminating: dict[str, str] = {}

    def changed(self, before: Object | None, now: Object | None) -> None:
        """A deployment has come, changed or gone."""
        deployment = now or before
        if deployment is None:
            return
        namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        if now is None:
            self._metrics.remove(namespace=namespace, deployment=name)
            self._metrics.remove("journey_kube_replicas", deployment=name)
            return
        status, spec, gauge = now.get("status") or {}, now["spec"], self._metrics.gauge
        desired = spec.get("replicas", 1)
        current, ready = status.get("replicas") or 0, status.get("readyReplicas") or 0
        available = status.get("availableReplicas") or 0
        for state, value in zip(self.STATES, (desired, current, ready, available), strict=False):
            gauge("journey_kube_replicas", deployment=name, state=state).value = value
        self._tell_terminating(name)
        whose = {"namespace": namespace, "deployment": name}
        gauge("kube_deployment_spec_replicas", **whose).value = desired
        gauge("kube_deployment_status_replicas", **whose).value = current
        gauge("kube_deployment_status_replicas_ready", **whose).value = ready
        gauge("kube_deployment_status_replicas_available", **whose).value = available

    def pod_changed(self, before: Object | None, now: Object | None) -> None:
        """Pods that are being deleted are in no count of a deployment's status."""
        pod = now or before
        if pod is None:
            return
        uid = pod["metadata"]["uid"]
        known = self._terminating.get(uid)
        if now is not None and "deletionTimestamp" in now["metadata"]:
            if known is None and (deployment := self._deployment_of(now)):
                self._terminating[uid] = deployment
                self._tell_terminating(deployment)
        elif known is not None:
            del self._terminating[uid]
            self._tell_terminating(known)

    def _tell_terminating(self, deployment: str) -> None:
        if any(each["metadata"]["name"] == deployment for each in self._watchers.of("Deployment").all()):
            gauge = self._metrics.gauge("journey_kube_replicas", deployment=deployment, state="terminating")
            gauge.value = sum(name == deployment for name in self._terminating.values())

    def _deployment_of(self, pod: Object) -> str | None:
        owner = controller_of(pod)
        if owner is None or owner["kind"] != "ReplicaSet":
            return None
        name: str = owner["name"]
        return name.rpartition("-")[0] or name

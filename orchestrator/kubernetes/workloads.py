"""Deployments: how far they have come, in kubectl's words, and what holds their pods up."""

import re
from datetime import datetime
from typing import Any, NamedTuple

from orchestrator.kubernetes.cluster import Cluster, Object

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_PREFIXES = ("deployment", "deployments", "deploy", "deployment.apps", "deployments.apps")


class NotADeployment(ValueError):
    """The argument names something else."""


def deployment_name(text: str) -> str:
    """`nginx`, `deployment/nginx` or `deploy/nginx`. Raises `NotADeployment`."""
    prefix, slash, name = text.rpartition("/")
    if slash and prefix not in _PREFIXES:
        raise NotADeployment(f"{text!r} is no deployment: say nginx or deployment/nginx")
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name):
        raise NotADeployment(f"{text!r} is no name of a deployment")
    return name


def restarted(at: datetime) -> Object:
    """The change that has a deployment's pods replaced: `kubectl rollout restart` writes when."""
    template = {"metadata": {"annotations": {RESTARTED_AT: at.isoformat(timespec="seconds")}}}
    return {"spec": {"template": template}}


class Progress(NamedTuple):
    """How far a rollout has come; `failed` says that it will come no further."""

    message: str
    done: bool
    failed: bool = False


def progress(deployment: Object) -> Progress:
    """As `kubectl rollout status` tells it (k8s.io/kubectl: pkg/polymorphichelpers/rollout_status.go)."""
    name, status = deployment["metadata"]["name"], deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return Progress("Waiting for deployment spec update to be observed...", done=False)
    for condition in status.get("conditions", ()):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return Progress(f'deployment "{name}" exceeded its progress deadline', done=False, failed=True)
    replicas = deployment["spec"].get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - updated
    waiting = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < replicas:
        what = f"{updated} out of {replicas} new replicas have been updated..."
        return Progress(waiting + what, done=False)
    if old > 0:
        return Progress(f"{waiting}{old} old replicas are pending termination...", done=False)
    if available < updated:
        what = f"{available} of {updated} updated replicas are available..."
        return Progress(waiting + what, done=False)
    return Progress(f'deployment "{name}" successfully rolled out', done=True)


def ready_of(deployment: Object) -> tuple[int, int]:
    """Ready pods, and wanted ones."""
    return deployment.get("status", {}).get("readyReplicas", 0), deployment["spec"].get("replicas", 1)


def scaling(deployment: Object) -> str:
    """How far a deployment is from having as many pods as it wants."""
    (ready, wanted), there = ready_of(deployment), deployment.get("status", {}).get("replicas", 0)
    if there > wanted:
        return f"{there} pods are there, {there - wanted} too many"
    return f"{ready} of {wanted} pods are ready"


def is_scaled(deployment: Object) -> bool:
    """As many pods as wanted are there, all of them available, and no more."""
    status, replicas = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and status.get("replicas", 0) == replicas
        and status.get("availableReplicas", 0) == replicas
    )


class Pending(NamedTuple):
    """Something that is not as it should be, and why; `why` may be empty when nobody has said."""

    name: str
    state: str
    why: str

    def as_json(self) -> dict[str, Any]:
        return self._asdict()


def pending(cluster: Cluster, deployment: Object) -> list[Pending]:
    """The pods of a deployment that are not ready, each with the last warning about it, and why others are missing."""
    metadata = deployment["metadata"]
    namespace = metadata["namespace"]
    events = _latest_events(cluster.list("Event", namespace))
    sets = {
        each["metadata"]["uid"]: each
        for each in cluster.list("ReplicaSet", namespace)
        if metadata["uid"] in _owners(each)
    }
    pods = [pod for pod in cluster.list("Pod", namespace) if _owners(pod) & sets.keys()]
    waiting = [
        Pending(f"pod/{pod['metadata']['name']}", _state(pod), events.get(pod["metadata"]["uid"], ""))
        for pod in pods
        if not is_ready(pod)
    ]
    for uid, each in sets.items():
        wanted, there = each["spec"].get("replicas", 1), each.get("status", {}).get("replicas", 0)
        if there < wanted:
            name = f"replicaset/{each['metadata']['name']}"
            waiting.append(Pending(name, f"has {there} of {wanted} pods", events.get(uid, "")))
    return waiting


def is_ready(pod: Object) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod.get("status", {}).get("conditions", ())
    )


def shown_state(pod: Object) -> str:
    """In one word: `Ready`, or else as `kubectl get pods` shows it."""
    state = _state(pod)
    return "Ready" if state == "Running" and is_ready(pod) else state


def _owners(value: Object) -> set[str]:
    return {owner["uid"] for owner in value["metadata"].get("ownerReferences", ())}


def _state(pod: Object) -> str:
    """A pod's state as `kubectl get pods` shows it."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    status = pod.get("status", {})
    for container in status.get("containerStatuses", ()):
        for how in ("waiting", "terminated"):
            if reason := container.get("state", {}).get(how, {}).get("reason"):
                return str(reason)
    return str(status.get("reason") or status.get("phase", "Pending"))


def _latest_events(events: list[Object]) -> dict[str, str]:
    """The last warning about each object, by its uid."""
    latest: dict[str, str] = {}
    for event in sorted(events, key=_when):
        uid, message = event.get("involvedObject", {}).get("uid"), event.get("message", "")
        if event.get("type") != "Warning" or not uid:
            continue
        if message.startswith("Error: ") and uid in latest:
            continue  # the kubelet repeats the state's name; what it said before says more
        latest[uid] = f"{event.get('reason', '')}: {message}"
    return latest


def _when(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])

"""A deployment's replicas, its containers' preStop hook, and its restart."""

from typing import Any

from actors.units import SECOND, parse_duration
from orchestrator.config.errors import suggestion
from orchestrator.kubernetes.cluster import Object
from orchestrator.kubernetes.workloads import RESTARTED_AT
from orchestrator.settings.cluster import AsyncCluster, server_of
from orchestrator.settings.words import Calls, Changed, Target, refuse

REPLICAS, PRE_STOP = "replicas", "preStop"
KEYS = (REPLICAS, PRE_STOP)
OFF = "off"


def cluster_of(world: Calls) -> AsyncCluster:
    """Raises `RequestFailed`."""
    server = server_of(world)
    if server is None:
        raise refuse("this world has no Kubernetes API server (an element of kind kube_api)")
    return AsyncCluster(world, server)


async def change(world: Calls, target: Target, settings: dict[str, str]) -> list[Changed]:
    """Scale, or give the containers another preStop hook, which replaces the pods.

    Raises `RequestFailed`, and `ApiError` where Kubernetes refuses."""
    for key, text in settings.items():
        if (fault := complaint(key, text)) is not None:
            raise refuse(fault)
    cluster, (namespace, name) = cluster_of(world), _parts(target.name)
    found = await cluster.get("Deployment", name, namespace)
    before = _settings(found)
    changed = {key: _plain(key, text) for key, text in settings.items() if before[key] != _plain(key, text)}
    if changed:
        await cluster.patch("Deployment", name, {"spec": _spec(found, changed)}, namespace)
    return [Changed(target, key, before[key], text) for key, text in changed.items()]


async def read(world: Calls, target: Target) -> dict[str, Any]:
    """What can be set, and how many pods are ready."""
    namespace, name = _parts(target.name)
    found = await cluster_of(world).get("Deployment", name, namespace)
    ready = found.get("status", {}).get("readyReplicas", 0)
    return {"target": str(target), "ready": ready, "settings": _settings(found)}


def complaint(key: str, text: str) -> str | None:
    """What is wrong with a setting, if anything is."""
    if key == REPLICAS:
        return None if text.isdecimal() else f"{REPLICAS} is a whole number, not {text!r}"
    if key == PRE_STOP:
        try:
            _seconds(text)
        except ValueError as error:
            return f"{PRE_STOP}: {error}"
        return None
    return f"unknown key {key!r}{suggestion(key, KEYS, otherwise='a deployment has')}"


def _seconds(text: str) -> int:
    """How long a preStop hook sleeps, in whole seconds. Raises ValueError."""
    if text == OFF:
        return 0
    seconds, rest = divmod(parse_duration(text), SECOND)
    if rest or not seconds:
        raise ValueError(f"{text!r} is not in whole seconds, such as 15s, or off")
    return seconds


def _plain(key: str, text: str) -> str:
    return text if key == REPLICAS or text == OFF else f"{_seconds(text)}s"


def _settings(deployment: Object) -> dict[str, str]:
    hook = deployment["spec"]["template"]["spec"]["containers"][0].get("lifecycle", {}).get("preStop", {})
    sleep = hook.get("sleep")
    shown = f"{sleep['seconds']}s" if sleep else "another hook" if hook else OFF
    return {REPLICAS: str(deployment["spec"].get(REPLICAS, 1)), PRE_STOP: shown}


def _spec(deployment: Object, changed: dict[str, str]) -> Object:
    """The changed part of a deployment's spec, as a merge patch."""
    spec: Object = {}
    if REPLICAS in changed:
        spec[REPLICAS] = int(changed[REPLICAS])
    if PRE_STOP in changed:
        seconds = _seconds(changed[PRE_STOP])
        containers = []
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            lifecycle = {
                key: value for key, value in container.get("lifecycle", {}).items() if key != "preStop"
            }
            if seconds:
                lifecycle["preStop"] = {"sleep": {"seconds": seconds}}
            rest = {key: value for key, value in container.items() if key != "lifecycle"}
            containers.append({**rest, "lifecycle": lifecycle} if lifecycle else rest)
        spec["template"] = {"spec": {"containers": containers}}
    return spec


async def restart(world: Calls, name: str, stamp: str) -> None:
    """As `kubectl rollout restart` does it: the template gets another annotation."""
    namespace, own = _parts(name)
    change = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}
    await cluster_of(world).patch("Deployment", own, change, namespace)


def _parts(name: str) -> tuple[str, str]:
    namespace, slash, own = name.rpartition("/")
    return (namespace if slash else "default"), own

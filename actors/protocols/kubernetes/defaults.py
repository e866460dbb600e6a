"""What the API fills in where an object says nothing (k8s.io/kubernetes: pkg/apis/*/v1/defaults.go, and admission).

Amounts are brought into their canonical form too, as storing them does: `0.5` of a CPU is read back as `500m`.
"""

from collections.abc import Callable
from typing import Any

from actors.protocols.kubernetes.quantity import canonical

Object = dict[str, Any]

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
TOLERATION_SECONDS = 300
"""How long pods stay on a node that is away, unless they say otherwise (admission: DefaultTolerationSeconds)."""


def set_defaults(kind: str, value: Object) -> None:
    """Fill in an object of that kind, in place."""
    setter = _DEFAULTS.get(kind)
    if setter is not None:
        setter(value)


def _fill(value: Object, **defaults: Any) -> None:
    for name, default in defaults.items():
        if value.get(name) is None:
            value[name] = default


def _part(value: Object, name: str) -> Object:
    """A part of an object that is itself an object; made if it is not there."""
    part = value.get(name)
    if part is None:
        part = value[name] = {}
    return part if isinstance(part, dict) else {}


def _each(value: Object, name: str) -> list[Object]:
    items = value.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _pod(value: Object) -> None:
    spec = _part(value, "spec")
    _pod_spec(spec)
    _fill(spec, serviceAccountName="default")
    _fill(spec, serviceAccount=spec["serviceAccountName"], enableServiceLinks=True)
    _fill(spec, preemptionPolicy="PreemptLowerPriority", priority=0)
    _tolerations(spec)
    _fill(_part(value, "status"), phase="Pending", qosClass=quality_of_service(spec))


def quality_of_service(spec: Object) -> str:
    """Guaranteed if all containers have equal requests and limits of CPU and memory, BestEffort if they have none."""
    parts = [
        _part_if(each, "resources") for name in ("containers", "initContainers") for each in _each(spec, name)
    ]
    amounts = [(_part_if(each, "requests"), _part_if(each, "limits")) for each in parts]
    if not any(requests or limits for requests, limits in amounts):
        return "BestEffort"
    same = all(
        limits.get(name) is not None and requests.get(name) == limits[name]
        for requests, limits in amounts
        for name in ("cpu", "memory")
    )
    return "Guaranteed" if same else "Burstable"


def _pod_spec(spec: Object) -> None:
    _fill(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        terminationGracePeriodSeconds=30,
        securityContext={},
    )
    for name in ("containers", "initContainers", "ephemeralContainers"):
        for container in _each(spec, name):
            _container(container, of_host=bool(spec.get("hostNetwork")))
    for volume in _each(spec, "volumes"):
        _volume(volume)
    if isinstance(spec.get("overhead"), dict):
        _amounts(spec["overhead"])


def _template(spec: Object) -> None:
    """A pod template: what depends on the pod itself (service account, tolerations) is left to the pod."""
    template = _part(spec, "template")
    of_pod = _part(template, "spec")
    _pod_spec(of_pod)
    if isinstance(of_pod.get("serviceAccountName"), str):
        _fill(of_pod, serviceAccount=of_pod["serviceAccountName"])


def _container(container: Object, *, of_host: bool) -> None:
    image = container.get("image")
    _fill(
        container,
        imagePullPolicy="Always" if isinstance(image, str) and _is_latest(image) else "IfNotPresent",
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        resources={},
    )
    for port in _each(container, "ports"):
        _fill(port, protocol="TCP")
        if of_host and port.get("containerPort") is not None:
            _fill(port, hostPort=port["containerPort"])
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(name), dict):
            _probe(container[name])
    for hook in _part_if(container, "lifecycle").values():
        _http_get(hook)
    for variable in _each(container, "env"):
        reference = _part_if(_part_if(variable, "valueFrom"), "fieldRef")
        if reference:
            _fill(reference, apiVersion="v1")
    _resources(container["resources"])


def _part_if(value: Object, name: str) -> Object:
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def _is_latest(image: str) -> bool:
    """Whether an image names the tag `latest`, or neither a tag nor a digest."""
    if "@" in image:
        return False
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag in ("", "latest")


def _probe(probe: Object) -> None:
    _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    for name, least in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if probe[name] == 0:
            probe[name] = least
    _http_get(probe)
    if isinstance(probe.get("grpc"), dict):
        _fill(probe["grpc"], service="")


def _http_get(handler: Any) -> None:
    if isinstance(handler, dict) and isinstance(handler.get("httpGet"), dict):
        _fill(handler["httpGet"], path="/", scheme="HTTP")


def _resources(resources: Any) -> None:
    if not isinstance(resources, dict):
        return
    limits, requests = resources.get("limits"), resources.get("requests")
    for amounts in (limits, requests):
        if isinstance(amounts, dict):
            _amounts(amounts)
    if isinstance(limits, dict) and limits:
        resources["requests"] = {**limits, **(requests or {})}


def _amounts(amounts: Object) -> None:
    for name, amount in amounts.items():
        try:
            amounts[name] = canonical(amount)
        except (ValueError, TypeError):
            pass  # validation says what is wrong with it


_MODE = 0o644


def _volume(volume: Object) -> None:
    for name in ("secret", "configMap", "downwardAPI", "projected"):
        if isinstance(volume.get(name), dict):
            _fill(volume[name], defaultMode=_MODE)
    if isinstance(volume.get("hostPath"), dict):
        _fill(volume["hostPath"], type="")
    if set(volume) <= {"name"}:
        volume["emptyDir"] = {}


def _tolerations(spec: Object) -> None:
    if not isinstance(spec.setdefault("tolerations", []), list):
        return
    for key in (NOT_READY, UNREACHABLE):
        if not any(_tolerates(each, key) for each in spec["tolerations"]):
            spec["tolerations"] = [
                *spec["tolerations"],
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": TOLERATION_SECONDS,
                },
            ]


def _tolerates(toleration: Any, key: str) -> bool:
    if not isinstance(toleration, dict):
        return False
    return toleration.get("key") in (key, None, "") and toleration.get("effect") in ("NoExecute", None, "")


def _deployment(value: Object) -> None:
    spec = _part(value, "spec")
    _fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = _part(spec, "strategy")
    _fill(strategy, type="RollingUpdate")
    if strategy.get("type") == "RollingUpdate":
        _fill(_part(strategy, "rollingUpdate"), maxUnavailable="25%", maxSurge="25%")
    _template(spec)


def _replica_set(value: Object) -> None:
    spec = _part(value, "spec")
    _fill(spec, replicas=1)
    _template(spec)


def _daemon_set(value: Object) -> None:
    spec = _part(value, "spec")
    _fill(spec, revisionHistoryLimit=10)
    strategy = _part(spec, "updateStrategy")
    _fill(strategy, type="RollingUpdate")
    if strategy.get("type") == "RollingUpdate":
        _fill(_part(strategy, "rollingUpdate"), maxUnavailable=1, maxSurge=0)
    _template(spec)


def _service(value: Object) -> None:
    spec = _part(value, "spec")
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    kind = spec["type"]
    for port in _each(spec, "ports"):
        _fill(port, protocol="TCP")
        if (
            kind != "ExternalName"
            and port.get("port") is not None
            and port.get("targetPort") in (None, 0, "")
        ):
            port["targetPort"] = port["port"]
    if spec["sessionAffinity"] == "ClientIP":
        _fill(_part(_part(spec, "sessionAffinityConfig"), "clientIP"), timeoutSeconds=10_800)
    if kind == "ExternalName":
        return
    _fill(spec, internalTrafficPolicy="Cluster", ipFamilyPolicy="SingleStack", ipFamilies=["IPv4"])
    if kind in ("NodePort", "LoadBalancer"):
        _fill(spec, externalTrafficPolicy="Cluster")
    if kind == "LoadBalancer":
        _fill(spec, allocateLoadBalancerNodePorts=True)
    _fill(_part(value, "status"), loadBalancer={})


def _ingress(value: Object) -> None:
    _part(value, "spec")
    _fill(_part(value, "status"), loadBalancer={})


def _ingress_class(value: Object) -> None:
    parameters = _part_if(_part_if(value, "spec"), "parameters")
    if parameters:
        _fill(parameters, scope="Cluster")


def _namespace(value: Object) -> None:
    metadata = _part(value, "metadata")
    if metadata.get("name"):
        _part(metadata, "labels")["kubernetes.io/metadata.name"] = metadata["name"]
    spec = _part(value, "spec")
    _fill(spec, finalizers=["kubernetes"])
    _fill(_part(value, "status"), phase="Active")


def _node(value: Object) -> None:
    _part(value, "spec")
    status = _part(value, "status")
    for name in ("capacity", "allocatable"):
        if isinstance(status.get(name), dict):
            _amounts(status[name])
    if isinstance(status.get("capacity"), dict):
        _fill(status, allocatable=dict(status["capacity"]))


def _event(value: Object) -> None:
    _fill(value, reportingComponent=_part_if(value, "source").get("component", ""), reportingInstance="")


def _endpoints(value: Object) -> None:
    for subset in _each(value, "subsets"):
        for port in _each(subset, "ports"):
            _fill(port, protocol="TCP")


def _endpoint_slice(value: Object) -> None:
    for port in _each(value, "ports"):
        _fill(port, name="", protocol="TCP")


def _target_group_binding(value: Object) -> None:
    """The controller's webhook (webhooks/elbv2/targetgroupbinding_mutator.go): the type is asked of AWS; ip is ours."""
    spec = _part_if(value, "spec")
    if spec:
        _fill(spec, targetType="ip", ipAddressType="ipv4")


_DEFAULTS: dict[str, Callable[[Object], None]] = {
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "EndpointSlice": _endpoint_slice,
    "Endpoints": _endpoints,
    "Event": _event,
    "Ingress": _ingress,
    "IngressClass": _ingress_class,
    "Namespace": _namespace,
    "Node": _node,
    "Pod": _pod,
    "ReplicaSet": _replica_set,
    "Service": _service,
    "TargetGroupBinding": _target_group_binding,
}

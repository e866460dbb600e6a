"""What `kubectl get` shows."""

from typing import Any

import pytest

from actors.protocols.kubernetes.resources import RESOURCES
from actors.protocols.kubernetes.tables import table
from actors.protocols.kubernetes.timestamps import human_duration, is_rfc3339, rfc3339, rfc3339_micro, unix_s

Object = dict[str, Any]
MADE = "2026-01-01T00:00:00Z"
NOW = unix_s(MADE) + 150


def row(kind: str, value: Object) -> list[Any]:
    metadata = {"name": "x", "creationTimestamp": MADE, **value.get("metadata", {})}
    shown = table(kind, [{**value, "metadata": metadata}], now=NOW)
    cells: list[Any] = shown["rows"][0]["cells"]
    assert len(cells) == len(shown["columnDefinitions"])
    return cells


COLUMNS = {
    "Pod": ("Name Ready Status Restarts Age", "IP Node Nominated_Node Readiness_Gates"),
    "Deployment": ("Name Ready Up-to-date Available Age", "Containers Images Selector"),
    "ReplicaSet": ("Name Desired Current Ready Age", "Containers Images Selector"),
    "DaemonSet": (
        "Name Desired Current Ready Up-to-date Available Node_Selector Age",
        "Containers Images Selector",
    ),
    "ControllerRevision": ("Name Controller Revision Age", ""),
    "Service": ("Name Type Cluster-IP External-IP Port(s) Age", "Selector"),
    "Node": (
        "Name Status Roles Age Version",
        "Internal-IP External-IP OS-Image Kernel-Version Container-Runtime",
    ),
    "Ingress": ("Name Class Hosts Address Ports Age", ""),
    "IngressClass": ("Name Controller Parameters Age", ""),
    "EndpointSlice": ("Name AddressType Ports Endpoints Age", ""),
    "Endpoints": ("Name Endpoints Age", ""),
    "Namespace": ("Name Status Age", ""),
    "Event": ("Last_Seen Type Reason Object Message", "Subobject Source First_Seen Count Name"),
    "ConfigMap": ("Name Data Age", ""),
    "Lease": ("Name Holder Age", ""),
    "IngressClassParams": ("Name GROUP-NAME SCHEME IP-ADDRESS-TYPE AGE", ""),
    "TargetGroupBinding": ("Name SERVICE-NAME SERVICE-PORT TARGET-TYPE AGE", "ARN"),
}


@pytest.mark.parametrize("kind", [each.kind for each in RESOURCES])
def test_columns(kind: str) -> None:
    shown = table(kind, [], now=NOW)
    assert (shown["kind"], shown["apiVersion"], shown["rows"]) == ("Table", "meta.k8s.io/v1", [])
    for priority, expected in enumerate(COLUMNS[kind]):
        names = [each["name"] for each in shown["columnDefinitions"] if each["priority"] == priority]
        assert names == [each.replace("_", " ") for each in expected.split()]


@pytest.mark.parametrize("kind", [each.kind for each in RESOURCES])
def test_an_object_of_which_nothing_is_known_yet_has_a_row(kind: str) -> None:
    cells = row(kind, {})
    assert "x" in cells
    assert None not in cells or kind == "TargetGroupBinding"


def test_what_comes_with_a_row() -> None:
    value = {"metadata": {"name": "x"}, "status": {"phase": "Active"}}
    rows = [
        table("Namespace", [value], now=NOW, include_object=each)["rows"][0]
        for each in ("None", "Metadata", "Object")
    ]
    assert "object" not in rows[0]
    assert rows[1]["object"] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "x"},
    }
    assert rows[2]["object"] == value
    assert table("Namespace", [value], now=NOW, with_columns=False)["columnDefinitions"] == []


def pod(*states: Object, phase: str = "Running", metadata: Object | None = None, **of_status: Any) -> Object:
    statuses = [{"name": f"c{i}", "ready": "running" in each, "restartCount": 0, "state": each} for i, each in
                enumerate(states)]  # fmt: skip
    containers = [{"name": f"c{i}"} for i in range(max(len(states), 1))]
    status = {"phase": phase, "containerStatuses": statuses, **of_status}
    return {"metadata": metadata or {}, "spec": {"containers": containers}, "status": status}


RUNNING: Object = {"running": {"startedAt": MADE}}


def waiting(reason: str) -> Object:
    return {"waiting": {"reason": reason}}


def terminated(code: int, reason: str = "", **more: Any) -> Object:
    return {"terminated": {"exitCode": code, **({"reason": reason} if reason else {}), **more}}


STATUSES = [
    (pod(phase="Pending"), "0/1", "Pending"),
    (pod(waiting("ContainerCreating"), phase="Pending"), "0/1", "ContainerCreating"),
    (pod(RUNNING), "1/1", "Running"),
    (pod(RUNNING, waiting("CrashLoopBackOff")), "1/2", "CrashLoopBackOff"),
    (pod(waiting("ImagePullBackOff")), "0/1", "ImagePullBackOff"),
    (pod(terminated(0, "Completed"), phase="Succeeded"), "0/1", "Completed"),
    (pod(terminated(1, "Error"), phase="Failed"), "0/1", "Error"),
    (pod(terminated(3)), "0/1", "ExitCode:3"),
    (pod(terminated(137, signal=9)), "0/1", "Signal:9"),
    (pod(RUNNING, metadata={"deletionTimestamp": MADE}), "1/1", "Terminating"),
    (pod(RUNNING, metadata={"deletionTimestamp": MADE}, reason="NodeLost"), "1/1", "Unknown"),
    (
        pod(terminated(0, "Completed"), phase="Succeeded", metadata={"deletionTimestamp": MADE}),
        "0/1",
        "Completed",
    ),
    (pod(phase="Failed", reason="Evicted"), "0/1", "Evicted"),
    (pod(terminated(0, "Completed"), RUNNING), "1/2", "NotReady"),
    (
        pod(terminated(0, "Completed"), RUNNING, conditions=[{"type": "Ready", "status": "True"}]),
        "1/2",
        "Running",
    ),
]


@pytest.mark.parametrize(("value", "ready", "status"), STATUSES)
def test_the_status_of_a_pod(value: Object, ready: str, status: str) -> None:
    assert row("Pod", value)[1:3] == [ready, status]


def test_a_pod_that_is_initializing() -> None:
    value = pod(waiting("PodInitializing"), phase="Pending")
    value["spec"]["initContainers"] = [{"name": "a"}, {"name": "b"}]
    init = [
        {"name": "a", "restartCount": 0, "state": terminated(0, "Completed")},
        {"name": "b", "restartCount": 2, "state": RUNNING},
    ]
    value["status"]["initContainerStatuses"] = init
    assert row("Pod", value)[1:4] == ["0/1", "Init:1/2", "2"]
    init[1]["state"] = waiting("CrashLoopBackOff")
    assert row("Pod", value)[2] == "Init:CrashLoopBackOff"
    init[1]["state"] = terminated(1, "Error")
    assert row("Pod", value)[2] == "Init:Error"
    init[1]["state"] = terminated(7)
    assert row("Pod", value)[2] == "Init:ExitCode:7"
    init[1]["state"] = terminated(0)
    assert row("Pod", value)[2] == "PodInitializing"


def test_restarts_say_when() -> None:
    value = pod(RUNNING)
    value["status"]["containerStatuses"][0] |= {
        "restartCount": 3,
        "lastState": {"terminated": {"finishedAt": rfc3339(NOW - 10)}},
    }
    assert row("Pod", value)[3] == "3 (10s ago)"


def test_a_whole_pod() -> None:
    conditions = [{"type": "target-health/x", "status": "True"}]
    value = pod(RUNNING, podIPs=[{"ip": "10.0.1.2"}], conditions=conditions)
    value["spec"] |= {
        "nodeName": "node-1",
        "readinessGates": [{"conditionType": "target-health/x"}, {"conditionType": "y"}],
    }
    assert row("Pod", value) == ["x", "1/1", "Running", "0", "2m30s", "10.0.1.2", "node-1", "<none>", "1/2"]


def test_conditions_of_rows_of_pods_that_are_through() -> None:
    value = {**pod(phase="Succeeded"), "metadata": {"name": "x"}}
    assert table("Pod", [value], now=NOW)["rows"][0]["conditions"] == [
        {
            "type": "Completed",
            "status": "True",
            "reason": "Succeeded",
            "message": "The pod has completed successfully.",
        }
    ]


TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "j"}]}}
SELECTOR = {"matchLabels": {"app": "nginx", "a": "b"}}


def test_workloads() -> None:
    spec = {"replicas": 3, "selector": SELECTOR, "template": TEMPLATE}
    status = {"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2, "replicas": 4}
    assert row("Deployment", {"spec": spec, "status": status}) == [
        "x", "2/3", 1, 2, "2m30s", "a,b", "i,j", "a=b,app=nginx"
    ]  # fmt: skip
    assert row("ReplicaSet", {"spec": spec, "status": status}) == [
        "x", 3, 4, 2, "2m30s", "a,b", "i,j", "a=b,app=nginx"
    ]  # fmt: skip
    counts = {
        "desiredNumberScheduled": 2,
        "currentNumberScheduled": 1,
        "numberReady": 1,
        "numberAvailable": 1,
    }
    cells = row("DaemonSet", {"spec": spec, "status": counts})
    assert cells[:8] == ["x", 2, 1, 1, 0, 1, "<none>", "2m30s"]
    owner = {"controller": True, "kind": "DaemonSet", "apiVersion": "apps/v1", "name": "d"}
    revision = {"metadata": {"ownerReferences": [owner]}, "revision": 2}
    assert row("ControllerRevision", revision)[:3] == ["x", "daemonset.apps/d", 2]


def test_services() -> None:
    ports = [{"port": 80, "protocol": "TCP"}, {"port": 443, "nodePort": 30001, "protocol": "TCP"}]
    spec = {"type": "ClusterIP", "clusterIP": "172.20.0.10", "ports": ports, "selector": {"app": "nginx"}}
    expected = ["x", "ClusterIP", "172.20.0.10", "<none>", "80/TCP,443:30001/TCP", "2m30s", "app=nginx"]
    assert row("Service", {"spec": spec}) == expected
    assert row("Service", {"spec": {**spec, "type": "LoadBalancer"}})[3] == "<pending>"
    external = {"type": "ExternalName", "externalName": "a.b"}
    assert row("Service", {"spec": external})[2:5] == ["<none>", "a.b", "<none>"]


def test_ingresses_and_bindings() -> None:
    rules = [{"host": f"{i}.example"} for i in range(5)]
    status = {"loadBalancer": {"ingress": [{"hostname": "alb.aws"}]}}
    assert row("Ingress", {"spec": {"ingressClassName": "alb", "rules": rules}, "status": status}) == [
        "x", "alb", "0.example,1.example,2.example + 2 more...", "alb.aws", "80", "2m30s"
    ]  # fmt: skip
    assert row("Ingress", {"spec": {"tls": [{}], "rules": [{}]}})[1:5] == ["<none>", "*", "", "80, 443"]
    spec = {"serviceRef": {"name": "nginx", "port": 80}, "targetType": "ip", "targetGroupARN": "arn"}
    assert row("TargetGroupBinding", {"spec": spec}) == ["x", "nginx", "80", "ip", "arn", "2m30s"]


def test_endpoints() -> None:
    endpoints = [{"addresses": [f"10.0.0.{i}"]} for i in range(1, 6)]
    value = {"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": endpoints}
    expected = ["x", "IPv4", "80", "10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...", "2m30s"]
    assert row("EndpointSlice", value) == expected
    named = [{"name": "http"}, {}]
    assert row("EndpointSlice", {"addressType": "IPv4", "ports": named})[2] == "http,*"
    assert row("EndpointSlice", {"addressType": "IPv4"})[2:4] == ["<unset>", "<unset>"]
    subset = {"addresses": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}], "ports": [{"port": 80}]}
    assert row("Endpoints", {"subsets": [subset]})[1] == "10.0.0.1:80,10.0.0.2:80"
    assert row("Endpoints", {})[1] == "<none>"


def test_nodes() -> None:
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "nodeInfo": {"kubeletVersion": "v1.32.0-eks", "osImage": "AL2023", "kernelVersion": "6.1",
                     "containerRuntimeVersion": "c"},
        "addresses": [{"type": "InternalIP", "address": "10.0.1.1"}],
    }  # fmt: skip
    value = {"status": status, "spec": {"unschedulable": True}}
    assert row("Node", value) == [
        "x", "Ready,SchedulingDisabled", "<none>", "2m30s", "v1.32.0-eks", "10.0.1.1", "<none>", "AL2023", "6.1", "c"
    ]  # fmt: skip
    labels = {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "spot"}
    cells = row(
        "Node",
        {"metadata": {"labels": labels}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}},
    )
    assert cells[1:3] == ["NotReady", "spot,worker"]


def test_events() -> None:
    value = {
        "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"},
        "type": "Normal", "reason": "Pulled", "message": "Image pulled ", "count": 4,
        "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": MADE, "lastTimestamp": rfc3339(NOW - 5),
    }  # fmt: skip
    assert row("Event", value) == [
        "5s", "Normal", "Pulled", "pod/p", "spec.containers{c}", "kubelet, node-1", "Image pulled", "2m30s", 4, "x"
    ]  # fmt: skip
    series = {"eventTime": MADE, "series": {"count": 7, "lastObservedTime": rfc3339(NOW - 1)}}
    cells = row("Event", series)
    assert (cells[0], cells[7], cells[8]) == ("1s", "2m30s", 7)


DURATIONS = {
    -5: "<invalid>", -1: "0s", 0: "0s", 119: "119s", 120: "2m", 599: "9m59s", 600: "10m",
    179 * 60: "179m", 180 * 60: "3h", 7 * 3600 + 120: "7h2m", 8 * 3600: "8h", 47 * 3600: "47h", 48 * 3600: "2d",
    50 * 3600: "2d2h", 8 * 86400: "8d", 729 * 86400: "729d", 731 * 86400: "2y1d", 8 * 365 * 86400: "8y",
}  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), DURATIONS.items())
def test_ages(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


def test_timestamps() -> None:
    assert rfc3339(NOW) == "2026-01-01T00:02:30Z"
    assert rfc3339_micro(NOW + 0.5) == "2026-01-01T00:02:30.500000Z"
    assert unix_s("2026-01-01T01:02:30.5+01:00") == NOW + 0.5
    assert not is_rfc3339("2026-13-01T00:00:00Z")
    assert not is_rfc3339("2026-01-01")

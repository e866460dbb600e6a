"""What the API fills in."""

import copy
from typing import Any

import pytest

from actors.protocols.kubernetes.defaults import set_defaults
from actors.protocols.kubernetes.resources import RESOURCES
from actors.protocols.kubernetes.validation import validate_structure
from tests.protocols.kubernetes.objects import defaulted, deployment, pod, service

TOLERATIONS = [
    {
        "key": f"node.kubernetes.io/{what}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    for what in ("not-ready", "unreachable")
]


def test_a_pod() -> None:
    assert defaulted(pod())["spec"] == {
        "containers": [
            {
                "name": "c",
                "image": "nginx",
                "imagePullPolicy": "Always",
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "resources": {},
            }
        ],
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "tolerations": TOLERATIONS,
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:0123", "IfNotPresent"),
        ("nginx:latest@sha256:0123", "IfNotPresent"),
    ],
)
def test_when_an_image_is_pulled(image: str, policy: str) -> None:
    value = defaulted(pod(containers=[{"name": "c", "image": image}]))
    assert value["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_a_container() -> None:
    probe = {"httpGet": {"port": 80}}
    container = {
        "name": "c",
        "image": "i:1",
        "ports": [{"containerPort": 80}],
        "readinessProbe": probe,
        "livenessProbe": {"tcpSocket": {"port": 80}, "timeoutSeconds": 5},
        "lifecycle": {"preStop": {"httpGet": {"port": 80, "path": "/stop"}}},
        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": 0.25}},
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    }
    filled = defaulted(pod(containers=[container]))["spec"]["containers"][0]
    assert filled["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    timing = {"periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    http = {"port": 80, "path": "/", "scheme": "HTTP"}
    assert filled["readinessProbe"] == {"httpGet": http, "timeoutSeconds": 1, **timing}
    assert filled["livenessProbe"] == {"tcpSocket": {"port": 80}, "timeoutSeconds": 5, **timing}
    assert filled["lifecycle"]["preStop"]["httpGet"] == {"port": 80, "path": "/stop", "scheme": "HTTP"}
    assert filled["resources"] == {
        "limits": {"cpu": "500m", "memory": "1Gi"},
        "requests": {"cpu": "250m", "memory": "1Gi"},
    }
    assert filled["env"][0]["valueFrom"]["fieldRef"] == {"fieldPath": "metadata.name", "apiVersion": "v1"}


def _with_resources(**resources: Any) -> dict[str, Any]:
    return pod(containers=[{"name": "c", "image": "i", "resources": resources}])


@pytest.mark.parametrize(
    ("value", "quality"),
    [
        (pod(), "BestEffort"),
        (_with_resources(requests={"cpu": "1"}), "Burstable"),
        (_with_resources(limits={"cpu": "1"}), "Burstable"),
        (_with_resources(limits={"cpu": "1", "memory": "1Gi"}), "Guaranteed"),
        (_with_resources(limits={"cpu": "1", "memory": "1Gi"}, requests={"cpu": "500m"}), "Burstable"),
    ],
)
def test_quality_of_service(value: dict[str, Any], quality: str) -> None:
    assert defaulted(value)["status"] == {"phase": "Pending", "qosClass": quality}


def test_tolerations_that_are_there_are_left_alone() -> None:
    everything = {"operator": "Exists"}
    assert defaulted(pod(tolerations=[everything]))["spec"]["tolerations"] == [everything]
    short = {
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 5,
    }
    assert defaulted(pod(tolerations=[short]))["spec"]["tolerations"] == [short, TOLERATIONS[1]]


def test_a_deployment() -> None:
    spec = defaulted(deployment())["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    of_pod = spec["template"]["spec"]
    assert (of_pod["restartPolicy"], of_pod["terminationGracePeriodSeconds"]) == ("Always", 30)
    assert "tolerations" not in of_pod
    assert "serviceAccountName" not in of_pod
    recreate = defaulted(deployment(strategy={"type": "Recreate"}))
    assert recreate["spec"]["strategy"] == {"type": "Recreate"}


def test_a_daemon_set() -> None:
    value: dict[str, Any] = {"kind": "DaemonSet", "spec": {}}
    strategy = defaulted(value)["spec"]["updateStrategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


def test_a_service() -> None:
    assert defaulted(service())["spec"] == {
        "selector": {"app": "nginx"},
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
    }
    balancer = defaulted(service(type="LoadBalancer"))["spec"]
    assert balancer["externalTrafficPolicy"] == "Cluster"
    assert balancer["allocateLoadBalancerNodePorts"] is True
    external = defaulted(service(type="ExternalName", externalName="a.b"))["spec"]
    assert "ipFamilies" not in external


def test_a_namespace() -> None:
    value = {"kind": "Namespace", "metadata": {"name": "n"}}
    assert defaulted(value) == {
        "kind": "Namespace",
        "metadata": {"name": "n", "labels": {"kubernetes.io/metadata.name": "n"}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def test_a_node_can_give_away_what_it_has() -> None:
    value = {"kind": "Node", "status": {"capacity": {"cpu": "2000m", "memory": "8Gi"}}}
    assert defaulted(value)["status"]["allocatable"] == {"cpu": "2", "memory": "8Gi"}


@pytest.mark.parametrize("kind", [each.kind for each in RESOURCES])
def test_defaults_are_what_the_schema_allows_and_stay(kind: str) -> None:
    examples = {"Pod": pod, "Deployment": deployment, "Service": service}
    value = examples[kind]() if kind in examples else {"metadata": {"name": "x"}, "spec": {}}
    if kind in ("ConfigMap", "ControllerRevision", "EndpointSlice", "Endpoints", "Event"):
        value.pop("spec", None)
    set_defaults(kind, value)
    once = copy.deepcopy(value)
    set_defaults(kind, value)
    assert value == once
    assert validate_structure(kind, value) == ([], [])


def test_what_is_of_a_wrong_type_is_left_to_validation() -> None:
    value = pod(containers="x", tolerations="y", volumes=3)
    value["spec"]["securityContext"] = 5
    set_defaults("Pod", value)
    assert validate_structure("Pod", value).types

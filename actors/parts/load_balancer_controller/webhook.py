"""Gives new pods their readiness gates: what the API server asks about pods in labelled namespaces (pkg/inject)."""

from typing import Any

from actors.parts.load_balancer_controller.cluster import Cluster
from actors.parts.load_balancer_controller.gates import gate_of
from actors.protocols.kubernetes.selectors import match_object

Object = dict[str, Any]

LEGACY_PREFIX = "target-health.alb.ingress.k8s.aws/"


def review(request: Object, cluster: Cluster) -> Object:
    """The answer to an AdmissionReview: the pod as it may be, with a JSON patch where it gets gates."""
    review_request = request["request"]
    pod, namespace = review_request["object"], review_request["namespace"]
    has = (pod.get("spec") or {}).get("readinessGates") or []
    wanted = gates_for(pod, namespace, cluster)
    kept = [each for each in has if not each["conditionType"].startswith(LEGACY_PREFIX)]
    present = {each["conditionType"] for each in kept}
    gates = kept + [{"conditionType": gate} for gate in wanted if gate not in present]
    response: Object = {"uid": review_request["uid"], "allowed": True}
    if gates != has:
        path = "/spec/readinessGates"
        response |= {"patchType": "JSONPatch", "patch": [{"op": "add", "path": path, "value": gates}]}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def gates_for(pod: Object, namespace: str, cluster: Cluster) -> list[str]:
    """The gates of all ip bindings whose Service selects the pod now."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    found = []
    for key, binding in sorted(cluster.bindings.objects.items()):
        if not key.startswith(f"{namespace}/") or binding["spec"].get("targetType") != "ip":
            continue
        service = cluster.find_service(binding)
        selector = (service or {"spec": {}})["spec"].get("selector")
        if selector and match_object({"matchLabels": selector}, labels):
            found.append(gate_of(binding))
    return found

"""Ingresses, Services and what AWS has, for the engine."""

from typing import Any

from actors.protocols.load_balancer_controller import build as engine
from actors.protocols.load_balancer_controller.annotations import PREFIX
from actors.protocols.load_balancer_controller.groups import Class, Group, load
from actors.protocols.load_balancer_controller.model import Facts, Stack

Object = dict[str, Any]

ARN = "arn:aws:acm:eu-west-1:123456789012:certificate/"


def ingress(
    name: str = "web", rules: list[Object] | None = None, says: dict[str, str] | None = None, **spec: Any
) -> Object:
    """`says` are annotations by suffix."""
    annotations = {PREFIX + key: value for key, value in {"target-type": "ip", **(says or {})}.items()}
    metadata = {"name": name, "namespace": "default", "annotations": annotations}
    return {"metadata": metadata, "spec": {"rules": [rule()] if rules is None else rules, **spec}}


def rule(host: str = "", *paths: Object) -> Object:
    return {"host": host, "http": {"paths": list(paths or [path("/")])}}


def path(path: str, path_type: str = "Prefix", service: str = "web", port: Any = "http") -> Object:
    of_port = {"name": port} if isinstance(port, str) else {"number": port}
    return {"path": path, "pathType": path_type, "backend": {"service": {"name": service, "port": of_port}}}


def service(name: str = "web", says: dict[str, str] | None = None, **spec: Any) -> Object:
    annotations = {PREFIX + key: value for key, value in (says or {}).items()}
    ports = [
        {"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080},
        {"port": 81, "targetPort": "x"},
    ]
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "annotations": annotations}
    return {"metadata": metadata, "spec": {"ports": ports, **spec}}


def subnet(id: str, zone: str, *, free: int = 200, **tags: str) -> Object:
    listed = [{"Key": key.replace("__", "/"), "Value": value} for key, value in tags.items()]
    return {"SubnetId": id, "AvailabilityZone": zone, "AvailableIpAddressCount": free, "Tags": listed}


def public(id: str, zone: str, **more: Any) -> Object:
    made = subnet(id, zone, **more)
    made["Tags"].append({"Key": "kubernetes.io/role/elb", "Value": "1"})
    return made


def private(id: str, zone: str) -> Object:
    made = subnet(id, zone, Name=f"name-{id}")
    made["Tags"].append({"Key": "kubernetes.io/role/internal-elb", "Value": ""})
    return made


def facts(**changes: Any) -> Facts:
    known: dict[str, Any] = {
        "vpc_id": "vpc-1",
        "cluster": "demo",
        "subnets": [public("s-a", "a"), public("s-b", "b"), private("p-a", "a"), private("p-b", "b")],
        "security_groups": [{"GroupId": "sg-1", "Tags": [{"Key": "Name", "Value": "front"}]}],
        "certificates": {f"{ARN}1": ["web.example"], f"{ARN}2": ["*.example"], f"{ARN}3": ["other.org"]},
    }
    return Facts(**{**known, **changes})


def group(*ingresses: Object, id: str = "default/web", parameters: Object | None = None) -> Group:
    return load(id, ingresses, lambda each: Class(None, parameters or {}))


def build(
    *ingresses: Object,
    id: str = "default/web",
    services: list[Object] | None = None,
    parameters: Object | None = None,
    **changes: Any,
) -> Stack:
    there = [service(), service("api")] if services is None else services
    by_key = {f"default/{each['metadata']['name']}": each for each in there}
    return engine.build(group(*ingresses, id=id, parameters=parameters), by_key, facts(**changes))

"""The target group of a Service's port, as an Ingress uses it (pkg/ingress/model_build_target_group.go)."""

import re
from dataclasses import dataclass
from typing import Any

from actors.protocols.load_balancer_controller import names
from actors.protocols.load_balancer_controller.annotations import Annotations, BuildError, check
from actors.protocols.load_balancer_controller.groups import Member
from actors.protocols.load_balancer_controller.model import BACKEND, Ref, TargetGroup

Object = dict[str, Any]

DEFAULT_TARGET_TYPE = "instance"
"""`--default-target-type`."""
LABEL = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_./]*)?[A-Za-z0-9]")


@dataclass(frozen=True)
class Surroundings:
    """What every target group of a group of Ingresses has in common."""

    cluster: str
    group: str
    vpc_id: str
    tags: dict[str, str]
    has_backend_group: bool


def find_port(service: Object, port: int | str) -> Object:
    """A port of a Service by name or number. Raises `BuildError`."""
    key = "name" if isinstance(port, str) else "port"
    for each in service["spec"].get("ports") or ():
        if each.get(key) == port:
            found: Object = each
            return found
    metadata = service["metadata"]
    raise BuildError(f"unable to find port {port} on service {metadata['namespace']}/{metadata['name']}")


def build(around: Surroundings, member: Member, service: Object, port: int | str) -> TargetGroup:
    """Raises `BuildError`. What the Service says in its annotations wins over the Ingress."""
    metadata, of_ingress = service["metadata"], member.ingress["metadata"]
    check(metadata.get("annotations") or {})
    says = Annotations(metadata.get("annotations"), of_ingress.get("annotations"))
    service_port = find_port(service, port)
    target_type = _target_type(says, member.parameters)
    group_port = _port(service, service_port, target_type)
    protocol, version = _protocol(says), _version(says)
    name = names.target_group(
        around.cluster,
        around.group,
        (of_ingress["namespace"], of_ingress["name"]),
        (metadata["namespace"], metadata["name"], metadata.get("uid", "")),
        str(port),
        group_port,
        target_type,
        protocol,
        version,
    )
    parameters = {
        "Name": name,
        "Protocol": protocol,
        "ProtocolVersion": version,
        "Port": group_port,
        "TargetType": target_type,
        "IpAddressType": "ipv4",
        **_health_check(says, service, target_type, protocol, version),
    }
    return TargetGroup(
        id=f"{of_ingress['namespace']}/{of_ingress['name']}-{metadata['name']}:{port}",
        parameters=parameters,
        attributes=says.pairs("target-group-attributes"),
        tags={**says.pairs("tags"), **_parameter_tags(member), **around.tags},
        namespace=metadata["namespace"],
        binding=_binding(around, says, service, service_port, port, parameters),
    )


def _parameter_tags(member: Member) -> dict[str, str]:
    return {each["key"]: each["value"] for each in member.parameters.get("tags") or ()}


def _target_type(says: Annotations, parameters: Object) -> str:
    found = parameters.get("targetType") or says.text("target-type") or DEFAULT_TARGET_TYPE
    if found not in ("instance", "ip"):
        raise BuildError(f"unknown targetType: {found}")
    return str(found)


def _port(service: Object, service_port: Object, target_type: str) -> int:
    """It is on no data path of ip mode: each target registers its own port."""
    if target_type == "instance":
        node_port = service_port.get("nodePort")
        if service["spec"].get("type") not in ("NodePort", "LoadBalancer") or not node_port:
            raise BuildError(
                "TargetGroup port is empty. When using Instance targets, your service must be of type 'NodePort' "
                "or 'LoadBalancer'"
            )
        return int(node_port)
    target_port = service_port.get("targetPort", service_port["port"])
    return target_port if isinstance(target_port, int) else 1


def _protocol(says: Annotations) -> str:
    found = says.text("backend-protocol") or "HTTP"
    if found not in ("HTTP", "HTTPS"):
        raise BuildError(f"backend protocol must be within [HTTP, HTTPS]: {found}")
    return found


def _version(says: Annotations) -> str:
    found = says.text("backend-protocol-version") or "HTTP1"
    if found not in ("HTTP1", "HTTP2", "GRPC"):
        raise BuildError(f"backend protocol version must be within [HTTP1, HTTP2, GRPC]: {found}")
    return found


def _health_check(
    says: Annotations, service: Object, target_type: str, protocol: str, version: str
) -> Object:
    is_grpc = version == "GRPC"
    check_protocol = says.text("healthcheck-protocol") or protocol
    if check_protocol not in ("HTTP", "HTTPS"):
        raise BuildError(f"healthCheckProtocol must be within [HTTP, HTTPS]: {check_protocol}")
    codes = says.text("success-codes") or ("12" if is_grpc else "200")
    return {
        "HealthCheckEnabled": True,
        "HealthCheckProtocol": check_protocol,
        "HealthCheckPort": _health_check_port(says, service, target_type),
        "HealthCheckPath": says.text("healthcheck-path") or ("/AWS.ALB/healthcheck" if is_grpc else "/"),
        "HealthCheckIntervalSeconds": _or(says.number("healthcheck-interval-seconds"), 15),
        "HealthCheckTimeoutSeconds": _or(says.number("healthcheck-timeout-seconds"), 5),
        "HealthyThresholdCount": _or(says.number("healthy-threshold-count"), 2),
        "UnhealthyThresholdCount": _or(says.number("unhealthy-threshold-count"), 2),
        "Matcher": {"GrpcCode" if is_grpc else "HttpCode": codes},
    }


def _or(number: int | None, default: int) -> int:
    return default if number is None else number


def _health_check_port(says: Annotations, service: Object, target_type: str) -> str:
    found = says.text("healthcheck-port") or "traffic-port"
    if found == "traffic-port" or found.isdecimal():
        return found
    service_port = find_port(service, found)
    number = service_port.get("nodePort" if target_type == "instance" else "targetPort")
    if not isinstance(number, int):
        raise BuildError(
            "cannot use named healthCheckPort for IP TargetType when service's targetPort is a named port"
        )
    return str(number)


def _binding(
    around: Surroundings,
    says: Annotations,
    service: Object,
    service_port: Object,
    port: int | str,
    parameters: Object,
) -> Object:
    spec: Object = {
        "targetType": parameters["TargetType"],
        "serviceRef": {"name": service["metadata"]["name"], "port": port},
        "ipAddressType": "ipv4",
        "vpcID": around.vpc_id,
        "targetGroupProtocol": parameters["Protocol"],
    }
    if parameters["TargetType"] == "instance" and (labels := says.pairs("target-node-labels")):
        for each in (*labels.keys(), *filter(None, labels.values())):
            if not LABEL.fullmatch(each):
                raise BuildError(f"invalid target-node-labels: {each} is no label")
        spec["nodeSelector"] = {"matchLabels": labels}
    if around.has_backend_group:
        is_instance = parameters["TargetType"] == "instance"
        traffic = (
            service_port["nodePort"] if is_instance else service_port.get("targetPort", service_port["port"])
        )
        ports: list[Object] = [{"protocol": "TCP", "port": traffic}]
        checks = parameters["HealthCheckPort"]
        if checks != "traffic-port" and int(checks) != traffic:
            ports.append({"protocol": "TCP", "port": int(checks)})
        peer = {"securityGroup": {"groupID": Ref(BACKEND)}}
        spec["networking"] = {"ingress": [{"from": [peer], "ports": ports}]}
    return spec

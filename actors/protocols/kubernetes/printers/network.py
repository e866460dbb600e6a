"""The rows of services, endpoints, ingresses and target group bindings."""

from typing import Any

from actors.protocols.kubernetes.printers.common import (
    AGE,
    NAME,
    NONE,
    UNSET,
    Column,
    Object,
    Printer,
    age,
    joined,
    labels_text,
    name_of,
    spec,
    status,
    wide,
)

SHOWN = 3
"""So many endpoints, ports or hosts are shown before `+ n more...`."""


def _service(value: Object, now: float) -> list[Any]:
    of_spec = spec(value)
    kind = of_spec.get("type") or "ClusterIP"
    address = of_spec.get("clusterIP") or NONE
    ports = [_service_port(each) for each in of_spec.get("ports") or []]
    return [
        name_of(value),
        kind,
        address,
        _external(value, of_spec, kind),
        joined(ports),
        age(value, now),
        labels_text(of_spec.get("selector")),
    ]


def _service_port(port: Object) -> str:
    on_node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{on_node}/{port.get('protocol', 'TCP')}"


def _external(value: Object, of_spec: Object, kind: str) -> str:
    given = of_spec.get("externalIPs") or []
    if kind == "ExternalName":
        return of_spec.get("externalName") or NONE
    if kind != "LoadBalancer":
        return joined(given)
    balancers = _balancers(status(value))
    if given or balancers:
        return ",".join([*([",".join(balancers)] if balancers else []), *given])
    return "<pending>"


def _balancers(of_status: Object) -> list[str]:
    found = (of_status.get("loadBalancer") or {}).get("ingress") or []
    return [address for each in found if (address := each.get("ip") or each.get("hostname"))]


def _ingress(value: Object, now: float) -> list[Any]:
    of_spec = spec(value)
    ports = "80, 443" if of_spec.get("tls") else "80"
    hosts = [each["host"] for each in of_spec.get("rules") or [] if each.get("host")]
    shown = ",".join(hosts[:SHOWN]) or "*"
    if len(hosts) > SHOWN:
        shown += f" + {len(hosts) - SHOWN} more..."
    return [
        name_of(value),
        of_spec.get("ingressClassName") or NONE,
        shown,
        ",".join(_balancers(status(value))),
        ports,
        age(value, now),
    ]


def _ingress_class(value: Object, now: float) -> list[Any]:
    of_spec = spec(value)
    parameters = of_spec.get("parameters")
    shown = NONE
    if parameters:
        group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") else ""
        shown = f"{parameters.get('kind', '')}{group}/{parameters.get('name', '')}"
    return [name_of(value), of_spec.get("controller", ""), shown, age(value, now)]


def _endpoint_slice(value: Object, now: float) -> list[Any]:
    addresses = [address for each in value.get("endpoints") or [] for address in each.get("addresses") or []]
    ports = value.get("ports")
    return [
        name_of(value),
        value.get("addressType", ""),
        _slice_ports(ports) if ports else UNSET,
        _some(addresses, UNSET),
        age(value, now),
    ]


def _slice_ports(ports: list[Object]) -> str:
    return _some(
        [str(each["port"] if each.get("port") is not None else each.get("name") or "*") for each in ports],
        NONE,
    )


def _some(texts: list[str], none: str) -> str:
    if not texts:
        return none
    more = f" + {len(texts) - SHOWN} more..." if len(texts) > SHOWN else ""
    return ",".join(texts[:SHOWN]) + more


def _endpoints(value: Object, now: float) -> list[Any]:
    shown = []
    for subset in value.get("subsets") or []:
        addresses = [each["ip"] for each in subset.get("addresses") or []]
        ports = [each["port"] for each in subset.get("ports") or []]
        if ports:
            shown += [f"{address}:{port}" for port in ports for address in addresses]
        else:
            shown += addresses
    return [name_of(value), _some(shown, NONE), age(value, now)]


def _target_group_binding(value: Object, now: float) -> list[Any]:
    of_spec = spec(value)
    service = of_spec.get("serviceRef") or {}
    return [
        name_of(value),
        service.get("name"),
        None if service.get("port") is None else str(service["port"]),
        of_spec.get("targetType"),
        of_spec.get("targetGroupARN"),
        age(value, now),
    ]


SERVICE = Printer(
    (
        NAME,
        Column("Type", description="type determines how the Service is exposed."),
        Column("Cluster-IP", description="clusterIP is the IP address of the service."),
        Column(
            "External-IP", description="IP addresses that the service is reached by from outside the cluster."
        ),
        Column("Port(s)", description="The list of ports that are exposed by this service."),
        AGE,
        wide("Selector", "Route service traffic to pods with label keys and values matching this selector."),
    ),
    _service,
)
INGRESS = Printer(
    (
        NAME,
        Column(
            "Class",
            description="The name of the IngressClass resource that should be used for configuration.",
        ),
        Column(
            "Hosts", description="Hosts that incoming requests are matched against before the ingress rule"
        ),
        Column("Address", description="Address is a list containing ingress points for the load-balancer"),
        Column("Ports", description="Ports of TLS configurations that open"),
        AGE,
    ),
    _ingress,
)
INGRESS_CLASS = Printer(
    (
        NAME,
        Column("Controller", description="Controller that is responsible for handling this class"),
        Column("Parameters", description="A reference to a resource with additional parameters"),
        AGE,
    ),
    _ingress_class,
)
ENDPOINT_SLICE = Printer(
    (
        NAME,
        Column("AddressType", description="The type of address that the endpoints have"),
        Column("Ports", description="Ports that each endpoint of this slice exposes"),
        Column("Endpoints", description="Addresses of the endpoints"),
        AGE,
    ),
    _endpoint_slice,
)
ENDPOINTS = Printer(
    (NAME, Column("Endpoints", description="Addresses and ports of the endpoints"), AGE), _endpoints
)
TARGET_GROUP_BINDING = Printer(
    (
        NAME,
        Column("SERVICE-NAME", description="The Kubernetes Service's name"),
        Column("SERVICE-PORT", description="The Kubernetes Service's port"),
        Column("TARGET-TYPE", description="The AWS TargetGroup's TargetType"),
        wide("ARN", "The AWS TargetGroup's Amazon Resource Name"),
        Column("AGE", "date"),
    ),
    _target_group_binding,
)


def _ingress_class_params(value: Object, now: float) -> list[Any]:
    spec = value.get("spec") or {}
    group = (spec.get("group") or {}).get("name") or ""
    kinds = spec.get("scheme") or "", spec.get("ipAddressType") or ""
    return [name_of(value), group, *kinds, age(value, now)]


INGRESS_CLASS_PARAMS = Printer(
    (
        NAME,
        Column("GROUP-NAME", description="The Ingress Group name"),
        Column("SCHEME", description="The AWS Load Balancer scheme"),
        Column("IP-ADDRESS-TYPE", description="The AWS Load Balancer ipAddressType"),
        Column("AGE", "date"),
    ),
    _ingress_class_params,
)

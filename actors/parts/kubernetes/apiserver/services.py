"""What the API server gives a Service: its cluster address and node ports (pkg/registry/core/service/storage)."""

from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.validation.errors import FieldError, invalid
from actors.wire.addresses import Prefix, ip_bytes, ip_text
from actors.wire.malformed import Malformed

HEADLESS = "None"
_WITH_ADDRESS = ("ClusterIP", "NodePort", "LoadBalancer")
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def allocate(registry: Registry, service: Object, old: Object | None = None) -> None:
    """Fill in what the Service needs and does not name; what it names must be free. Raises `ApiError` 422."""
    spec, had = service.setdefault("spec", {}), {} if old is None else old["spec"]
    if type_of(spec) in _WITH_ADDRESS:
        _keep_address(spec, had)
        _allocate_address(registry, service)
    else:
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            spec.pop(name, None)
    if type_of(spec) in _WITH_NODE_PORTS and spec.get("allocateLoadBalancerNodePorts", True):
        _keep_node_ports(spec, had)
        _allocate_node_ports(registry, service)
    elif type_of(had) in _WITH_NODE_PORTS and type_of(spec) not in _WITH_NODE_PORTS:
        for port in spec.get("ports") or ():
            port.pop("nodePort", None)


def type_of(spec: Object) -> str:
    return str(spec.get("type", "ClusterIP")) if spec else ""


# ---- the address ---------------------------------------------------------------------------------------------


def _keep_address(spec: Object, had: Object) -> None:
    """An update that does not name the address keeps it."""
    if had.get("clusterIP") and not spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIP"], spec["clusterIPs"] = had["clusterIP"], list(had["clusterIPs"])


def _allocate_address(registry: Registry, service: Object) -> None:
    spec = service["spec"]
    given = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
    if spec.get("clusterIPs") and spec["clusterIPs"][0] != given:
        raise _refused(
            service, "spec.clusterIPs[0]", f'Invalid value: "{given}": first value must match `clusterIP`'
        )
    if given and given != HEADLESS:
        _check_address(registry, service, given)
    spec["clusterIP"] = given or _free_address(registry, service)
    spec["clusterIPs"] = [spec["clusterIP"]]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec["ipFamilies"] != ["IPv4"] or spec["ipFamilyPolicy"] == "RequireDualStack":
        words = f'Invalid value: "{",".join(spec["ipFamilies"])}": not configured on this cluster'
        raise _refused(service, "spec.ipFamilies[0]", words)


def _check_address(registry: Registry, service: Object, given: str) -> None:
    cidr = registry.limits.service_cidr
    holder = _holders(registry).get(given)
    metadata = service["metadata"]
    try:
        address = ip_bytes(given)
    except Malformed:
        words = f'Invalid value: "{given}": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
        raise _refused(service, "spec.clusterIPs[0]", words) from None
    if holder == (metadata.get("namespace"), metadata["name"]):
        return
    why = ""
    if address not in Prefix.parse(cidr):
        why = f"the provided IP ({given}) is not in the valid range. The range of valid IPs is {cidr}"
    elif holder is not None:
        why = "provided IP is already allocated"
    if why:
        words = f'Invalid value: ["{given}"]: failed to allocate IP {given}: {why}'
        raise _refused(service, "spec.clusterIPs", words)


def _holders(registry: Registry) -> dict[str, tuple[str, str]]:
    """Every cluster address that is taken, and the Service that has it."""
    return {
        value["spec"]["clusterIP"]: (value["metadata"]["namespace"], value["metadata"]["name"])
        for value in registry.store.objects("Service")
        if value["spec"].get("clusterIP")
    }


def _free_address(registry: Registry, service: Object) -> str:
    """A random address; the first ones stay free for those who name theirs (KEP-3070)."""
    prefix = Prefix.parse(registry.limits.service_cidr)
    first, size = prefix.network, (1 << (32 - prefix.length)) - 2
    reserved = min(max(16, size // 16), 256)
    taken = _holders(registry)
    if len(taken) < size:
        for low in (min(reserved, size - 1), 0):
            free = size - low
            start = registry.random.randrange(free)
            for step in range(free):
                address = ip_text((first + 1 + low + (start + step) % free).to_bytes(4))
                if address not in taken:
                    return address
    raise ApiError(500, f"Internal error occurred: failed to allocate a serviceIP: range is full ({prefix})")


# ---- node ports ----------------------------------------------------------------------------------------------


def _keep_node_ports(spec: Object, had: Object) -> None:
    before = {
        (port.get("protocol"), port.get("port")): port.get("nodePort") for port in had.get("ports") or ()
    }
    for port in spec.get("ports") or ():
        kept = before.get((port.get("protocol"), port.get("port")))
        if kept and not port.get("nodePort"):
            port["nodePort"] = kept


def _allocate_node_ports(registry: Registry, service: Object) -> None:
    low, high = registry.limits.node_ports
    taken = _taken_node_ports(registry, service)
    for index, port in enumerate(service["spec"].get("ports") or ()):
        protocol, given = port.get("protocol", "TCP"), port.get("nodePort")
        if given:
            why = ""
            if not low <= given <= high:
                why = f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
            elif (protocol, given) in taken:
                why = "provided port is already allocated"
            if why:
                raise _refused(service, f"spec.ports[{index}].nodePort", f"Invalid value: {given}: {why}")
        else:
            free = [number for number in range(low, high + 1) if (protocol, number) not in taken]
            if not free:
                raise ApiError(500, "Internal error occurred: failed to allocate a nodePort: range is full")
            port["nodePort"] = registry.random.choice(free)
        taken.add((protocol, port["nodePort"]))


def _taken_node_ports(registry: Registry, service: Object) -> set[tuple[str, int]]:
    own = (service["metadata"].get("namespace"), service["metadata"]["name"])
    return {
        (port.get("protocol", "TCP"), port["nodePort"])
        for value in registry.store.objects("Service")
        if (value["metadata"]["namespace"], value["metadata"]["name"]) != own
        for port in value["spec"].get("ports") or ()
        if port.get("nodePort")
    }


def _refused(service: Object, field: str, words: str) -> ApiError:
    return invalid("Service", service["metadata"]["name"], [FieldError(field, "FieldValueInvalid", words)])

"""What the controller calls the things that it makes: readable parts, and ten digits of a hash."""

import hashlib
import re

NAME_LIMIT = 32


def _digest(*parts: str) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:10]


def _clean(text: str, length: int) -> str:
    """Letters and digits only, and then no more than that."""
    return re.sub(r"[^A-Za-z0-9]", "", text)[:length]


def _of_group(namespace: str, name: str, digest: str) -> str:
    """`namespace` is empty for an explicit group."""
    if namespace:
        return f"k8s-{_clean(namespace, 8)}-{_clean(name, 8)}-{digest}"
    return f"k8s-{_clean(name, 17)}-{digest}"


def _split(group: str) -> tuple[str, str]:
    namespace, sign, name = group.partition("/")
    return (namespace, name) if sign else ("", namespace)


def load_balancer(cluster: str, group: str, scheme: str) -> str:
    """`group` is `namespace/ingress` or an explicit group's name (pkg/ingress/model_build_load_balancer.go)."""
    return _of_group(*_split(group), _digest(cluster, group, scheme))


def managed_security_group(cluster: str, group: str) -> str:
    """The one that lets clients in (pkg/ingress/model_build_managed_sg.go)."""
    return _of_group(*_split(group), _digest(cluster, group))


def backend_security_group(cluster: str) -> str:
    """The one that all load balancers of a cluster share (pkg/networking/backend_sg_provider.go)."""
    return f"k8s-traffic-{_clean(cluster, 232)}-{_digest(cluster)}"


def target_group(
    cluster: str,
    group: str,
    ingress: tuple[str, str],
    service: tuple[str, str, str],
    service_port: str,
    port: int,
    target_type: str,
    protocol: str,
    protocol_version: str,
) -> str:
    """`ingress` is namespace and name, `service` namespace, name and uid (pkg/ingress/model_build_target_group.go)."""
    namespace, name, uid = service
    parts = (*ingress, uid, service_port, str(port), target_type, protocol, protocol_version)
    return f"k8s-{_clean(namespace, 8)}-{_clean(name, 8)}-{_digest(cluster, group, *parts)}"

"""What every cluster has from its first start: its namespaces, and the Service by which pods find the API."""

from actors.parts.kubernetes.apiserver.creating import create
from actors.parts.kubernetes.apiserver.options import Options
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object, Target
from actors.protocols.kubernetes.resources import BY_KIND
from actors.wire.addresses import Prefix, ip_text

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


def lay_foundations(registry: Registry) -> None:
    """Make what is missing of it."""
    for name in NAMESPACES:
        _make(registry, "Namespace", None, {"metadata": {"name": name}})
    first = ip_text((Prefix.parse(registry.limits.service_cidr).network + 1).to_bytes(4))
    _make(registry, "Service", "default", _service(first))


def _make(registry: Registry, kind: str, namespace: str | None, body: Object) -> None:
    if registry.store.stored(kind, namespace or "", body["metadata"]["name"]) is None:
        create(registry, Target(BY_KIND[kind], namespace), body, Options("kube-apiserver"))


def _service(address: str) -> Object:
    labels = {"component": "apiserver", "provider": "kubernetes"}
    ports = [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 443}]
    return {
        "metadata": {"name": "kubernetes", "labels": labels},
        "spec": {"clusterIP": address, "type": "ClusterIP", "ports": ports, "sessionAffinity": "None"},
    }

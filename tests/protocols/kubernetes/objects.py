"""Objects that the tests of the Kubernetes API's machinery begin with."""

from typing import Any

from actors.protocols.kubernetes.defaults import set_defaults


def deployment(**of_spec: Any) -> dict[str, Any]:
    """A Deployment as a user writes it."""
    container = {"name": "nginx", "image": "nginx:1.27", "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "nginx"}}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "nginx", "namespace": "default", "labels": {"app": "nginx"}},
        "spec": {**spec, **of_spec},
    }


def pod(**of_spec: Any) -> dict[str, Any]:
    """A Pod as a user writes it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "nginx"}], **of_spec},
    }


def service(**of_spec: Any) -> dict[str, Any]:
    """A Service as a user writes it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "default"},
        "spec": {"selector": {"app": "nginx"}, "ports": [{"port": 80}], **of_spec},
    }


def defaulted(value: dict[str, Any]) -> dict[str, Any]:
    """The same object, filled in."""
    set_defaults(value["kind"], value)
    return value

"""The order of an Ingress's paths, and the patterns that they become (pkg/ingress/model_build_listener_rules.go)."""

from collections.abc import Iterable
from typing import Any

from actors.protocols.load_balancer_controller.annotations import BuildError

Object = dict[str, Any]


def in_order(paths: Iterable[Object]) -> list[Object]:
    """Exact paths, then prefixes from the longest to the shortest, then the others; else as they are written."""
    exact, prefix, other = list[Object](), list[Object](), list[Object]()
    for each in paths:
        {"Exact": exact, "Prefix": prefix}.get(each.get("pathType") or "", other).append(each)
    prefix.sort(key=lambda each: -len(each.get("path") or ""))
    return exact + prefix + other


def patterns(path: str, path_type: str | None) -> list[str]:
    """Raises `BuildError`."""
    if not path:
        return []
    if path_type == "Exact":
        if "*" in path or "?" in path:
            raise BuildError(f"exact path shouldn't contain wildcards: {path}")
        return [path]
    if path_type == "Prefix":
        if "*" in path or "?" in path:
            raise BuildError(f"prefix path shouldn't contain wildcards: {path}")
        if path == "/":
            return ["/*"]
        whole = path.rstrip("/")
        return [whole, f"{whole}/*"]
    return [path]

"""What every handler has at hand: the store, the clock, the dice, and the limits of the cluster."""

from typing import Any, NamedTuple

from actors.element import Context
from actors.parts.kubernetes.apiserver.errors import not_found
from actors.parts.kubernetes.apiserver.requests import Object, Target
from actors.parts.kubernetes.apiserver.store import Store
from actors.protocols.kubernetes.timestamps import rfc3339
from actors.units import SECOND


class Limits(NamedTuple):
    """Where Services get their addresses and ports from."""

    service_cidr: str = "172.20.0.0/16"
    node_ports: tuple[int, int] = (30_000, 32_767)


class Registry:
    """The store and what is needed to write to it."""

    def __init__(self, context: Context, store: Store, limits: Limits) -> None:
        self.context, self.store, self.limits = context, store, limits
        self.random = context.random

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        return self.context.unix_ns()

    def now(self, after_s: int = 0) -> str:
        """The time as the API writes it: `2026-01-01T00:00:00Z`."""
        return rfc3339(self.now_ns() // SECOND + after_s)

    def current(self, target: Target) -> Object:
        """The object that the target names. Raises `ApiError` 404."""
        value = self.store.get(target.resource.kind, *target.place)
        if value is None:
            raise not_found(target.resource, target.name or "")
        return value


def clone(value: Any) -> Any:
    """A deep copy of a JSON value."""
    if isinstance(value, dict):
        return {key: clone(item) if isinstance(item, dict | list) else item for key, item in value.items()}
    return [clone(item) if isinstance(item, dict | list) else item for item in value]

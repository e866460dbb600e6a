"""Which services there are."""

from collections.abc import Callable

from actors.parts.aws_api.plane import Plane, Service
from actors.parts.aws_api.sts import Sts
from actors.parts.aws_api.wafv2 import Wafv2

SERVICES: tuple[Callable[[Plane], Service], ...] = (Sts, Wafv2)
"""In the order in which they start: each may ask those before it."""


def make_services(plane: Plane) -> dict[str, Service]:
    made = [make(plane) for make in SERVICES]
    return {service.name: service for service in made}

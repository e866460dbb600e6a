"""Which services there are."""

from collections.abc import Callable

from actors.parts.aws_api.acm import Acm
from actors.parts.aws_api.ec2.service import Ec2
from actors.parts.aws_api.elbv2.service import Elbv2
from actors.parts.aws_api.plane import Plane, Service
from actors.parts.aws_api.route53 import Route53
from actors.parts.aws_api.sts import Sts
from actors.parts.aws_api.wafv2 import Wafv2

SERVICES: tuple[Callable[[Plane], Service], ...] = (Sts, Acm, Route53, Ec2, Elbv2, Wafv2)
"""In the order in which they start: each may ask those before it."""


def make_services(plane: Plane) -> dict[str, Service]:
    made = [make(plane) for make in SERVICES]
    return {service.name: service for service in made}

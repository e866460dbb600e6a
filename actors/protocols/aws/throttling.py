"""How many requests AWS takes: token buckets, one for each group of operations of a service.

A request takes a token; tokens come back at a steady rate, up to the bucket's size. An empty bucket refuses.
"""

from typing import NamedTuple

from actors.protocols.aws.errors import AwsError
from actors.units import SECOND


class Limit(NamedTuple):
    """A bucket: how many tokens it holds, and how many come back in a second."""

    size: int
    refill: float


_NON_MUTATING = ("Describe", "Get", "List", "Search")

_EC2_READS, _EC2_WRITES = Limit(100, 20), Limit(50, 5)
_EC2_INTERFACES = Limit(100, 5)
_EC2_OF_INTERFACES = {
    "AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface",
    "ModifyNetworkInterfaceAttribute", "UnassignPrivateIpAddresses",
}  # fmt: skip
"""EC2 developer guide, "Request throttling for the Amazon EC2 API": each action has a bucket of its own."""

_ELB_READS, _ELB_REGISTRATION, _ELB_WRITES = Limit(40, 10), Limit(20, 4), Limit(20, 3)
"""Elastic Load Balancing user guide, "Request throttling for the ELB API", for reads; for registration what the AWS
Load Balancer Controller holds itself to (`--aws-api-throttle`); for other writes AWS's figure is not known to us."""

_ROUTE53 = Limit(5, 5)
"""Route 53 developer guide, "Quotas": five requests a second for each account."""
_ACM, _STS = Limit(10, 10), Limit(600, 600)
"""ACM user guide, "Quotas" (DescribeCertificate); IAM user guide, "STS request quotas"."""


def group_of(service: str, operation: str) -> tuple[str, Limit] | None:
    """The bucket that an operation takes its token from: its name, and its limit."""
    reads = operation.startswith(_NON_MUTATING)
    match service:
        case "ec2":
            writes = _EC2_INTERFACES if operation in _EC2_OF_INTERFACES else _EC2_WRITES
            return operation, _EC2_READS if reads else writes
        case "elbv2":
            if reads:
                return "non-mutating", _ELB_READS
            if operation in ("RegisterTargets", "DeregisterTargets"):
                return "registration", _ELB_REGISTRATION
            return "mutating", _ELB_WRITES
        case "route53":
            return "all", _ROUTE53
        case "acm":
            return operation, _ACM
        case "sts":
            return "all", _STS
    return None


def refusal(service: str) -> AwsError:
    """What a service says when a bucket is empty."""
    match service:
        case "ec2":
            return AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
        case "elbv2" | "acm":
            return AwsError("ThrottlingException", "Rate exceeded")
    return AwsError("Throttling", "Rate exceeded")


class Buckets:
    """All buckets of an account in a region."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], tuple[float, int]] = {}
        """Tokens, and when they were counted."""

    def take(self, service: str, operation: str, now_ns: int) -> None:
        """Take a token. Raises `AwsError` if there is none."""
        group = group_of(service, operation)
        if group is None:
            return
        name, limit = group
        tokens, counted_ns = self._buckets.get((service, name), (float(limit.size), now_ns))
        tokens = min(limit.size, tokens + (now_ns - counted_ns) / SECOND * limit.refill)
        empty = tokens < 1
        self._buckets[service, name] = (tokens if empty else tokens - 1, now_ns)
        if empty:
            raise refusal(service)

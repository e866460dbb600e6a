"""Annotations of Ingresses and Services: read by suffix, with the controller's complaints (pkg/annotations/parser.go).

Several objects can say the same thing; the first of those given to `Annotations` that says it is heard.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

PREFIX = "alb.ingress.kubernetes.io/"
TAG_PREFIXES = ("elbv2.k8s.aws/", "ingress.k8s.aws/")
"""Tags that are the controller's own."""

# fmt: off
KNOWN = frozenset((
    "scheme", "target-type", "ip-address-type", "listen-ports", "group.name", "group.order",
    "backend-protocol", "backend-protocol-version", "healthcheck-protocol", "healthcheck-port",
    "healthcheck-path", "healthcheck-interval-seconds", "healthcheck-timeout-seconds",
    "healthy-threshold-count", "unhealthy-threshold-count", "success-codes", "target-group-attributes",
    "load-balancer-attributes", "ssl-policy", "certificate-arn", "ssl-redirect", "inbound-cidrs",
    "security-groups", "manage-backend-security-group-rules", "subnets", "load-balancer-name", "tags",
    "target-node-labels", "auth-type",
))
# fmt: on
KNOWN_FAMILIES = ("actions.", "conditions.", "transforms.", "listener-attributes.")
"""Suffixes that go on with a name."""

NOT_OFFERED = {
    "wafv2-acl-arn": "there is no AWS WAF",
    "wafv2-acl-name": "there is no AWS WAF",
    "waf-acl-id": "there is no AWS WAF",
    "web-acl-id": "there is no AWS WAF",
    "shield-advanced-protection": "there is no AWS Shield",
    "customer-owned-ipv4-pool": "there are no Outposts",
    "ipam-ipv4-pool-id": "there is no IPAM",
    "mutual-authentication": "client certificates are not verified",
    "minimum-load-balancer-capacity": "nodes have no capacity units",
    "multi-cluster-target-group": "there is one cluster",
    "jwt-validation": "the load balancer does not authenticate",
    "security-group-prefix-lists": "there are no prefix lists",
    "enable-frontend-nlb": "there are no Network Load Balancers",
    "target-control-port": "there is no target optimizer",
    "use-regex-path-match": "paths are wildcard patterns",
}
NOT_OFFERED_FAMILIES = {
    "auth-": "the load balancer does not authenticate",
    "frontend-nlb-": "there are no Network Load Balancers",
    "target-control-port.": "there is no target optimizer",
}


class BuildError(ValueError):
    """The Ingresses of a group cannot be made into a load balancer; says why, in the controller's words."""


def check(annotations: Mapping[str, str]) -> None:
    """Every annotation of the controller's prefix must be one that does something. Raises `BuildError`."""
    for key in sorted(annotations):
        if not key.startswith(PREFIX):
            continue
        suffix = key.removeprefix(PREFIX)
        if suffix in KNOWN or suffix.startswith(KNOWN_FAMILIES):
            continue
        why = NOT_OFFERED.get(suffix) or next(
            (why for family, why in NOT_OFFERED_FAMILIES.items() if suffix.startswith(family)), None
        )
        if why is None:
            raise BuildError(f"unknown annotation {key}")
        raise BuildError(f"annotation {key} is not emulated: {why}")


class Annotations:
    """What a few objects say in their annotations, the first one first."""

    def __init__(self, *maps: Mapping[str, str] | None) -> None:
        self._maps = [each for each in maps if each]

    def text(self, suffix: str) -> str | None:
        """The value as it stands, None if nobody says it."""
        key = PREFIX + suffix
        return next((each[key] for each in self._maps if key in each), None)

    def number(self, suffix: str) -> int | None:
        """Raises `BuildError` for what is no integer."""
        value = self.text(suffix)
        if value is None:
            return None
        try:
            return int(value, 10)
        except ValueError:
            raise BuildError(f"failed to parse int64 annotation, {PREFIX}{suffix}: {value}") from None

    def flag(self, suffix: str) -> bool | None:
        """Raises `BuildError` for what Go's strconv.ParseBool does not take."""
        value = self.text(suffix)
        if value is None:
            return None
        if value in ("1", "t", "T", "TRUE", "true", "True"):
            return True
        if value in ("0", "f", "F", "FALSE", "false", "False"):
            return False
        raise BuildError(f"failed to parse bool annotation, {PREFIX}{suffix}: {value}")

    def items(self, suffix: str) -> list[str] | None:
        """A comma-separated list; None if there is none or it is empty."""
        value = self.text(suffix)
        return [part.strip() for part in value.split(",") if part.strip()] if value is not None else None

    def pairs(self, suffix: str) -> dict[str, str]:
        """`k1=v1,k2=v2`. Raises `BuildError` for a part without `=` or without a key."""
        value, found = self.text(suffix), dict[str, str]()
        for part in (value or "").split(","):
            if not part.strip():
                continue
            key, sign, of_key = part.partition("=")
            if not sign or not key.strip():
                raise BuildError(f"failed to parse stringMap annotation, {PREFIX}{suffix}: {value}")
            found[key.strip()] = of_key.strip()
        return found

    def document(self, suffix: str) -> Any:
        """JSON; None if nobody says it. Raises `BuildError`."""
        value = self.text(suffix)
        if value is None:
            return None
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise BuildError(f"failed to parse json annotation, {PREFIX}{suffix}: {value}: {error}") from None

    def suffixes(self, family: str) -> Iterator[str]:
        """The suffixes that begin so, each once, in order."""
        start = PREFIX + family
        yield from sorted(
            {key.removeprefix(PREFIX) for each in self._maps for key in each if key.startswith(start)}
        )

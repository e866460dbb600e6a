"""Names that Elastic Load Balancing makes: ARNs, ids, DNS names; and how they are told from anything else.

At AWS ids are random. Here they follow from what they are for, so that two runs are alike, and the CNAME in a zone
file fits the name of a load balancer that does not exist yet.
"""

import hashlib
import re

SERVICE = "elasticloadbalancing"

HOSTED_ZONES = {
    "us-east-1": "Z35SXDOTRQ7X7K",
    "us-east-2": "Z3AADJGX6KTTL2",
    "us-west-1": "Z368ELLRRE2KJ0",
    "us-west-2": "Z1H1FL5HABSF5",
    "eu-west-1": "Z32O12XQLNTSW2",
    "eu-west-2": "ZHURV8PSTC4K8",
    "eu-central-1": "Z215JYRZR1TBD5",
    "ap-northeast-1": "Z14GRHDCWA56QT",
    "ap-southeast-1": "Z1LMS91P8CMLE5",
    "ap-southeast-2": "Z1GM3OXH4ZPM65",
}
"""Hosted zones of ALBs' names by region (AWS General Reference, Elastic Load Balancing endpoints and quotas)."""

_TAILS = {
    "load balancer": r"loadbalancer/app/[A-Za-z0-9-]+/[0-9a-f]{16}",
    "target group": r"targetgroup/[A-Za-z0-9-]+/[0-9a-f]{16}",
    "listener": r"listener/app/[A-Za-z0-9-]+/[0-9a-f]{16}/[0-9a-f]{16}",
    "listener rule": r"listener-rule/app/[A-Za-z0-9-]+/[0-9a-f]{16}/[0-9a-f]{16}/[0-9a-f]{16}",
}
_ARNS = {kind: re.compile(rf"arn:aws:{SERVICE}:[a-z0-9-]+:\d{{12}}:{tail}") for kind, tail in _TAILS.items()}


def hexadecimal(*of: str) -> str:
    """16 hex digits that always are these for the same texts."""
    return hashlib.sha256("\0".join(of).encode()).hexdigest()[:16]


def dns_name(account: str, region: str, name: str, scheme: str) -> str:
    """`<name>-<10 digits>.<region>.elb.amazonaws.com`, of an internal one with `internal-` before it."""
    digest = hashlib.sha256(f"{account}/{region}/{name}".encode()).hexdigest()
    number = 10**9 + int(digest[:16], 16) % (9 * 10**9)
    prefix = "internal-" if scheme == "internal" else ""
    return f"{prefix}{name}-{number}.{region}.elb.amazonaws.com"


def is_arn(kind: str, text: object) -> bool:
    """Whether this is an ARN of a "load balancer", "target group", "listener" or "listener rule"."""
    return isinstance(text, str) and _ARNS[kind].fullmatch(text) is not None


def kind_of(arn: object) -> str | None:
    """What kind of thing this ARN is of; None if it is of none."""
    return next((kind for kind in _ARNS if is_arn(kind, arn)), None)


def path_of(arn: str) -> str:
    """What follows the kind in an ARN: `app/<name>/<id>` of a load balancer's or of what belongs to it."""
    return arn.rsplit(":", 1)[1].split("/", 1)[1]

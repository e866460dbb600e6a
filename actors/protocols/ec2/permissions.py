"""Security group rules, as EC2 keeps them, and the IpPermissions of requests and answers.

Source: EC2 API Reference, IpPermission, SecurityGroupRule, AuthorizeSecurityGroupIngress.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Any

from actors.protocols.aws.errors import AwsError

ALL = "-1"
NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp"}
Permission = Mapping[str, Any]


@dataclass(frozen=True)
class GroupRule:
    """What is allowed, for one peer: a CIDR block, or the members of a security group.

    Ports of ICMP are its type and code; -1 is any."""

    id: str
    egress: bool
    protocol: str
    from_port: int
    to_port: int
    cidr: str | None = None
    group: str | None = None
    description: str | None = None

    def same(self, other: "GroupRule") -> bool:
        """Whether both allow the same: what it is called and how it is described make no difference."""
        return replace(self, id="", description=None) == replace(other, id="", description=None)

    def __str__(self) -> str:
        """As EC2 words it in InvalidPermission.Duplicate."""
        name = "ALL" if self.protocol == ALL else self.protocol.upper()
        ports = "" if self.protocol == ALL else f", from port: {self.from_port}, to port: {self.to_port}"
        return f"peer: {self.cidr or self.group}, {name}{ports}, ALLOW"


def rules_of(permissions: Iterable[Permission], egress: bool) -> list[GroupRule]:
    """The rules, still without ids, that IpPermissions ask for. Raises `AwsError`."""
    rules = []
    for permission in permissions:
        protocol, from_port, to_port = _ports(permission)
        for kind in ("Ipv6Ranges", "PrefixListIds"):
            if permission.get(kind):
                raise AwsError("InvalidParameterValue", f"{kind}: this VPC has neither IPv6 nor prefix lists")
        peers = [
            {"cidr": canonical(each.get("CidrIp", "")), "description": each.get("Description")}
            for each in permission.get("IpRanges", ())
        ]
        peers += [
            {"group": _group_of(each), "description": each.get("Description")}
            for each in permission.get("UserIdGroupPairs", ())
        ]
        if not peers:
            raise AwsError(
                "InvalidParameterValue",
                "Invalid value 'null' for IpPermissions: a rule needs IpRanges or UserIdGroupPairs",
            )
        rules += [GroupRule("", egress, protocol, from_port, to_port, **peer) for peer in peers]
    return rules


def canonical(cidr: str) -> str:
    """The block with its host bits clear, as EC2 keeps it; raises `AwsError`."""
    try:
        return str(IPv4Network(cidr, strict=False)) if "/" in cidr else _malformed(cidr)
    except ValueError:
        return _malformed(cidr)


def _malformed(cidr: str) -> str:
    raise AwsError("InvalidParameterValue", f"CIDR block {cidr} is malformed")


def _group_of(pair: Mapping[str, Any]) -> str:
    if not pair.get("GroupId"):
        raise AwsError("MissingParameter", "The request must contain the parameter groupId")
    return str(pair["GroupId"])


def _ports(permission: Permission) -> tuple[str, int, int]:
    protocol = str(permission.get("IpProtocol", "")).lower()
    protocol = NUMBERS.get(protocol, protocol)
    if protocol in ("", "all"):
        raise AwsError(
            "InvalidParameterValue", f"Invalid value '{protocol}' for IP protocol. Unknown protocol."
        )
    low, high = permission.get("FromPort"), permission.get("ToPort")
    if protocol in ("tcp", "udp"):
        return protocol, *_port_range(protocol, low, high)
    if protocol == "icmp":
        if low is None:
            raise AwsError(
                "InvalidParameterValue", "Invalid value 'Must specify both ICMP type and code' for portRange."
            )
        if not -1 <= low <= 255 or not -1 <= (-1 if high is None else high) <= 255:
            raise AwsError("InvalidParameterValue", f"ICMP type ({low}) or code ({high}) out of range")
        return protocol, low, -1 if high is None or low == -1 else high
    if protocol != ALL and not (protocol.isdecimal() and int(protocol) < 256):
        raise AwsError(
            "InvalidParameterValue", f"Invalid value '{protocol}' for IP protocol. Unknown protocol."
        )
    return protocol, -1, -1


def _port_range(protocol: str, low: int | None, high: int | None) -> tuple[int, int]:
    if low is None or high is None:
        raise AwsError(
            "InvalidParameterValue",
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        )
    for port in (low, high):
        if not 0 <= port <= 65535:
            raise AwsError("InvalidParameterValue", f"TCP/UDP port ({port}) out of range")
    if low > high:
        raise AwsError("InvalidParameterValue", f"Invalid {protocol.upper()} port range ({low}-{high})")
    return low, high


def permissions_of(rules: Iterable[GroupRule], account: str) -> list[dict[str, Any]]:
    """IpPermissions, as DescribeSecurityGroups shows them: rules of the same protocol and ports in one."""
    found: dict[tuple[str, int, int], dict[str, Any]] = {}
    for rule in rules:
        key = rule.protocol, rule.from_port, rule.to_port
        permission = found.get(key)
        if permission is None:
            ports = {} if rule.protocol == ALL else {"FromPort": rule.from_port, "ToPort": rule.to_port}
            lists: dict[str, list[Any]] = {
                "IpRanges": [],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
                "UserIdGroupPairs": [],
            }
            permission = found[key] = {"IpProtocol": rule.protocol, **ports, **lists}
        described = {} if rule.description is None else {"Description": rule.description}
        if rule.cidr is not None:
            permission["IpRanges"].append({"CidrIp": rule.cidr, **described})
        else:
            permission["UserIdGroupPairs"].append({"GroupId": rule.group, "UserId": account, **described})
    return list(found.values())

"""Rules of security groups: EC2's nested IpPermissions as a set of single rules, and back."""

from collections.abc import Iterable
from typing import Any, NamedTuple

Object = dict[str, Any]


class Permission(NamedTuple):
    """One rule: from a CIDR or from a security group."""

    protocol: str
    from_port: int
    to_port: int
    cidr: str = ""
    group_id: str = ""
    description: str = ""


def flat(permissions: Iterable[Object]) -> set[Permission]:
    """The single rules of IpPermissions; of ranges and groups (the world has no prefix lists and no IPv6)."""
    found = set()
    for each in permissions:
        start = str(each["IpProtocol"]), int(each.get("FromPort", -1)), int(each.get("ToPort", -1))
        for block in each.get("IpRanges") or ():
            found.add(Permission(*start, cidr=block["CidrIp"], description=block.get("Description") or ""))
        for pair in each.get("UserIdGroupPairs") or ():
            found.add(Permission(*start, group_id=pair["GroupId"], description=pair.get("Description") or ""))
    return found


def to_permissions(rules: Iterable[Permission]) -> list[Object]:
    """IpPermissions, one for each rule, in a fixed order."""
    found = []
    for rule in sorted(rules):
        permission: Object = {"IpProtocol": rule.protocol}
        if rule.protocol in ("tcp", "udp", "icmp"):
            permission |= {"FromPort": rule.from_port, "ToPort": rule.to_port}
        words = {"Description": rule.description} if rule.description else {}
        if rule.cidr:
            permission["IpRanges"] = [{"CidrIp": rule.cidr, **words}]
        else:
            permission["UserIdGroupPairs"] = [{"GroupId": rule.group_id, **words}]
        found.append(permission)
    return found

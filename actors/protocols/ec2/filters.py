"""The filters of DescribeNetworkInterfaces: a name and values, one of which must fit (`*` and `?` are wildcards)."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from actors.protocols.ec2.errors import Ec2Error

_PLAIN = {
    "network-interface-id": "NetworkInterfaceId",
    "subnet-id": "SubnetId",
    "availability-zone": "AvailabilityZone",
    "description": "Description",
    "mac-address": "MacAddress",
    "status": "Status",
    "private-ip-address": "PrivateIpAddress",
}
_ATTACHMENT = {
    "attachment.attachment-id": "AttachmentId",
    "attachment.instance-id": "InstanceId",
    "attachment.device-index": "DeviceIndex",
}


def matches(described: Mapping[str, Any], filters: Mapping[str, Sequence[str]]) -> bool:
    """Whether an interface, as it is described, fits all filters. Raises `Ec2Error` for one that there is not."""
    return all(
        any(fnmatchcase(value, pattern) for value in _values(described, name) for pattern in patterns)
        for name, patterns in filters.items()
    )


def _values(described: Mapping[str, Any], name: str) -> list[str]:
    if name in _PLAIN:
        return [str(described[_PLAIN[name]])]
    if name in _ATTACHMENT:
        attachment = described.get("Attachment", {})
        return [str(attachment[_ATTACHMENT[name]])] if _ATTACHMENT[name] in attachment else []
    if name == "group-id":
        return [group["GroupId"] for group in described["Groups"]]
    if name == "addresses.private-ip-address":
        return [each["PrivateIpAddress"] for each in described["PrivateIpAddresses"]]
    if name == "tag-key":
        return [tag["Key"] for tag in described["TagSet"]]
    if name.startswith("tag:"):
        return [tag["Value"] for tag in described["TagSet"] if tag["Key"] == name.removeprefix("tag:")]
    raise Ec2Error("InvalidParameterValue", f"The filter '{name}' is invalid")

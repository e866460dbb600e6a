"""Tags of EC2 resources: CreateTags, DeleteTags, and what comes with a request that creates something.

Source: EC2 User Guide, "Tag restrictions".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actors.protocols.aws.errors import AwsError

MOST, LONGEST_KEY, LONGEST_VALUE = 50, 128, 256
TYPES = {
    "eni": "network-interface",
    "subnet": "subnet",
    "vpc": "vpc",
    "i": "instance",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "rtb": "route-table",
    "igw": "internet-gateway",
    "eipalloc": "elastic-ip",
}
"""ResourceType, by the beginning of an id."""


def type_of(resource: str) -> str | None:
    return TYPES.get(resource.rpartition("-")[0])


class Tags:
    """The tags of every resource that has some."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, str]] = {}

    def shown(self, resource: str) -> list[dict[str, str]]:
        """As they stand in a resource's description."""
        return [{"Key": key, "Value": value} for key, value in sorted(self.of.get(resource, {}).items())]

    def with_these(self, resource: str, tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """What the resource's tags would be with these put to them. Raises `AwsError`."""
        merged = dict(self.of.get(resource, {}))
        for tag in tags:
            key, value = tag.get("Key", ""), tag.get("Value", "")
            _check(key, value)
            merged[key] = value
        if len(merged) > MOST:
            raise AwsError(
                "TagLimitExceeded",
                f"The maximum number of Tags for a resource has been reached. ({resource})",
            )
        return merged

    def without(self, resource: str, tags: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
        """What they would be without these: a tag without a value goes whatever its value is; None are all."""
        if tags is None:
            return {}
        kept = dict(self.of.get(resource, {}))
        for tag in tags:
            value = tag.get("Value")
            if value is None or kept.get(tag["Key"]) == value:
                kept.pop(tag["Key"], None)
        return kept


def specified(specifications: Iterable[Mapping[str, Any]], resource_type: str) -> list[Mapping[str, Any]]:
    """The tags of a request's TagSpecifications. Raises `AwsError` for those of another type of resource."""
    tags: list[Mapping[str, Any]] = []
    for each in specifications:
        if each.get("ResourceType") != resource_type:
            raise AwsError(
                "InvalidParameterValue",
                f"'{each.get('ResourceType')}' is not a valid taggable resource type for this operation.",
            )
        tags += each.get("Tags", ())
    return tags


def _check(key: str, value: str) -> None:
    if key.lower().startswith("aws:"):
        raise AwsError(
            "InvalidParameterValue", f"Tag keys starting with 'aws:' are reserved for internal use: {key}"
        )
    if not 0 < len(key) <= LONGEST_KEY:
        raise AwsError(
            "InvalidParameterValue",
            f"Tag key exceeds the maximum length of {LONGEST_KEY} characters: '{key}'",
        )
    if len(value) > LONGEST_VALUE:
        raise AwsError(
            "InvalidParameterValue",
            f"Tag value exceeds the maximum length of {LONGEST_VALUE} characters: '{value}'",
        )

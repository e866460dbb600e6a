"""Tags of load balancers, target groups, listeners and rules."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2.names import kind_of
from actors.protocols.elbv2.state import State
from actors.protocols.elbv2.validation import Parameters, invalid, required

MAX_TAGS = 50
_ALLOWED = re.compile(r"[\w\s.:/=+\-@]*")


def given(parameters: Parameters) -> dict[str, str]:
    """The tags of a request. Raises AwsError."""
    tags: dict[str, str] = {}
    for tag in parameters.get("Tags") or ():
        key, value = tag.get("Key"), tag.get("Value") or ""
        if not isinstance(key, str) or not 1 <= len(key) <= 128 or not _ALLOWED.fullmatch(key):
            invalid(
                f"Tag key '{key}' is not valid: it must have 1 to 128 letters, digits, spaces or _.:/=+-@"
            )
        if key.startswith("aws:"):
            invalid("Tag keys that begin with 'aws:' are reserved for use by AWS")
        if len(value) > 256 or not _ALLOWED.fullmatch(value):
            invalid(
                f"Tag value '{value}' is not valid: it must have up to 256 letters, digits, spaces or _.:/=+-@"
            )
        if key in tags:
            raise AwsError("DuplicateTagKeys", f"Tag key '{key}' was specified more than once")
        tags[key] = value
    _check_number(tags)
    return tags


def _check_number(tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise AwsError("TooManyTags", f"You've reached the limit of {MAX_TAGS} tags for this resource")


class Tags:
    """AddTags, RemoveTags, DescribeTags."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, parameters: Parameters) -> dict[str, Any]:
        """AddTags."""
        arns = self._known(parameters)
        if not parameters.get("Tags"):
            invalid("At least one tag must be specified")
        new = given(parameters)
        together = {arn: {**(self._state.tags.get(arn) or {}), **new} for arn in arns}
        for tags in together.values():
            _check_number(tags)
        for arn, tags in together.items():
            self._state.tags.put(arn, tags)
        return {}

    def remove(self, parameters: Parameters) -> dict[str, Any]:
        """RemoveTags; a key that a resource does not have is passed over."""
        arns, gone = self._known(parameters), set(required(parameters, "TagKeys"))
        for arn in arns:
            old = self._state.tags.get(arn) or {}
            self._state.tags.put(arn, {key: value for key, value in old.items() if key not in gone})
        return {}

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeTags, of up to 20 resources."""
        arns = self._known(parameters)
        if len(arns) > 20:
            invalid("You can specify up to 20 resources")
        return {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": _listed(self._state.tags.get(arn) or {})} for arn in arns
            ]
        }

    def _known(self, parameters: Parameters) -> list[str]:
        arns: Iterable[str] = required(parameters, "ResourceArns")
        finders = {
            "load balancer": self._state.load_balancer,
            "target group": self._state.target_group,
            "listener": self._state.listener,
            "listener rule": self._state.rule,
        }
        for arn in arns:
            kind = kind_of(arn)
            if kind is None:
                invalid(f"'{arn}' is not a valid ARN")
            finders[kind](arn)
        return list(dict.fromkeys(arns))


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]

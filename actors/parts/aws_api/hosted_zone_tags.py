"""Tags of hosted zones, as Terraform and ExternalDNS ask for them."""

from collections.abc import Callable, Mapping
from typing import Any

from actors.parts.aws_api.plane import Handler, Output, Parameters
from actors.parts.aws_api.store import Table
from actors.protocols.aws.errors import AwsError

MAX_TAGS = 10
"""Route 53 API reference, ChangeTagsForResource."""
HOSTED_ZONE = "hostedzone"


class HostedZoneTags:
    """The operations on tags."""

    def __init__(self, tags: Table, key_of: Callable[[str], str]) -> None:
        """`key_of` gives the key of a zone by its id, and raises `AwsError` for one that there is not."""
        self._tags = tags
        self._key_of = key_of

    def operations(self) -> Mapping[str, Handler]:
        return {
            "ChangeTagsForResource": self._change,
            "ListTagsForResource": self._list,
            "ListTagsForResources": self._list_many,
        }

    def forget(self, key: str) -> None:
        """The zone is gone."""
        self._tags.delete(key)

    def _change(self, parameters: Parameters) -> Output:
        key = self._resource(parameters, parameters["ResourceId"])
        if not parameters.get("AddTags") and not parameters.get("RemoveTagKeys"):
            raise AwsError("InvalidInput", "Either AddTags or RemoveTagKeys must be specified")
        tags: dict[str, str] = self._tags.get(key) or {}
        for name in parameters.get("RemoveTagKeys", ()):
            tags.pop(name, None)
        tags |= {each["Key"]: each.get("Value", "") for each in parameters.get("AddTags", ())}
        if len(tags) > MAX_TAGS:
            raise AwsError("InvalidInput", f"A resource has at most {MAX_TAGS} tags")
        self._tags.put(key, tags)
        return {}

    def _list(self, parameters: Parameters) -> Output:
        return {"ResourceTagSet": self._tag_set(parameters, parameters["ResourceId"])}

    def _list_many(self, parameters: Parameters) -> Output:
        return {"ResourceTagSets": [self._tag_set(parameters, each) for each in parameters["ResourceIds"]]}

    def _tag_set(self, parameters: Parameters, resource: str) -> dict[str, Any]:
        key = self._resource(parameters, resource)
        tags = [{"Key": name, "Value": value} for name, value in (self._tags.get(key) or {}).items()]
        return {"ResourceType": HOSTED_ZONE, "ResourceId": key, "Tags": tags}

    def _resource(self, parameters: Parameters, resource: str) -> str:
        if parameters["ResourceType"] != HOSTED_ZONE:
            raise AwsError("NoSuchHealthCheck", f"A health check with id {resource} does not exist.", 404)
        return self._key_of(resource)

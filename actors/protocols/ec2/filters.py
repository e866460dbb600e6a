"""The filters of EC2's Describe operations: a name and values, one of which must fit (`*` and `?` are wildcards).

How this works. Filters look at the answer itself: each operation has a table that says where in its documents the
value of a filter stands (`Attachment.InstanceId`; a list on the way stands for all its members).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from actors.protocols.aws.errors import AwsError

Document = Mapping[str, Any]
Filters = Sequence[Mapping[str, Any]]
"""As botocore has them: `{"Name": ..., "Values": [...]}`."""


def filtered(
    documents: Iterable[dict[str, Any]], filters: Filters, table: Mapping[str, str], tags: str = "Tags"
) -> list[dict[str, Any]]:
    """The documents that fit all filters. Raises `AwsError` for a filter that there is not."""
    wanted = []
    for each in filters:
        name, values = each.get("Name", ""), each.get("Values", ())
        if name not in table and name != "tag-key" and not name.startswith("tag:"):
            raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not values:
            raise AwsError("InvalidParameterValue", f"The filter '{name}' must have at least one value")
        wanted.append((name, [_pattern(value) for value in values]))
    return [
        document
        for document in documents
        if all(
            any(
                pattern.fullmatch(value)
                for value in _values(document, name, table, tags)
                for pattern in any_of
            )
            for name, any_of in wanted
        )
    ]


def _values(document: Document, name: str, table: Mapping[str, str], tags: str) -> list[str]:
    if name in table:
        return [_text(each) for each in _at(document, table[name].split("."))]
    if name == "tag-key":
        return [tag["Key"] for tag in document.get(tags, ())]
    return [tag["Value"] for tag in document.get(tags, ()) if tag["Key"] == name.removeprefix("tag:")]


def _at(value: Any, path: Sequence[str]) -> list[Any]:
    """What stands at a path; nothing where it ends early."""
    if isinstance(value, list):
        return [found for each in value for found in _at(each, path)]
    if not path:
        return [value]
    return _at(value[path[0]], path[1:]) if isinstance(value, Mapping) and path[0] in value else []


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def _pattern(value: str) -> re.Pattern[str]:
    """`*` is any text, `?` any character; a backslash takes their meaning away."""
    parts = re.findall(r"\\[*?\\]|.", value, re.DOTALL)
    special = {"*": ".*", "?": "."}
    return re.compile(
        "".join(special.get(part) or re.escape(part[1:] if len(part) == 2 else part) for part in parts),
        re.DOTALL,
    )

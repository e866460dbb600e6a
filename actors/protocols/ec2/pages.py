"""Answers in pages: MaxResults and NextToken of EC2's Describe operations.

A token names the last item of the page before, so that what is created or deleted meanwhile neither repeats nor hides
another item.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from actors.protocols.aws.errors import AwsError

LEAST, MOST = 5, 1000


def page(
    documents: list[dict[str, Any]], key: str, parameters: Mapping[str, Any], ids: str | None = None
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """One page of the documents, and `{"NextToken": ...}` if there is more. `ids` names the parameter that asks for
    items by their ids, which goes with no page size. Raises `AwsError`."""
    most, token = parameters.get("MaxResults"), parameters.get("NextToken")
    if most is None and not token:
        return documents, {}
    if ids is not None and parameters.get(ids):
        name = ids[0].lower() + ids[1:]
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameter {name} cannot be used with the parameter maxResults",
        )
    if most is not None and not LEAST <= most <= MOST:
        bound = f"greater than {LEAST}" if most < LEAST else f"less than or equal to {MOST}"
        raise AwsError(
            "InvalidParameterValue",
            f"Value ( {most} ) for parameter maxResults is invalid. Expecting a value {bound}.",
        )
    after = _read(token) if token else ""
    rest = sorted((each for each in documents if each[key] > after), key=lambda each: str(each[key]))
    shown = rest[: most or MOST]
    return shown, {"NextToken": _written(shown[-1][key])} if len(rest) > len(shown) else {}


def _written(last: str) -> str:
    return b64encode(last.encode()).decode()


def _read(token: str) -> str:
    try:
        return b64decode(token.encode(), validate=True).decode()
    except ValueError:
        raise AwsError("InvalidNextToken", f"The specified NextToken is not valid: {token}") from None

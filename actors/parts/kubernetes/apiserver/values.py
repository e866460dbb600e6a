"""JSON and YAML as the API reads them.

YAML becomes JSON's values, so that a date stays text and 1:30 is no number to base 60. What Go's decoders do not let
through does not come in here either, for it could not be stored or told: half surrogate pairs, numbers without end.
"""

import contextlib
import json
import math
import re
from typing import Any

import yaml

from actors.protocols.kubernetes.status import ApiError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_Base):
    """PyYAML's safe loader with the scalars of sigs.k8s.io/yaml."""


def _keep(resolvers: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    ours = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    return [(tag, pattern) for tag, pattern in resolvers if tag not in ours]


Loader.yaml_implicit_resolvers = {
    first: _keep(resolvers) for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
MOST_VALUES = 100_000
DEEPEST = 200
"""Elements are told in messages that may not be deeper than some 500."""
_INT = re.compile(r"[-+]?(0b[01]+|0x[0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


Loader.add_constructor(
    "tag:yaml.org,2002:int", lambda loader, node: _int(str(loader.construct_yaml_int(node)))
)


Loader.add_constructor(
    "tag:yaml.org,2002:float", lambda loader, node: _float(str(loader.construct_yaml_float(node)))
)


def decode_json(data: bytes) -> Any:
    """Raises `ApiError` 400."""
    try:
        text = data.decode("utf-8", "replace")
        return _whole(json.loads(text, parse_constant=_no_number, parse_int=_int, parse_float=_float), text)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"couldn't get version/kind; json parse error: {error}") from None


def decode_yaml(data: bytes) -> Any:
    """The first document. JSON is YAML too, and so much faster to read that it is tried first; kubectl sends it under
    this name. Raises `ApiError` 400."""
    if data.lstrip().startswith(b"{"):
        with contextlib.suppress(ApiError):
            return decode_json(data)
    text = data.decode("utf-8", "replace")
    documents = parse_yaml(text)
    return documents[0] if documents else None


def _is_huge(value: Any) -> bool:
    """Whether aliases have made more of a text than its writer can have meant, or a thing that holds itself."""
    left, waiting = MOST_VALUES, [value]
    while waiting and left:
        each, left = waiting.pop(), left - 1
        if isinstance(each, dict | list):
            waiting.extend(each.values() if isinstance(each, dict) else each)
    return bool(waiting)


def _depth(value: Any) -> int:
    depth, level = 0, [value] if isinstance(value, dict | list) else []
    while level:
        depth += 1
        inner = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [each for values in inner for each in values if isinstance(each, dict | list)]
    return depth


def _no_number(text: str) -> Any:
    raise ValueError(f"invalid character {text[0]!r} looking for beginning of value")


def _int(text: str) -> int | float:
    """A number of more than 64 bits is one that is not exact."""
    value = int(text) if len(text) < 400 else 1 << 1500
    return value if -(1 << 63) <= value < 1 << 64 else _float(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"cannot unmarshal number {text[:40]} into Go value of type float64")
    return value


def _whole(value: Any, text: str) -> Any:
    """With a replacement character for each half of a surrogate pair, as Go has it. Raises ValueError if too deep."""
    if "*" in text and _is_huge(value):
        raise ValueError("yaml: document contains excessive aliasing")
    if text.count("{") + text.count("[") > DEEPEST and _depth(value) > DEEPEST:
        raise ValueError("exceeded max depth")
    if "\\u" not in text.lower():
        return value
    written = json.dumps(value, ensure_ascii=False)
    return json.loads(written.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def parse_yaml(text: str) -> list[Any]:
    """The documents of a text, None for an empty one. Raises `ApiError` 400 with line and column."""
    try:
        return [_whole(document, text) for document in yaml.load_all(text, Loader)]
    except yaml.YAMLError as error:
        raise ApiError(400, f"error converting YAML to JSON: {_words(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"error converting YAML to JSON: {error}") from None


def _words(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"yaml: line {mark.line + 1}: {problem}" if mark else f"yaml: {problem}"

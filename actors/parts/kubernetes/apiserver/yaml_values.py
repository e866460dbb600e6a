"""YAML as the API reads it: into JSON values, so that a date stays text and 1:30 is no number to base 60."""

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
_INT = re.compile(r"[-+]?(0b[01]+|0x[0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def parse_yaml(text: str) -> list[Any]:
    """The documents of a text, None for an empty one. Raises `ApiError` 400 with line and column."""
    try:
        return list(yaml.load_all(text, Loader))
    except yaml.YAMLError as error:
        raise ApiError(400, f"error converting YAML to JSON: {_words(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"error converting YAML to JSON: {error}") from None


def _words(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"yaml: line {mark.line + 1}: {problem}" if mark else f"yaml: {problem}"

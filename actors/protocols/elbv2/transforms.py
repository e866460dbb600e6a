"""Transforms of listener rules: the host or the URL that a request goes on with.

`SUPPORTED` says which of them the nodes carry out; others are refused when a rule is made.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2.validation import invalid, one_of
from actors.protocols.listener_rules import BadPattern
from actors.protocols.listener_rules.transforms import Rewrite

SUPPORTED = frozenset({"host-header-rewrite", "url-rewrite"})
_CONFIGS = {"host-header-rewrite": "HostHeaderRewriteConfig", "url-rewrite": "UrlRewriteConfig"}
MAX_LENGTH = 1024


def checked(transforms: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The transforms of a rule as they are kept: at most one of each type. Raises AwsError."""
    kept = [_checked(transform) for transform in transforms]
    types = [transform["Type"] for transform in kept]
    if len(set(types)) < len(types):
        invalid("You can add one host header rewrite transform and one URL rewrite transform to a rule")
    return kept


def _checked(transform: Mapping[str, Any]) -> dict[str, Any]:
    kind = one_of(transform.get("Type"), "Type", _CONFIGS)
    own = _CONFIGS[kind]
    if kind not in SUPPORTED:
        raise AwsError(
            "InvalidConfigurationRequest",
            f"Transforms with type '{kind}' are not supported by the nodes of this load balancer",
        )
    for other in _CONFIGS.values():
        if other != own and transform.get(other) is not None:
            invalid(f"You cannot specify '{other}' for a transform of type '{kind}'")
    rewrites: Sequence[Any] = (transform.get(own) or {}).get("Rewrites") or ()
    if len(rewrites) != 1:
        invalid(f"Exactly one rewrite must be specified for a transform of type '{kind}'")
    expression, replacement = rewrites[0].get("Regex"), rewrites[0].get("Replace")
    for text in (expression, replacement):
        if not isinstance(text, str) or len(text) > MAX_LENGTH:
            invalid(
                f"A regular expression and a replacement of up to {MAX_LENGTH} characters must be specified"
            )
    try:
        Rewrite.of(expression, replacement)
    except BadPattern as error:
        invalid(f"The regular expression '{expression}' is not valid: {error}")
    return {"Type": kind, own: {"Rewrites": [{"Regex": expression, "Replace": replacement}]}}

"""Conditions of listener rules: six fields, their limits, and the shape in which they are kept and shown.

The user guide ("Condition types") speaks of three match evaluations per condition; AWS takes five values in one
condition all the same, as many templates in use show, so that the limits here are those of a rule: five values
and six wildcards (its page of quotas, and the API's own error).
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from actors.protocols.elbv2.validation import invalid
from actors.protocols.listener_rules.patterns import BadPattern, expression

Condition = dict[str, Any]

MAX_VALUES = 5
MAX_WILDCARDS = 6
MAX_LENGTH = 128
MAX_NAME = 40

_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}
_ONCE = ("host-header", "path-pattern", "http-request-method", "source-ip")
_HOST = re.compile(r"[A-Za-z0-9.*?-]+")
_PATH = re.compile(r"[A-Za-z0-9_.$/~\"'@:+&*?-]+")
_METHOD = re.compile(r"[A-Z_-]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def checked(conditions: Iterable[Mapping[str, Any]]) -> list[Condition]:
    """The conditions of a rule as they are kept. Raises AwsError."""
    kept = [_checked(condition) for condition in conditions]
    fields = [condition["Field"] for condition in kept]
    for field in _ONCE:
        if fields.count(field) > 1:
            invalid(f"A rule can only have one '{field}' condition")
    if sum(len(values(each)) for each in kept) > MAX_VALUES:
        invalid(f"A rule can only have '{MAX_VALUES}' condition values and regex values")
    if sum(_wildcards(each) for each in kept) > MAX_WILDCARDS:
        invalid(f"A rule can only have '{MAX_WILDCARDS}' condition wildcards")
    return kept


def values(condition: Mapping[str, Any]) -> list[Any]:
    """What a kept condition compares with."""
    config = condition[_CONFIGS[condition["Field"]]]
    return [*config.get("Values", ()), *config.get("RegexValues", ())]


def _wildcards(condition: Mapping[str, Any]) -> int:
    if condition["Field"] in ("source-ip", "http-request-method"):
        return 0
    found = condition[_CONFIGS[condition["Field"]]].get("Values", ())
    texts = [part for each in found for part in (each.values() if isinstance(each, Mapping) else (each,))]
    return sum(len(re.findall(r"(?<!\\)[*?]", each)) for each in texts)


def _checked(condition: Mapping[str, Any]) -> Condition:
    field = condition.get("Field")
    if not field:
        invalid("A condition field must be specified")
    if field not in _CONFIGS:
        invalid(f"Condition field '{field}' must be one of '[{', '.join(_CONFIGS)}]'")
    own = _CONFIGS[field]
    for other in _CONFIGS.values():
        if other != own and condition.get(other) is not None:
            invalid(f"You cannot specify '{other}' for a condition of type '{field}'")
    return _CHECKS[field](field, _config(field, own, condition))


def _config(field: str, own: str, condition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The condition's config, also where a host or path condition has just `Values` in the old way."""
    config: Mapping[str, Any] | None = condition.get(own)
    plain = {key: condition[key] for key in ("Values", "RegexValues") if condition.get(key)}
    if plain and config is not None:
        # What was described may be sent back: the same values twice are no contradiction.
        if any(config.get(key) != value for key, value in plain.items()):
            invalid(f"You cannot provide both Values and '{own}' for a condition of type '{field}'")
        return config
    if plain and (field in ("host-header", "path-pattern") or list(plain) == ["RegexValues"]):
        return plain
    if config is None:
        if plain:
            invalid(f"'{own}' must be specified for a condition of type '{field}'")
        invalid("A condition value must be specified")
    return config


def _pattern(field: str, config: Mapping[str, Any]) -> Condition:
    allowed = _HOST if field == "host-header" else _PATH
    texts, expressions = _texts(field, config)
    for each in texts:
        _length(each)
        if not allowed.fullmatch(each):
            invalid(f"Condition value '{each}' contains a character that is not valid")
    kept = _without_nothing(Values=texts, RegexValues=expressions)
    return {"Field": field, **kept, _CONFIGS[field]: kept}


def _header(field: str, config: Mapping[str, Any]) -> Condition:
    name = config.get("HttpHeaderName")
    if not isinstance(name, str) or not name:
        invalid("An HTTP header name must be specified")
    if len(name) > MAX_NAME:
        invalid(f"HTTP header name '{name}' cannot be longer than '{MAX_NAME}' characters")
    if not _TOKEN.fullmatch(name) or "*" in name:
        invalid(f"HTTP header name '{name}' contains a character that is not valid")
    if name.lower() == "host":
        invalid(
            "You cannot use an 'http-header' condition for the host header; use a 'host-header' condition"
        )
    texts, expressions = _texts(field, config)
    for each in texts:
        _length(each)
    kept = {"HttpHeaderName": name, **_without_nothing(Values=texts, RegexValues=expressions)}
    return {"Field": field, _CONFIGS[field]: kept}


def _query(field: str, config: Mapping[str, Any]) -> Condition:
    kept = []
    for pair in config.get("Values") or ():
        if not isinstance(pair, Mapping) or not pair.get("Value"):
            invalid("A value must be specified for a condition of type 'query-string'")
        kept.append({key: pair[key] for key in ("Key", "Value") if pair.get(key)})
        for text in kept[-1].values():
            _length(text)
    if not kept:
        invalid("A condition value must be specified")
    return {"Field": field, _CONFIGS[field]: {"Values": kept}}


def _method(field: str, config: Mapping[str, Any]) -> Condition:
    texts = _values_of(config)
    if not texts:
        invalid("A condition value must be specified")
    for each in texts:
        if len(each) > MAX_NAME:
            invalid(f"Condition value '{each}' cannot be longer than '{MAX_NAME}' characters")
        if not _METHOD.fullmatch(each):
            invalid(f"Condition value '{each}' contains a character that is not valid")
    return {"Field": field, _CONFIGS[field]: {"Values": texts}}


def _source(field: str, config: Mapping[str, Any]) -> Condition:
    texts = _values_of(config)
    if not texts:
        invalid("A condition value must be specified")
    if config.get("IpAddressType") is not None:
        invalid("'IpAddressType' is not supported on load balancers with type 'application'")
    for each in texts:
        try:
            network = ipaddress.ip_network(each)
        except ValueError:
            network = None
        if network is None or "/" not in each:
            invalid(f"The source IP address '{each}' is not a valid CIDR block")
    return {"Field": field, _CONFIGS[field]: {"Values": texts}}


_CHECKS: dict[str, Callable[[str, Mapping[str, Any]], Condition]] = {
    "host-header": _pattern,
    "path-pattern": _pattern,
    "http-header": _header,
    "query-string": _query,
    "http-request-method": _method,
    "source-ip": _source,
}


def _texts(field: str, config: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Patterns and regular expressions, of which a condition has the ones or the others."""
    texts, expressions = _values_of(config), _expressions_of(config)
    if not texts and not expressions:
        invalid("A condition value must be specified")
    if texts and expressions:
        invalid(f"You cannot specify both Values and RegexValues for a condition of type '{field}'")
    return texts, expressions


def _values_of(config: Mapping[str, Any]) -> list[str]:
    found = list(config.get("Values") or ())
    if not all(isinstance(each, str) and each for each in found):
        invalid("A condition value must be specified")
    return found


def _expressions_of(config: Mapping[str, Any]) -> list[str]:
    found = list(config.get("RegexValues") or ())
    for each in found:
        if not isinstance(each, str) or not each:
            invalid("A condition value must be specified")
        _length(each)
        try:
            expression(each)
        except BadPattern as error:
            invalid(f"The regular expression '{each}' is not valid: {error}")
    return found


def _length(text: str) -> None:
    if len(text) > MAX_LENGTH:
        invalid(f"Condition value '{text}' cannot be longer than '{MAX_LENGTH}' characters")


def _without_nothing(**lists: list[str]) -> dict[str, list[str]]:
    return {key: value for key, value in lists.items() if value}

"""Rules as the ELBv2 API spells them: conditions, actions and transforms in AWS's shapes become values.

Whoever accepts them from users has checked them against AWS's limits; here is refused, with a ValueError that says
what and why, only what could not be carried out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from actors.protocols.listener_rules.actions import Action, FixedResponse, Forward, Redirect, WeightedGroup
from actors.protocols.listener_rules.conditions import Condition
from actors.protocols.listener_rules.rules import DEFAULT_PRIORITY, Rule
from actors.protocols.listener_rules.transforms import Rewrite, Transforms

Shape = Mapping[str, Any]

_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
_WITH_REGEX = ("host-header", "path-pattern", "http-header")


def rule_of(shape: Shape) -> Rule:
    """`{"arn", "priority", "conditions", "actions", "transforms"?}`; priority is a number in text, or `default`."""
    priority = shape.get("priority")
    try:
        number = DEFAULT_PRIORITY if priority == "default" else int(shape["priority"])
        return Rule(
            number,
            tuple(condition_of(each) for each in shape.get("conditions", ())),
            action_of(shape["actions"]),
            transforms_of(shape.get("transforms", ())),
            shape.get("arn", ""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"rule {priority}: {type(error).__name__}: {error}") from None
    except ValueError as error:
        raise ValueError(f"rule {priority}: {error}") from None


def condition_of(shape: Shape) -> Condition:
    """A RuleCondition."""
    field = shape["Field"]
    if field not in _CONFIGS:
        raise ValueError(f"condition field {field!r} is none of {', '.join(_CONFIGS)}")
    config = shape.get(_CONFIGS[field]) or {}
    regex = tuple(config.get("RegexValues") or shape.get("RegexValues") or ())
    values = config.get("Values") or shape.get("Values") or ()
    if regex and field not in _WITH_REGEX:
        raise ValueError(f"{field} has no RegexValues")
    if not regex and not values:
        raise ValueError(f"{field} has no values")
    if field == "query-string":
        pairs = tuple((each.get("Key"), each["Value"]) for each in values)
        texts = tuple(value if key is None else f"{key}={value}" for key, value in pairs)
        return Condition(field, texts, pairs=pairs)
    name = config["HttpHeaderName"] if field == "http-header" else ""
    return Condition(field, tuple(values), name, regex)


def action_of(shapes: Iterable[Shape]) -> Action:
    """A rule's actions, of which the last by `Order` answers the request or forwards it."""
    ordered = sorted(shapes, key=lambda each: each.get("Order", 0))
    if not ordered:
        raise ValueError("there is no action")
    if len(ordered) > 1:
        raise ValueError(f"action {ordered[0]['Type']!r} is not carried out")
    shape = ordered[0]
    match shape["Type"]:
        case "forward":
            return _forward(shape)
        case "redirect":
            return _redirect(shape["RedirectConfig"])
        case "fixed-response":
            config = shape["FixedResponseConfig"]
            body = (config.get("MessageBody") or "").encode()
            return FixedResponse(int(config["StatusCode"]), config.get("ContentType") or "text/plain", body)
    raise ValueError(f"action {shape['Type']!r} is not carried out")


def _forward(shape: Shape) -> Forward:
    config = shape.get("ForwardConfig") or {}
    groups = tuple(
        WeightedGroup(each["TargetGroupArn"], 1 if (weight := each.get("Weight")) is None else int(weight))
        for each in config.get("TargetGroups") or ()
    )
    if not groups:
        groups = (WeightedGroup(shape["TargetGroupArn"]),)
    stickiness = config.get("TargetGroupStickinessConfig") or {}
    sticky_s = int(stickiness["DurationSeconds"]) if stickiness.get("Enabled") else None
    return Forward(groups, sticky_s)


def _redirect(config: Shape) -> Redirect:
    statuses = {"HTTP_301": 301, "HTTP_302": 302}
    if config["StatusCode"] not in statuses:
        raise ValueError(
            f"StatusCode {config['StatusCode']!r} of a redirect is none of {', '.join(statuses)}"
        )
    keys = {"protocol": "Protocol", "host": "Host", "port": "Port", "path": "Path", "query": "Query"}
    given = {name: config[key] for name, key in keys.items() if config.get(key) is not None}
    return Redirect(statuses[config["StatusCode"]], **given)


def transforms_of(shapes: Iterable[Shape]) -> Transforms | None:
    """A rule's transforms; None if there are none."""
    rewrites: dict[str, Rewrite] = {}
    for shape in shapes or ():
        kind = shape["Type"]
        key = {"host-header-rewrite": "HostHeaderRewriteConfig", "url-rewrite": "UrlRewriteConfig"}.get(kind)
        if key is None or kind in rewrites:
            raise ValueError(f"transform {kind!r} is {'unknown' if key is None else 'there twice'}")
        (rewrite,) = shape[key]["Rewrites"]
        rewrites[kind] = Rewrite.of(rewrite["Regex"], rewrite["Replace"])
    if not rewrites:
        return None
    return Transforms(rewrites.get("host-header-rewrite"), rewrites.get("url-rewrite"))

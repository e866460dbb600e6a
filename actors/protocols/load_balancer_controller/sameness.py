"""Whether actions and conditions as AWS describes them are those that are wanted: AWS fills in what was left out."""

from collections.abc import Iterable
from typing import Any

from actors.protocols.load_balancer_controller.backends import CONDITION_CONFIGS
from actors.protocols.load_balancer_controller.model import Ref

Object = dict[str, Any]

_REDIRECT = {
    "Host": "#{host}",
    "Path": "/#{path}",
    "Port": "#{port}",
    "Protocol": "#{protocol}",
    "Query": "#{query}",
}


def with_ids(value: Any, ids: dict[str, str]) -> Any:
    """The value with the name that AWS has given in the place of every `Ref`."""
    if isinstance(value, Ref):
        return ids[value.id]
    if isinstance(value, dict):
        return {key: with_ids(inner, ids) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_ids(inner, ids) for inner in value]
    return value


def same_actions(some: Iterable[Object], others: Iterable[Object]) -> bool:
    return [_action(each) for each in some] == [_action(each) for each in others]


def same_conditions(some: Iterable[Object], others: Iterable[Object]) -> bool:
    one, other = [_condition(each) for each in some], [_condition(each) for each in others]
    return sorted(one, key=repr) == sorted(other, key=repr)


def _action(action: Object) -> Object:
    kind = action["Type"]
    if kind == "forward":
        config = action.get("ForwardConfig") or {
            "TargetGroups": [{"TargetGroupArn": action["TargetGroupArn"]}]
        }
        weights = sorted((each["TargetGroupArn"], each.get("Weight", 1)) for each in config["TargetGroups"])
        if len(weights) == 1:
            weights = [(weights[0][0], 1)]
        sticky = config.get("TargetGroupStickinessConfig") or {}
        return {
            "forward": weights,
            "sticky": sticky.get("DurationSeconds") if sticky.get("Enabled") else None,
        }
    if kind == "redirect":
        return {"redirect": {**_REDIRECT, **_given(action["RedirectConfig"])}}
    if kind == "fixed-response":
        return {"fixed-response": _given(action["FixedResponseConfig"])}
    return {key: value for key, value in action.items() if key != "Order"}


def _condition(condition: Object) -> Object:
    name = CONDITION_CONFIGS[condition["Field"]]
    config = _given(condition.get(name) or {"Values": condition.get("Values") or []})
    for key in ("Values", "RegexValues"):
        if key in config:
            config[key] = sorted(config[key], key=repr)
    return {condition["Field"]: config}


def _given(config: Object) -> Object:
    return {key: value for key, value in config.items() if value not in (None, "", [])}

"""`actions.<name>`, `conditions.<name>`, `transforms.<name>`: JSON in annotations, into the API's shapes.

Source: pkg/ingress/enhanced_backend_types.go. Go reads JSON without looking at the case of keys: `redirectConfig` and
`RedirectConfig` are both good.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from actors.protocols.load_balancer_controller.annotations import Annotations, BuildError

Object = dict[str, Any]

USE_ANNOTATION = "use-annotation"
"""The name of a Service's port that says: the backend is in an annotation."""
NO_SERVICE = "Backend service does not exist"
NO_ACTION = "Backend action does not exist"

TRANSFORM_CONFIGS = {
    "host-header-rewrite": "HostHeaderRewriteConfig",
    "url-rewrite": "UrlRewriteConfig",
}
CONDITION_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
_FIELDS = {
    each.lower(): each
    for each in (
        "Type", "TargetGroupARN", "TargetGroupName", "RedirectConfig", "FixedResponseConfig", "ForwardConfig",
        "Host", "Path", "Port", "Protocol", "Query", "StatusCode", "ContentType", "MessageBody", "TargetGroups",
        "ServiceName", "ServicePort", "Weight", "TargetGroupStickinessConfig", "Enabled", "DurationSeconds", "Field",
        *CONDITION_CONFIGS.values(), "Values", "RegexValues", "HttpHeaderName", "Key", "Value",
        *TRANSFORM_CONFIGS.values(), "Rewrites", "Regex", "Replace",
    )
}  # fmt: skip
_STATUS = "StatusCode"


def fixed_response(status: int, body: str = "") -> Object:
    config = {"ContentType": "text/plain", "StatusCode": str(status)}
    if body:
        config["MessageBody"] = body
    return {"Type": "fixed-response", "FixedResponseConfig": config}


def action(annotations: Annotations, name: str) -> Object | None:
    """The action that `actions.<name>` describes: of `forward` the ForwardConfig has its target groups still as the
    annotation names them. None if there is no such annotation. Raises `BuildError`."""
    suffix = f"actions.{name}"
    document = annotations.document(suffix)
    if document is None:
        return None
    found = _spelled(document, suffix)
    if not isinstance(found, dict):
        raise BuildError(f"failed to parse json annotation, {suffix}: it must be an object")
    kind = found.get("Type")
    if kind == "fixed-response":
        return {"Type": kind, "FixedResponseConfig": _fixed(_part(found, "FixedResponseConfig"))}
    if kind == "redirect":
        return {"Type": kind, "RedirectConfig": _redirect(_part(found, "RedirectConfig"))}
    if kind == "forward":
        return {"Type": kind, "ForwardConfig": _forward(found)}
    raise BuildError(f"unknown action type: {kind}")


def _part(value: Object, name: str) -> Object:
    part = value.get(name)
    if not isinstance(part, dict):
        raise BuildError(f"missing {name[0].lower()}{name[1:]}")
    return part


def _fixed(config: Object) -> Object:
    if not config.get(_STATUS):
        raise BuildError("invalid fixedResponseConfig: statusCode is required")
    return {key: str(config[key]) for key in ("ContentType", "MessageBody", _STATUS) if key in config}


def _redirect(config: Object) -> Object:
    if not config.get(_STATUS):
        raise BuildError("invalid redirectConfig: statusCode is required")
    keys = ("Host", "Path", "Port", "Protocol", "Query", _STATUS)
    return {key: str(config[key]) for key in keys if key in config}


def _forward(value: Object) -> Object:
    config = value.get("ForwardConfig")
    simple = {key: value[key] for key in ("TargetGroupARN", "TargetGroupName") if key in value}
    if (config is None) == (not simple):
        raise BuildError("precisely one of targetGroupArn and forwardConfig can be specified")
    if config is None:
        return {"TargetGroups": [simple]}
    groups = config.get("TargetGroups") or []
    for each in groups:
        if ("ServiceName" in each) + ("TargetGroupARN" in each) + ("TargetGroupName" in each) != 1:
            words = "precisely one of targetGroupARN, targetGroupName and serviceName can be specified"
            raise BuildError(f"invalid forwardConfig: {words}")
        if "ServiceName" in each and "ServicePort" not in each:
            raise BuildError("invalid forwardConfig: missing servicePort")
    if not groups:
        raise BuildError("invalid forwardConfig: missing targetGroups")
    return dict(config)


def conditions(annotations: Annotations, name: str) -> list[Object]:
    """What `conditions.<name>` adds to the rules of this backend. Raises `BuildError`."""
    return _listed(annotations, f"conditions.{name}", "Field", "condition field", CONDITION_CONFIGS)


def transforms(annotations: Annotations, name: str) -> list[Object]:
    """What `transforms.<name>` makes of the requests that go to this backend. Raises `BuildError`."""
    return _listed(annotations, f"transforms.{name}", "Type", "transform type", TRANSFORM_CONFIGS)


def _listed(
    annotations: Annotations, suffix: str, key: str, what: str, configs: Mapping[str, str]
) -> list[Object]:
    """The list in an annotation; `configs` says for each kind, which stands at `key`, where its config must stand."""
    document = annotations.document(suffix)
    found = _spelled(document, suffix) if document is not None else []
    if not isinstance(found, list):
        raise BuildError(f"failed to parse json annotation, {suffix}: it must be a list")
    for each in found:
        kind = each.get(key) if isinstance(each, dict) else None
        config = configs.get(str(kind))
        if config is None:
            raise BuildError(f"unknown {what}: {kind}")
        if config not in each:
            raise BuildError(f"missing {config[0].lower()}{config[1:]}")
    return found


def _spelled(value: Any, where: str) -> Any:
    """Keys as the API spells them. Raises `BuildError` for one that it has not."""
    if isinstance(value, list):
        return [_spelled(each, where) for each in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, inner in value.items():
        known = _FIELDS.get(key.lower())
        if known is None:
            raise BuildError(f"unknown field {key} in annotation {where}")
        found[known] = _spelled(inner, where)
    return found


def rule_conditions(host: str, paths: Iterable[str], extra: Iterable[Object]) -> list[Object]:
    """The conditions of one rule: host and paths of the Ingress together with those of the annotation."""
    hosts, patterns, others = [host] if host else [], list(paths), list[Object]()
    for each in extra:
        config = each[CONDITION_CONFIGS[each["Field"]]]
        if each["Field"] == "host-header" and "RegexValues" not in config:
            hosts += config.get("Values", ())
        elif each["Field"] == "path-pattern" and "RegexValues" not in config:
            patterns += config.get("Values", ())
        else:
            others.append({"Field": each["Field"], CONDITION_CONFIGS[each["Field"]]: config})
    found = []
    if hosts:
        found.append({"Field": "host-header", "HostHeaderConfig": {"Values": hosts}})
    if patterns:
        found.append({"Field": "path-pattern", "PathPatternConfig": {"Values": patterns}})
    if not (found or others):
        found.append({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}})
    return found + others

"""Actions of listener rules: the shape in which they are kept and shown, and what goes with which listener and group.

`SUPPORTED` says which of the API's action types the nodes carry out; others are refused when a rule is made.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2.state import Record, State, forwarded_to
from actors.protocols.elbv2.validation import between, invalid, misconfigured

Action = dict[str, Any]

SUPPORTED = frozenset({"forward", "redirect", "fixed-response", "authenticate-oidc", "jwt-validation"})
"""What the nodes do: all but logging users in by Cognito."""

TERMINAL = frozenset({"forward", "redirect", "fixed-response"})
TYPES = (
    "forward",
    "authenticate-oidc",
    "authenticate-cognito",
    "redirect",
    "fixed-response",
    "jwt-validation",
)
MAX_ACTIONS = 5
MAX_GROUPS_PER_ACTION = 5
MAX_GROUPS_PER_LOAD_BALANCER = 100
MAX_TARGETS_PER_LOAD_BALANCER = 1000
CONTENT_TYPES = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")
_WEEK = 604_800
_OF_TYPE = {
    "TargetGroupArn": "forward",
    "ForwardConfig": "forward",
    "RedirectConfig": "redirect",
    "FixedResponseConfig": "fixed-response",
    "AuthenticateOidcConfig": "authenticate-oidc",
    "AuthenticateCognitoConfig": "authenticate-cognito",
    "JwtValidationConfig": "jwt-validation",
}


def checked(actions: Sequence[Mapping[str, Any]], protocol: str) -> list[Action]:
    """The actions of a rule of a listener with this protocol, in their order, as they are kept. Raises AwsError."""
    if len(actions) > MAX_ACTIONS:
        raise AwsError("TooManyActions", "You've reached the limit on the number of actions per rule")
    ordered = _ordered([_checked(action, protocol) for action in actions])
    terminal = [action for action in ordered if action["Type"] in TERMINAL]
    if len(terminal) != 1:
        _refused("A rule must have exactly one forward, redirect or fixed-response action")
    if ordered[-1] is not terminal[0]:
        _refused(f"The '{terminal[0]['Type']}' action must be the last action to be performed")
    return ordered


def _ordered(actions: list[Action]) -> list[Action]:
    orders = [action.get("Order") for action in actions]
    if len(actions) > 1:
        if None in orders:
            invalid("An action order must be specified for every action of a rule with multiple actions")
        if len(set(orders)) < len(orders):
            invalid("Every action of a rule must have its own order")
    return sorted(actions, key=lambda action: action.get("Order") or 0)


def _checked(action: Mapping[str, Any], protocol: str) -> Action:
    kind = action.get("Type")
    if not kind:
        invalid("An action type must be specified")
    if kind not in TYPES:
        invalid(f"Action type '{kind}' must be one of '[{', '.join(TYPES)}]'")
    for key, of in _OF_TYPE.items():
        if action.get(key) is not None and of != kind:
            _refused(f"'{key}' cannot be specified for an action with type '{kind}'")
    if kind not in TERMINAL and protocol != "HTTPS":
        _refused(f"Listener protocol '{protocol}' is not supported with action type '{kind}'")
    if kind not in SUPPORTED:
        _refused(f"Actions with type '{kind}' are not supported by the nodes of this load balancer")
    kept = _CHECKS[kind](action, protocol)
    if action.get("Order") is not None:
        kept["Order"] = between(action["Order"], "Order", 1, 50_000)
    return kept


# ---- forward -------------------------------------------------------------------------------------------------


def _forward(action: Mapping[str, Any], protocol: str) -> Action:
    single, config = action.get("TargetGroupArn"), action.get("ForwardConfig") or {}
    given = config.get("TargetGroups") or ([{"TargetGroupArn": single}] if single else [])
    groups = [_weighted(group) for group in given]
    arns = [group["TargetGroupArn"] for group in groups]
    if not groups:
        _refused("A target group ARN must be specified for an action with type 'forward'")
    if single and arns != [single]:
        _refused("'TargetGroupArn' must be the only target group of 'ForwardConfig' where both are specified")
    if len(groups) > MAX_GROUPS_PER_ACTION:
        raise AwsError(
            "TooManyTargetGroups", f"An action can forward to at most '{MAX_GROUPS_PER_ACTION}' target groups"
        )
    if len(set(arns)) < len(arns):
        _refused("A target group can be specified only once in an action with type 'forward'")
    stickiness = _stickiness(config.get("TargetGroupStickinessConfig") or {})
    forward = {"TargetGroups": groups, "TargetGroupStickinessConfig": stickiness}
    whole: Action = {"Type": "forward", "ForwardConfig": forward}
    if len(groups) == 1:
        whole["TargetGroupArn"] = arns[0]
    return whole


def _weighted(group: Mapping[str, Any]) -> dict[str, Any]:
    arn, weight = group.get("TargetGroupArn"), group.get("Weight", 1)
    if not arn:
        invalid("A target group ARN must be specified")
    if type(weight) is not int or not 0 <= weight <= 999:
        invalid(f"Weight '{weight}' must be between 0 and 999")
    return {"TargetGroupArn": arn, "Weight": weight}


def _stickiness(config: Mapping[str, Any]) -> dict[str, Any]:
    enabled, seconds = bool(config.get("Enabled")), config.get("DurationSeconds")
    if seconds is None:
        if enabled:
            invalid("The duration must be specified when target group stickiness is enabled")
        return {"Enabled": False}
    if type(seconds) is not int or not 1 <= seconds <= _WEEK:
        invalid(f"Target group stickiness duration '{seconds}' must be between 1 and {_WEEK} seconds")
    return {"Enabled": enabled, "DurationSeconds": seconds}


# ---- redirect, fixed-response ----------------------------------------------------------------------------------


def _redirect(action: Mapping[str, Any], protocol: str) -> Action:
    config = action.get("RedirectConfig") or {}
    kept = {
        "Protocol": config.get("Protocol") or "#{protocol}",
        "Port": config.get("Port") or "#{port}",
        "Host": config.get("Host") or "#{host}",
        "Path": config.get("Path") or "/#{path}",
        "Query": config.get("Query", "#{query}"),
        "StatusCode": config.get("StatusCode"),
    }
    _check_redirect(kept)
    if protocol == "HTTPS" and kept["Protocol"] == "HTTP":
        _refused("You cannot redirect HTTPS to HTTP")
    same = {
        "Protocol": ("#{protocol}", protocol),
        "Port": ("#{port}",),
        "Host": ("#{host}",),
        "Path": ("/#{path}",),
    }
    if all(kept[key] in texts for key, texts in same.items()):
        _refused("The redirect configuration is not valid because it creates a loop.")
    return {"Type": "redirect", "RedirectConfig": kept}


def _check_redirect(kept: Mapping[str, Any]) -> None:
    if kept["StatusCode"] not in ("HTTP_301", "HTTP_302"):
        invalid(f"Redirect status code '{kept['StatusCode']}' must be one of '[HTTP_301, HTTP_302]'")
    if kept["Protocol"] not in ("HTTP", "HTTPS", "#{protocol}"):
        _refused("The Protocol parameter must be one of HTTP, HTTPS, '#{protocol}'")
    port = kept["Port"]
    if port != "#{port}" and not (re.fullmatch(r"\d{1,5}", port) and 1 <= int(port) <= 65535):
        _refused("The Port parameter must be a port number from 1 to 65535 or '#{port}'")
    _placeholders("Host", kept["Host"], ("host",), r"[A-Za-z0-9.-]*")
    _placeholders("Path", kept["Path"], ("path", "host", "port"), r"[A-Za-z0-9_.$/~\"'@:+%&=-]*")
    _placeholders("Query", kept["Query"], ("path", "host", "port", "protocol", "query"), r"[\x21-\x7e]*")
    if not kept["Path"].startswith("/"):
        _refused(
            "The Path parameter must be a valid path, should start with a '/', "
            "and may contain up to one of each of these placeholders: '#{path}', '#{host}', '#{port}'."
        )


def _placeholders(part: str, text: str, names: Sequence[str], rest: str) -> None:
    if len(text) > 128:
        _refused(f"The {part} parameter cannot be longer than '128' characters")
    remaining = text
    for name in names:
        remaining = remaining.replace(f"#{{{name}}}", "", 1)
    if not re.fullmatch(rest, remaining) or "#{" in remaining:
        may = ", ".join(f"'#{{{name}}}'" for name in names)
        _refused(
            f"The {part} parameter must be valid, and may contain up to one of each of these placeholders: {may}."
        )


def _fixed_response(action: Mapping[str, Any], protocol: str) -> Action:
    config = action.get("FixedResponseConfig") or {}
    code, body = config.get("StatusCode"), config.get("MessageBody")
    kind = config.get("ContentType")
    if not isinstance(code, str) or not re.fullmatch(r"[245]\d\d", code):
        invalid(f"Fixed response status code '{code}' must be of the form 2XX, 4XX or 5XX")
    if kind is not None and kind not in CONTENT_TYPES:
        _refused(f"The ContentType must be one of: '{', '.join(CONTENT_TYPES)}'")
    if body is not None and len(body.encode()) > 1024:
        invalid("The message body of a fixed response cannot be longer than '1024' bytes")
    kept = {"StatusCode": code, "ContentType": kind, "MessageBody": body}
    present = {key: value for key, value in kept.items() if value is not None}
    return {"Type": "fixed-response", "FixedResponseConfig": present}


def with_existing_secrets(wanted: list[Action], existing: list[Action]) -> list[Action]:
    """Actions of ModifyRule and ModifyListener, with client secrets that are to stay (UseExistingClientSecret)."""
    secrets = {
        config["ClientId"]: config["ClientSecret"]
        for config in (each.get("AuthenticateOidcConfig") for each in existing)
        if config
    }
    return [_with_secret(each, secrets) for each in wanted]


def _with_secret(action: Action, secrets: Mapping[str, str]) -> Action:
    config = dict(action.get("AuthenticateOidcConfig") or {})
    if not config.pop("UseExistingClientSecret", None) or config.get("ClientId") not in secrets:
        return action
    return {**action, "AuthenticateOidcConfig": {**config, "ClientSecret": secrets[config["ClientId"]]}}


# ---- who are you -----------------------------------------------------------------------------------------------


def _authenticate_oidc(action: Mapping[str, Any], protocol: str) -> Action:
    config = dict(action.get("AuthenticateOidcConfig") or {})
    for key in ("Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint"):
        if not re.fullmatch(r"https://[^\s]+", str(config.get(key, ""))):
            _refused(
                f"The '{key}' must be a full URL, including the HTTPS protocol, the domain, and the path"
            )
    if not 1 <= len(str(config.get("ClientId", ""))) <= 1024:
        _refused("The 'client id' field must be between 1 and 1024 characters in length")
    if config.pop("UseExistingClientSecret", None) or not config.get("ClientSecret"):
        _refused("A client secret must be specified")
    if len(config.get("AuthenticationRequestExtraParams") or {}) > 10:
        _refused("You can specify up to 10 extra parameters for the authentication request")
    config.setdefault("SessionCookieName", "AWSELBAuthSessionCookie")
    config.setdefault("Scope", "openid")
    between(config.setdefault("SessionTimeout", _WEEK), "SessionTimeout", 1, _WEEK)
    config.setdefault("OnUnauthenticatedRequest", "authenticate")
    if config["OnUnauthenticatedRequest"] not in ("deny", "allow", "authenticate"):
        invalid("'OnUnauthenticatedRequest' must be one of '[deny, allow, authenticate]'")
    return {"Type": "authenticate-oidc", "AuthenticateOidcConfig": config}


def _jwt_validation(action: Mapping[str, Any], protocol: str) -> Action:
    config = dict(action.get("JwtValidationConfig") or {})
    if not re.fullmatch(r"https://[^\s]{1,248}", str(config.get("JwksEndpoint", ""))):
        _refused(
            "The JWKS endpoint must be a full URL, including the HTTPS protocol, the domain, and the path"
        )
    if not 1 <= len(str(config.get("Issuer", ""))) <= 256:
        _refused("The issuer must be between 1 and 256 characters in length")
    claims = config.get("AdditionalClaims") or []
    if len(claims) > 10:
        _refused("You can specify up to 10 additional claims")
    for claim in claims:
        if claim.get("Name") in ("exp", "iss", "nbf", "iat"):
            _refused(f"The claim '{claim['Name']}' is validated by default and cannot be specified")
        if not 1 <= len(claim.get("Values") or ()) <= 10:
            _refused("You can specify 1 to 10 values for an additional claim")
        if claim.get("Format") == "space-separated-values" and any(" " in value for value in claim["Values"]):
            _refused("Values of a claim with format 'space-separated-values' cannot include spaces")
    return {"Type": "jwt-validation", "JwtValidationConfig": config}


_CHECKS: dict[str, Callable[[Mapping[str, Any], str], Action]] = {
    "forward": _forward,
    "redirect": _redirect,
    "fixed-response": _fixed_response,
    "authenticate-oidc": _authenticate_oidc,
    "jwt-validation": _jwt_validation,
}


def _refused(message: str) -> NoReturn:
    raise AwsError("InvalidLoadBalancerAction", message)


def without_secrets(actions: Iterable[Action]) -> list[Action]:
    """The actions as the API shows them."""
    shown = []
    for action in actions:
        config = action.get("AuthenticateOidcConfig")
        if config is not None:
            public = {key: value for key, value in config.items() if key != "ClientSecret"}
            action = {**action, "AuthenticateOidcConfig": public}
        shown.append(action)
    return shown


# ---- groups and listeners ---------------------------------------------------------------------------------------


def check_groups(
    state: State, load_balancer: Record, protocol: str, actions: Iterable[Action], without: str = ""
) -> None:
    """Refuses actions whose target groups cannot serve this load balancer; `without` is the rule they replace."""
    wanted = list(dict.fromkeys(forwarded_to(actions)))
    arn, vpc = load_balancer["LoadBalancer"]["LoadBalancerArn"], load_balancer["LoadBalancer"]["VpcId"]
    groups = [state.target_group(group)["TargetGroup"] for group in wanted]
    for group in groups:
        if group["VpcId"] != vpc:
            misconfigured(
                f"The target group '{group['TargetGroupArn']}' is not in the same VPC as the load balancer '{arn}'"
            )
        if protocol == "HTTP" and group["ProtocolVersion"] != "HTTP1":
            _refused(
                "Listener protocol 'HTTP' is not supported with a target group with the protocol-version "
                f"'{group['ProtocolVersion']}'"
            )
    taken = [group for group in wanted if any(user != arn for user in state.users_of(group))]
    if taken:
        raise AwsError(
            "TargetGroupAssociationLimit",
            f"The following target groups cannot be associated with more than one load balancer: {', '.join(taken)}",
        )
    used = {
        group
        for rule in state.rules_of_load_balancer(arn)
        if rule["Rule"]["RuleArn"] != without
        for group in forwarded_to(rule["Rule"]["Actions"])
    }
    together = [*used, *(group for group in wanted if group not in used)]
    if len(together) > MAX_GROUPS_PER_LOAD_BALANCER:
        raise AwsError(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            "You've reached the limit on the number of unique target groups per load balancer across all listeners",
        )
    check_number_of_targets(state, together)


def check_number_of_targets(state: State, groups: Iterable[str]) -> None:
    """Refuses more targets than a load balancer may have in all its groups."""
    if sum(map(state.number_of_targets, groups)) > MAX_TARGETS_PER_LOAD_BALANCER:
        raise AwsError(
            "TooManyTargets", "You've reached the limit on the number of targets per load balancer"
        )

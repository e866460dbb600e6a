"""Attributes of load balancers, listeners and target groups: keys, defaults, values, and what goes with what.

Defaults, ranges and exclusions are those of the API reference and of the user guide for Application Load Balancers
("Edit attributes", "Target group attributes"). A value that no part of this emulator could act on is refused.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

from actors.protocols.elbv2.validation import Parameters, invalid, misconfigured, required

Attributes = dict[str, str]


class Attribute(NamedTuple):
    """One key: its default, and a check that says what a value must be, or None if it is that."""

    default: str
    fault: Callable[[str], str | None]


def flag(default: str = "false") -> Attribute:
    return choice(default, "true", "false")


def choice(default: str, *values: str) -> Attribute:
    def fault(value: str) -> str | None:
        return None if value in values else f"must be one of {', '.join(values)}"

    return Attribute(default, fault)


def number(default: str, low: int, high: int, *also: str) -> Attribute:
    def fault(value: str) -> str | None:
        if value in also or (re.fullmatch(r"\d{1,9}", value) and low <= int(value) <= high):
            return None
        others = "".join(f"'{each}' or " for each in also)
        return f"must be {others}a number between {low} and {high}"

    return Attribute(default, fault)


def text(pattern: str, must: str, default: str = "") -> Attribute:
    compiled = re.compile(pattern)

    def fault(value: str) -> str | None:
        return None if compiled.fullmatch(value) else must

    return Attribute(default, fault)


def only(default: str, why: str) -> Attribute:
    """An attribute that is shown, and stays what it is."""

    def fault(value: str) -> str | None:
        return None if value == default else why

    return Attribute(default, fault)


_NO_BUCKET = "Access Denied for bucket: {bucket}. Please check S3bucket permission"
"""What AWS says when it cannot write to a bucket. There is no S3 here, so it never can."""

LOAD_BALANCER: dict[str, Attribute] = {
    "access_logs.s3.enabled": flag(),
    "access_logs.s3.bucket": text(r"[a-z0-9.-]{0,63}", "must be the name of a bucket"),
    "access_logs.s3.prefix": text(r"[^/].*[^/]|[^/]?", "must not begin or end with '/'"),
    "connection_logs.s3.enabled": flag(),
    "connection_logs.s3.bucket": text(r"[a-z0-9.-]{0,63}", "must be the name of a bucket"),
    "connection_logs.s3.prefix": text(r"[^/].*[^/]|[^/]?", "must not begin or end with '/'"),
    "health_check_logs.s3.enabled": flag(),
    "health_check_logs.s3.bucket": text(r"[a-z0-9.-]{0,63}", "must be the name of a bucket"),
    "health_check_logs.s3.prefix": text(r"[^/].*[^/]|[^/]?", "must not begin or end with '/'"),
    "client_keep_alive.seconds": number("3600", 60, 604_800),
    "deletion_protection.enabled": flag(),
    "idle_timeout.timeout_seconds": number("60", 1, 4000),
    "ipv6.deny_all_igw_traffic": only("false", "cannot be changed: the load balancer has no IPv6 addresses"),
    "load_balancing.cross_zone.enabled": only(
        "true", "cannot be changed: cross-zone load balancing is always on for Application Load Balancers"
    ),
    "routing.http.desync_mitigation_mode": choice("defensive", "monitor", "defensive", "strictest"),
    "routing.http.drop_invalid_header_fields.enabled": flag(),
    "routing.http.preserve_host_header.enabled": flag(),
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": flag(),
    "routing.http.xff_client_port.enabled": flag(),
    "routing.http.xff_header_processing.mode": choice("append", "append", "preserve", "remove"),
    "routing.http2.enabled": flag("true"),
    "waf.fail_open.enabled": flag(),
    "zonal_shift.config.enabled": only("false", "cannot be turned on: there is no zonal shift here"),
}

_DAY, _WEEK = "86400", 604_800
_SHARE = "minimum_healthy_targets.percentage"
_COUNT = "minimum_healthy_targets.count"
_FAILOVER, _ROUTING = "target_group_health.dns_failover", "target_group_health.unhealthy_state_routing"
ALGORITHM = "load_balancing.algorithm.type"
MITIGATION = "load_balancing.algorithm.anomaly_mitigation"
CROSS_ZONE = "load_balancing.cross_zone.enabled"
SLOW_START = "slow_start.duration_seconds"
DEREGISTRATION_DELAY = "deregistration_delay.timeout_seconds"
FAILOVER_COUNT, FAILOVER_SHARE = f"{_FAILOVER}.{_COUNT}", f"{_FAILOVER}.{_SHARE}"
ROUTING_COUNT, ROUTING_SHARE = f"{_ROUTING}.{_COUNT}", f"{_ROUTING}.{_SHARE}"
TARGETS_PER_GROUP = 1000

TARGET_GROUP: dict[str, Attribute] = {
    DEREGISTRATION_DELAY: number("300", 0, 3600),
    "stickiness.enabled": flag(),
    "stickiness.type": choice("lb_cookie", "lb_cookie", "app_cookie"),
    "stickiness.lb_cookie.duration_seconds": number(_DAY, 1, _WEEK),
    "stickiness.app_cookie.cookie_name": text(
        r"(?!AWSALB)[!#$%&'*+.^_`|~0-9A-Za-z-]{0,4096}",
        "must be a cookie name that does not begin with 'AWSALB', 'AWSALBAPP' or 'AWSALBTG'",
    ),
    "stickiness.app_cookie.duration_seconds": number(_DAY, 1, _WEEK),
    SLOW_START: number("0", 30, 900, "0"),
    ALGORITHM: choice("round_robin", "round_robin", "least_outstanding_requests", "weighted_random"),
    MITIGATION: choice("off", "on", "off"),
    CROSS_ZONE: choice("use_load_balancer_configuration", "true", "false", "use_load_balancer_configuration"),
    FAILOVER_COUNT: number("1", 1, TARGETS_PER_GROUP, "off"),
    FAILOVER_SHARE: number("off", 1, 100, "off"),
    ROUTING_COUNT: number("1", 1, TARGETS_PER_GROUP),
    ROUTING_SHARE: number("off", 1, 100, "off"),
}

_RENAMED = (
    "x_amzn_mtls_clientcert_serial_number",
    "x_amzn_mtls_clientcert_issuer",
    "x_amzn_mtls_clientcert_subject",
    "x_amzn_mtls_clientcert_validity",
    "x_amzn_mtls_clientcert_leaf",
    "x_amzn_mtls_clientcert",
)
_ADDED = (
    "strict_transport_security",
    "access_control_allow_origin",
    "access_control_allow_methods",
    "access_control_allow_headers",
    "access_control_allow_credentials",
    "access_control_expose_headers",
    "access_control_max_age",
    "content_security_policy",
    "x_content_type_options",
    "x_frame_options",
)
_TOKEN = text(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{0,40}", "must be a header name of at most 40 characters")

LISTENER: dict[str, Attribute] = {
    "routing.http.request.x_amzn_tls_version.header_name": _TOKEN,
    "routing.http.request.x_amzn_tls_cipher_suite.header_name": _TOKEN,
    "routing.http.response.server.enabled": flag("true"),
    **{
        f"routing.http.response.{header}.header_value": text(
            r"[\x20-\x7e]{0,1024}", "must be a header value of at most 1024 characters"
        )
        for header in _ADDED
    },
}

_OTHERS = {
    "Load balancer": re.compile(r"dns_record\.|secondary_ips\."),
    "Target group": re.compile(
        r"deregistration_delay\.connection|preserve_client_ip|proxy_protocol|target_health_state|target_failover"
        r"|send_tcp_reset|lambda\.|waf\.http2|routing\.http2"
    ),
    "Listener": re.compile(rf"tcp\.|send_tcp_reset|routing\.http\.request\.({'|'.join(_RENAMED)})\."),
}
"""Keys of AWS for things that are not offered here: other load balancers, Lambda, mutual TLS."""


def modified(
    what: str, known: Mapping[str, Attribute], now: Mapping[str, str], parameters: Parameters
) -> Attributes:
    """All attributes of a thing after a request's `Attributes`; `what` is "Load balancer", "Target group", ..."""
    wanted: Attributes = {}
    for each in required(parameters, "Attributes"):
        key, value = each.get("Key"), each.get("Value", "")
        if key not in known:
            _unknown(what, key)
        if key in wanted:
            invalid(f"{what} attribute key '{key}' was specified more than once")
        if not isinstance(value, str):
            invalid(f"The value of attribute '{key}' must be text")
        if fault := known[key].fault(value):
            misconfigured(f"{what} attribute '{key}' with value '{value}' is not valid: it {fault}")
        wanted[key] = value
    return {**now, **wanted}


def _unknown(what: str, key: Any) -> NoReturn:
    if isinstance(key, str) and _OTHERS[what].match(key):
        misconfigured(
            f"{what} attribute key '{key}' is not supported on load balancers with type 'application'"
        )
    invalid(f"{what} attribute key '{key}' is not recognized")


def defaults(known: Mapping[str, Attribute]) -> Attributes:
    return {key: attribute.default for key, attribute in known.items()}


def listed(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    """Attributes as the API lists them."""
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


def check_load_balancer(attributes: Mapping[str, str]) -> None:
    """Refuses what needs something that is not there."""
    for log in ("access_logs", "connection_logs", "health_check_logs"):
        if attributes[f"{log}.s3.enabled"] == "true":
            bucket = attributes[f"{log}.s3.bucket"]
            if not bucket:
                misconfigured(f"The value of '{log}.s3.bucket' cannot be empty")
            misconfigured(_NO_BUCKET.format(bucket=bucket))


def check_target_group(attributes: Mapping[str, str]) -> None:
    """Refuses what does not go together."""
    algorithm = attributes[ALGORITHM].replace("_", " ")
    sticky = attributes["stickiness.enabled"] == "true"
    if attributes[SLOW_START] != "0" and algorithm != "round robin":
        misconfigured(f"You cannot enable both slow start and {algorithm} algorithm on a target group")
    if algorithm == "weighted random" and sticky:
        misconfigured("You cannot enable both stickiness and weighted random algorithm on a target group")
    if attributes[MITIGATION] == "on" and algorithm != "weighted random":
        misconfigured("You can enable anomaly mitigation only with the weighted random algorithm")
    if sticky and attributes[CROSS_ZONE] == "false":
        misconfigured(
            "You cannot enable stickiness on a target group with cross-zone load balancing turned off"
        )
    named = attributes["stickiness.app_cookie.cookie_name"] or attributes["stickiness.type"] != "app_cookie"
    if sticky and not named:
        misconfigured("You must specify 'stickiness.app_cookie.cookie_name' for stickiness type 'app_cookie'")
    for failover, routing, unit in (
        (FAILOVER_COUNT, ROUTING_COUNT, "count"),
        (FAILOVER_SHARE, ROUTING_SHARE, "percentage"),
    ):
        both = [attributes[key] for key in (failover, routing)]
        if "off" not in both and int(both[0]) < int(both[1]):
            misconfigured(
                f"The {unit} of '{_FAILOVER}' must be greater than or equal to that of '{_ROUTING}'"
            )

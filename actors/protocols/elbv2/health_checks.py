"""Health check settings of target groups: defaults, ranges, matchers.

The API reference says 6 s for the default timeout, the user guide 5 s; 5 s is what its examples show.
"""

import re
from collections.abc import Mapping
from typing import Any

from actors.protocols.elbv2.validation import Parameters, between, invalid

Settings = dict[str, Any]

_RANGES = {
    "HealthCheckIntervalSeconds": (30, 5, 300),
    "HealthCheckTimeoutSeconds": (5, 2, 120),
    "HealthyThresholdCount": (5, 2, 10),
    "UnhealthyThresholdCount": (2, 2, 10),
}
GRPC_PATH = "/AWS.ALB/healthcheck"


def settings(parameters: Parameters, old: Mapping[str, Any], target_type: str, version: str) -> Settings:
    """The settings as a request leaves them; `old` is empty for a new group. Raises AwsError."""
    if parameters.get("HealthCheckEnabled") is False:
        invalid(f"Health check enabled must be true for target groups with target type '{target_type}'")
    protocol = parameters.get("HealthCheckProtocol") or old.get("HealthCheckProtocol") or "HTTP"
    if protocol not in ("HTTP", "HTTPS"):
        invalid(
            f"Health check protocol '{protocol}' is not supported for target groups with protocol HTTP or HTTPS"
        )
    default_path = GRPC_PATH if version == "GRPC" else "/"
    new: Settings = {
        "HealthCheckEnabled": True,
        "HealthCheckProtocol": protocol,
        "HealthCheckPort": _port(
            parameters.get("HealthCheckPort") or old.get("HealthCheckPort") or "traffic-port"
        ),
        "HealthCheckPath": _path(
            parameters.get("HealthCheckPath") or old.get("HealthCheckPath") or default_path
        ),
    }
    for name, (default, low, high) in _RANGES.items():
        value = parameters.get(name)
        new[name] = between(old.get(name, default) if value is None else value, name, low, high)
    interval, timeout = new["HealthCheckIntervalSeconds"], new["HealthCheckTimeoutSeconds"]
    if timeout >= interval:
        if parameters.get("HealthCheckTimeoutSeconds") is None:
            invalid("Health check interval must be greater than the timeout.")
        invalid(f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'")
    matcher = parameters.get("Matcher")
    new["Matcher"] = (
        _matcher(matcher, version) if matcher else old.get("Matcher") or _default_matcher(version)
    )
    return new


def _port(port: Any) -> str:
    if port != "traffic-port" and not (re.fullmatch(r"\d{1,5}", str(port)) and 1 <= int(port) <= 65535):
        invalid(f"Health check port '{port}' must be a number between 1 and 65535, or 'traffic-port'")
    return str(port)


def _path(path: Any) -> str:
    if not isinstance(path, str) or len(path) > 1024:
        invalid("Health check path cannot be longer than '1024' characters")
    if not re.fullmatch(r"/[!-~]*", path):
        invalid(f"Health check path '{path}' must begin with a '/' character and have no spaces")
    return path


def _default_matcher(version: str) -> dict[str, str]:
    return {"GrpcCode": "12"} if version == "GRPC" else {"HttpCode": "200"}


def _matcher(matcher: Mapping[str, Any], version: str) -> dict[str, str]:
    key, digits, low, high = (
        ("GrpcCode", r"\d{1,2}", 0, 99) if version == "GRPC" else ("HttpCode", r"\d{3}", 200, 499)
    )
    if set(matcher) != {key}:
        invalid(
            f"A matcher with '{key}' must be specified for target groups with protocol version '{version}'"
        )
    text = str(matcher[key])
    for part in text.split(","):
        match = re.fullmatch(rf"({digits})(?:-({digits}))?", part)
        if match is None:
            invalid(
                f"Health check matcher '{text}' must be a code, a list like '200,202' or a range like '200-299'"
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if not low <= first <= last <= high:
            invalid(f"Health check matcher '{text}' must have codes between {low} and {high}")
    return {key: text}

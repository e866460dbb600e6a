"""WAF statements: what must hold for a rule to match. A statement is compiled once and asked for every request.

Source: AWS WAF API reference, Statement. What is not here is refused when a web ACL is made.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, ip_address, ip_network
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from actors.protocols.waf.fields import Look, Unsupported, WebRequest, look_at, transformed
from actors.units import SECOND

Holds = Callable[[WebRequest, int], bool]
"""Whether a statement holds for a request at a time (ns)."""

IpSets = Mapping[str, list[str]]
"""Addresses of IP sets (CIDR), by ARN."""

_COMPARE = {"EQ": eq, "NE": ne, "LE": le, "LT": lt, "GE": ge, "GT": gt}
RATE_EVERY_NS = 10 * SECOND
"""AWS WAF looks at rates about every ten seconds (developer guide, "Rate-based rule statement")."""


def compiled(statement: Mapping[str, Any], ip_sets: Callable[[], IpSets]) -> Holds:
    """A statement in the API's shape. `ip_sets` gives the sets as they are now. Raises `Unsupported` and ValueError."""
    if len(statement) != 1:
        raise ValueError(f"a statement has exactly one kind, not {', '.join(sorted(statement)) or 'none'}")
    ((kind, config),) = statement.items()
    match kind:
        case "ByteMatchStatement":
            return _any_value(_look(config), _byte_test(config))
        case "RegexMatchStatement":
            return _any_value(_look(config), _regex_test(str(config["RegexString"])))
        case "SizeConstraintStatement":
            compare, size = _COMPARE[config["ComparisonOperator"]], int(config["Size"])
            return _any_value(_look(config), lambda value: bool(compare(len(value), size)))
        case "IPSetReferenceStatement":
            return _ip_set(config, ip_sets)
        case "RateBasedStatement":
            return _Rate(config, ip_sets)
        case "NotStatement":
            inner = compiled(config["Statement"], ip_sets)
            return lambda request, now_ns: not inner(request, now_ns)
        case "AndStatement" | "OrStatement":
            parts = [compiled(each, ip_sets) for each in config["Statements"]]
            if len(parts) < 2:
                raise ValueError(f"{kind} needs at least two statements")
            every = all if kind == "AndStatement" else any
            return lambda request, now_ns: every([part(request, now_ns) for part in parts])
    raise Unsupported(f"{kind} is not emulated")


def _look(config: Mapping[str, Any]) -> Look:
    return transformed(look_at(config["FieldToMatch"]), list(config["TextTransformations"]))


def _any_value(look: Look, test: Callable[[bytes], bool]) -> Holds:
    return lambda request, now_ns: any(test(value) for value in look(request))


def _byte_test(config: Mapping[str, Any]) -> Callable[[bytes], bool]:
    wanted = config["SearchString"]
    if isinstance(wanted, str):
        wanted = wanted.encode()
    match config["PositionalConstraint"]:
        case "EXACTLY":
            return lambda value: value == wanted
        case "STARTS_WITH":
            return lambda value: value.startswith(wanted)
        case "ENDS_WITH":
            return lambda value: value.endswith(wanted)
        case "CONTAINS":
            return lambda value: wanted in value
        case "CONTAINS_WORD":
            pattern = re.compile(rb"(?<![0-9A-Za-z_])" + re.escape(wanted) + rb"(?![0-9A-Za-z_])")
            return lambda value: pattern.search(value) is not None
    raise ValueError(f"PositionalConstraint {config['PositionalConstraint']!r} is none that there is")


def _regex_test(text: str) -> Callable[[bytes], bool]:
    try:
        pattern = re.compile(text.encode())
    except re.error as error:
        raise ValueError(f"RegexString {text!r}: {error}") from None
    return lambda value: pattern.search(value) is not None


def _ip_set(config: Mapping[str, Any], ip_sets: Callable[[], IpSets]) -> Holds:
    arn, forwarded = str(config["ARN"]), config.get("IPSetForwardedIPConfig")
    if forwarded is not None:
        raise Unsupported(
            "IPSetForwardedIPConfig is not emulated: IP sets are compared with the client's own address"
        )
    if arn not in ip_sets():
        raise ValueError(f"there is no IP set {arn}")

    def holds(request: WebRequest, now_ns: int) -> bool:
        address = ip_address(request.source)
        return any(address in ip_network(cidr) for cidr in ip_sets().get(arn, ()))

    return holds


class _Rate:
    """RateBasedStatement: addresses that have asked more than `Limit` times in the window.

    Requests are counted exactly; like AWS's, the verdict on an address lags behind by up to ten seconds."""

    def __init__(self, config: Mapping[str, Any], ip_sets: Callable[[], IpSets]) -> None:
        if config["AggregateKeyType"] != "IP":
            raise Unsupported(f"AggregateKeyType {config['AggregateKeyType']!r} is not emulated; there is IP")
        self._limit = int(config["Limit"])
        window_s = int(config.get("EvaluationWindowSec", 300))
        if not 10 <= self._limit <= 2_000_000_000:
            raise ValueError("Limit must lie between 10 and 2000000000")
        if window_s not in (60, 120, 300, 600):
            raise ValueError("EvaluationWindowSec must be 60, 120, 300 or 600")
        scope = config.get("ScopeDownStatement")
        self._counts = compiled(scope, ip_sets) if scope else lambda request, now_ns: True
        self._window_ns = window_s * SECOND
        self._asked: dict[str, deque[int]] = {}
        self._limited: set[str] = set()
        self._judged_ns = 0

    def __call__(self, request: WebRequest, now_ns: int) -> bool:
        if not self._counts(request, now_ns):
            return False
        self._asked.setdefault(request.source, deque()).append(now_ns)
        if now_ns - self._judged_ns >= RATE_EVERY_NS:
            self._judge(now_ns)
        return request.source in self._limited

    def _judge(self, now_ns: int) -> None:
        self._judged_ns = now_ns
        for source, times in list(self._asked.items()):
            while times and times[0] <= now_ns - self._window_ns:
                times.popleft()
            if not times:
                del self._asked[source]
        self._limited = {source for source, times in self._asked.items() if len(times) > self._limit}


def check_cidr(text: str) -> str:
    """An entry of an IP set, as AWS takes it. Raises ValueError."""
    network = ip_network(text, strict=False)
    if not isinstance(network, IPv4Network) or "/" not in text or network.prefixlen == 0:
        raise ValueError(f"{text!r} is no IPv4 CIDR from /1 to /32")
    return str(network)

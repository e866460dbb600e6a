"""A web ACL: rules by priority, the first that allows or blocks decides, else the default action does."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from actors.protocols.waf.fields import Unsupported, WebRequest
from actors.protocols.waf.statements import Holds, IpSets, compiled


class Verdict(NamedTuple):
    """`status` is that of the answer to a blocked request, None for one let through. `rule` decided, or the default."""

    status: int | None
    rule: str | None
    counted: tuple[str, ...]
    body: bytes = b""
    content_type: str = ""


class _Rule(NamedTuple):
    name: str
    holds: Holds
    action: Mapping[str, Any]


class WebAcl:
    """Judges requests. Rate-based rules remember what they have seen, so one object lives as long as its ACL."""

    def __init__(self, web_acl: Mapping[str, Any], ip_sets: Callable[[], IpSets]) -> None:
        """From the API's shape. Raises `Unsupported` for what is not emulated and ValueError for what is wrong."""
        self._default = _action(web_acl["DefaultAction"], ("Allow", "Block"))
        self._bodies: Mapping[str, Any] = web_acl.get("CustomResponseBodies") or {}
        rules = sorted(web_acl.get("Rules") or (), key=lambda rule: int(rule["Priority"]))
        priorities = [int(rule["Priority"]) for rule in rules]
        if len(set(priorities)) < len(priorities):
            raise ValueError("two rules have the same priority")
        self._rules = [self._compiled(rule, ip_sets) for rule in rules]

    def _compiled(self, rule: Mapping[str, Any], ip_sets: Callable[[], IpSets]) -> _Rule:
        name = str(rule["Name"])
        if "Action" not in rule:
            raise Unsupported(f"rule {name}: rule groups are not emulated; give an Action")
        try:
            action = _action(rule["Action"], ("Allow", "Block", "Count"))
            self._check_response(action)
            return _Rule(name, compiled(rule["Statement"], ip_sets), action)
        except KeyError as error:
            raise ValueError(f"rule {name}: {error} is missing") from None
        except Unsupported as error:
            raise Unsupported(f"rule {name}: {error}") from None
        except ValueError as error:
            raise ValueError(f"rule {name}: {error}") from None

    def _check_response(self, action: Mapping[str, Any]) -> None:
        response = (action.get("Block") or {}).get("CustomResponse") or {}
        if response.get("ResponseHeaders"):
            raise Unsupported("ResponseHeaders of a custom response are not emulated")
        key = response.get("CustomResponseBodyKey")
        if key is not None and key not in self._bodies:
            raise ValueError(f"there is no custom response body {key!r}")

    def judge(self, request: WebRequest, now_ns: int) -> Verdict:
        """What becomes of a request."""
        counted: list[str] = []
        for rule in self._rules:
            if rule.holds(request, now_ns):
                if "Count" not in rule.action:
                    return self._verdict(rule.action, rule.name, tuple(counted))
                counted.append(rule.name)
        return self._verdict(self._default, None, tuple(counted))

    def _verdict(self, action: Mapping[str, Any], rule: str | None, counted: tuple[str, ...]) -> Verdict:
        if "Allow" in action:
            return Verdict(None, rule, counted)
        response = (action["Block"] or {}).get("CustomResponse") or {}
        status = int(response.get("ResponseCode", 403))
        body = self._bodies.get(response.get("CustomResponseBodyKey", ""))
        if body is None:
            return Verdict(status, rule, counted)
        media = {"TEXT_PLAIN": "text/plain", "TEXT_HTML": "text/html"}.get(
            body["ContentType"], "application/json"
        )
        return Verdict(status, rule, counted, str(body["Content"]).encode(), media)


def _action(action: Mapping[str, Any], known: tuple[str, ...]) -> Mapping[str, Any]:
    if len(action) != 1 or next(iter(action)) not in known:
        raise Unsupported(
            f"action {', '.join(action) or 'none'} is not emulated; there are {', '.join(known)}"
        )
    return action

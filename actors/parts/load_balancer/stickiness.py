"""Stickiness of one request: what its cookies ask for, and the cookies that the answer brings.

Two kinds go together. A weighted forward action may keep a client with the target group that it was given
(AWSALBTG); a target group may keep it with the target: by a cookie of the load balancer's own (AWSALB), or bound to
one of the application's (AWSALBAPP). Each answer renews both the cookie and the time for which it holds.
"""

from typing import TYPE_CHECKING, NamedTuple

from actors.parts.load_balancer.node import Node
from actors.protocols.balancing import TargetId
from actors.protocols.http1 import Request, Response
from actors.protocols.sticky_cookies import Held, cookies, set_cookie, sets_cookie

if TYPE_CHECKING:
    from actors.parts.load_balancer.attributes import TargetGroupAttributes

GROUP, GROUP_CORS = b"AWSALBTG", b"AWSALBTGCORS"
TARGET, TARGET_CORS = b"AWSALB", b"AWSALBCORS"
APPLICATION = tuple(b"AWSALBAPP-%d" % number for number in range(4))


class _Target(NamedTuple):
    target_group: str
    id: TargetId
    application_cookie: bytes | None


class Stickiness:
    """Belongs to one exchange whose rule or target group is sticky."""

    def __init__(self, node: Node, request: Request) -> None:
        self._node = node
        self._brought = cookies(request.lines)
        self._group: str | None = None
        self._target: _Target | None = None

    # ---- what the request asks for -----------------------------------------------------------------------

    def group_of(self, target_groups: list[str], duration_s: int) -> str | None:
        """The target group that the client has been with; None if there is none among these, or no longer."""
        held = self._held(self._value(GROUP_CORS, GROUP), target_groups, duration_s)
        return None if held is None else held.target_group

    def came_with_unreadable_group(self, target_groups: list[str]) -> bool:
        """Whether it brings an AWSALBTG cookie that says nothing about these groups."""
        value = self._value(GROUP_CORS, GROUP)
        return value is not None and self._node.seal.open(value, target_groups) is None

    def target_of(self, target_group: str, attributes: "TargetGroupAttributes") -> TargetId | None:
        """The target that the client has been with."""
        if attributes.sticky_type == "lb_cookie":
            value, duration_s = self._value(TARGET_CORS, TARGET), attributes.lb_cookie_s
        else:
            parts = [self._brought[name] for name in APPLICATION if name in self._brought]
            whole = bool(parts) and attributes.app_cookie_name.encode() in self._brought
            value, duration_s = b"".join(parts) if whole else None, attributes.app_cookie_s
        held = self._held(value, [target_group], duration_s)
        return None if held is None else held.target

    def _value(self, *names: bytes) -> bytes | None:
        return next((self._brought[name] for name in names if name in self._brought), None)

    def _held(self, value: bytes | None, target_groups: list[str], duration_s: int) -> Held | None:
        held = None if value is None else self._node.seal.open(value, target_groups)
        if held is None or self._node.unix_s() > held.unix_s + duration_s:
            return None
        return held

    # ---- what the answer brings --------------------------------------------------------------------------

    def keep_group(self, target_group: str) -> None:
        """The client is to come back to this group."""
        self._group = target_group

    def keep_target(self, target_group: str, target: TargetId, attributes: "TargetGroupAttributes") -> None:
        """The client is to come back to this target."""
        own = attributes.sticky_type == "lb_cookie"
        name = None if own else attributes.app_cookie_name.encode()
        self._target = _Target(target_group, target, name)

    def cookies_for(self, response: Response) -> bytes:
        """`Set-Cookie` lines to add to the head of the target's response."""
        lines = b""
        if self._group is not None:
            lines += self._pair(GROUP, GROUP_CORS, self._sealed(self._group, None))
        if self._target is None:
            return lines
        group, target, application_cookie = self._target
        if application_cookie is None:
            return lines + self._pair(TARGET, TARGET_CORS, self._sealed(group, target))
        if sets_cookie(response.lines, application_cookie) or self._continues(application_cookie):
            lines += set_cookie(APPLICATION[0], self._sealed(group, target), self._node.unix_s())
        return lines

    def _continues(self, application_cookie: bytes) -> bool:
        """The client is in a session of the application's already."""
        return application_cookie in self._brought and APPLICATION[0] in self._brought

    def _sealed(self, target_group: str, target: TargetId | None) -> bytes:
        node = self._node
        return node.seal.close(target_group, target, node.unix_s(), node.context.random)

    def _pair(self, name: bytes, cross_origin: bytes, value: bytes) -> bytes:
        unix_s = self._node.unix_s()
        return set_cookie(name, value, unix_s) + set_cookie(cross_origin, value, unix_s, cross_origin=True)

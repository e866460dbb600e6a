"""A load balancer's node asks AWS WAF about its requests, if a web ACL is associated with the load balancer."""

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

from actors.element import CallFailed, Context
from actors.parts.aws.client import follow

WAF_TIMEOUT_S = 1.0
"""How long a node waits for a verdict. AWS does not say."""
MAX_BODY = 8 * 1024
"""So much of a body is inspected (AWS WAF developer guide, "Body inspection size limit", for load balancers)."""
TOPIC = "web-acls"


class Blocked(NamedTuple):
    """The answer to a blocked request; a `body` of b"" is the load balancer's own page."""

    status: int
    body: bytes
    content_type: str
    rule: str | None


class WafFailed(Exception):
    """WAF gave no verdict; `reason` is the access log's error_reason."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class Waf:
    """Knows which load balancers have a web ACL, and asks."""

    def __init__(self, context: Context, element: str, aws_api: str) -> None:
        self._context, self._element, self._aws_api = context, element, aws_api
        self._associated: frozenset[str] = frozenset()

    def start(self) -> None:
        self._context.spawn(follow(self._context, self._aws_api, TOPIC, self._changed), "web ACLs")

    def _changed(self, items: dict[str, Any], keys: Any) -> None:
        parts = (key.partition("/") for key in items)
        self._associated = frozenset(arn for kind, _, arn in parts if kind == "association")

    def judges(self, load_balancer: str) -> bool:
        """Whether a web ACL is associated with it."""
        return load_balancer in self._associated

    async def judge(
        self,
        load_balancer: str,
        source: str,
        method: bytes,
        target: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
    ) -> Blocked | None:
        """None for a request that is let through. Raises `WafFailed`."""
        path, _, query = target.partition(b"?")
        request = {
            "source": source,
            "method": method,
            "path": path,
            "query": query,
            "headers": [list(each) for each in headers],
            "body": body[:MAX_BODY],
        }
        try:
            async with asyncio.timeout(WAF_TIMEOUT_S):
                verdict = await self._context.call(
                    self._element, "judge", load_balancer=load_balancer, request=request
                )
        except TimeoutError:
            raise WafFailed(
                "WAFConnectionTimeout", f"AWS WAF did not answer within {WAF_TIMEOUT_S:g} s"
            ) from None
        except CallFailed as error:
            raise WafFailed("WAFConnectionError", f"AWS WAF cannot be reached: {error}") from None
        self._context.record(
            "waf.verdict",
            web_acl=verdict["web_acl"],
            rule=verdict["rule"],
            allowed=verdict["allowed"],
            counted=verdict["counted"],
        )
        if verdict["allowed"]:
            return None
        return Blocked(verdict["status"], verdict["body"], verdict["content_type"], verdict["rule"])

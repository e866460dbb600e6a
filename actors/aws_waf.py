"""AWS WAF: judges the requests of load balancers that have a web ACL.

How this works. It follows the topic `web-acls` of AWS's API. A node of a load balancer asks it (`judge`) before it
looks at its rules; while nobody answers, the node goes by `waf.fail_open.enabled`.
"""

from typing import Any

from pydantic import Field

from actors.element import CallFailed, Context, Element, ElementConfig, ElementName
from actors.parts.aws.client import follow
from actors.protocols.waf.fields import WebRequest
from actors.protocols.waf.registry import unpacked
from actors.protocols.waf.web_acl import WebAcl

TOPIC = "web-acls"


class Config(ElementConfig):
    """AWS WAF of one region."""

    aws_api: ElementName = Field(default=ElementName("aws-api"), description="where web ACLs come from")


class AwsWaf(Element):
    """Judges requests by web ACLs."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self._items: dict[str, Any] = {}
        self._acls: dict[str, WebAcl] = {}

    async def start(self) -> None:
        self.context.spawn(follow(self.context, self.config.aws_api, TOPIC, self._changed), "web ACLs")

    def on_frame(self, port: str, frame: bytes) -> None:
        """It is on no link."""

    def _changed(self, items: dict[str, Any], keys: Any) -> None:
        self._items = items
        for key in sorted(keys):
            kind, _, arn = key.partition("/")
            if kind != "web-acl":
                continue
            self._acls.pop(arn, None)
            if key in items:
                self._acls[arn] = WebAcl(unpacked(items[key]), self._addresses)
                self.context.event("waf.web_acl", arn=arn, rules=len(items[key].get("Rules") or ()))

    def _addresses(self) -> dict[str, list[str]]:
        sets = ((key.partition("/"), value) for key, value in self._items.items())
        return {arn: addresses for (kind, _, arn), addresses in sets if kind == "ip-set"}

    async def call_judge(self, load_balancer: str, request: dict[str, Any]) -> dict[str, Any]:
        """What becomes of a request to a load balancer (its ARN): whether it is `allowed`, else `status`, `body` and
        `content_type` of the answer; `web_acl`, the `rule` that decided, and rules that only `counted` it."""
        arn = self._items.get(f"association/{load_balancer}")
        if arn is None or arn not in self._acls:
            return {"allowed": True, "web_acl": None, "rule": None, "counted": []}
        try:
            asked = WebRequest.of(request)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise CallFailed(f"{self.context.name}: not a request: {error!r}") from None
        verdict = self._acls[arn].judge(asked, self.context.now_ns())
        action = "allow" if verdict.status is None else "block"
        self.context.metrics.counter("journey_waf_requests_total", web_acl=arn, action=action).value += 1
        return {
            "allowed": verdict.status is None,
            "status": verdict.status,
            "body": verdict.body,
            "content_type": verdict.content_type,
            "web_acl": arn,
            "rule": verdict.rule,
            "counted": list(verdict.counted),
        }

    def inspect(self) -> dict[str, Any]:
        """Which web ACLs there are, and whose requests they judge."""
        kinds = [(key.partition("/"), value) for key, value in sorted(self._items.items())]
        return {
            "web_acls": [arn for (kind, _, arn), _ in kinds if kind == "web-acl"],
            "load_balancers": {arn: acl for (kind, _, arn), acl in kinds if kind == "association"},
        }

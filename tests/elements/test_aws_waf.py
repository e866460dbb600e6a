"""AWS WAF with AWS's API: web ACLs come from there, and load balancers' nodes ask."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.element import Context, Element
from actors.parts.load_balancer.waf import Blocked, Waf, WafFailed
from actors.runtime.virtual import VirtualNetwork

LB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"
SEEN = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}


class Node(Element):
    """A load balancer's node, as far as WAF goes."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.waf = Waf(context, "aws-waf", "aws-api")

    async def start(self) -> None:
        self.waf.start()

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")

    async def aws(self, operation: str, **parameters: Any) -> dict[str, Any]:
        arguments = {"service": "wafv2", "operation": operation, "parameters": parameters, "caller": "test"}
        answer = await self.context.call("aws-api", "request", **arguments)
        assert "error" not in answer, answer
        return answer

    async def judge(self, target: bytes, body: bytes = b"") -> Blocked | None:
        return await self.waf.judge(LB, "198.51.100.1", b"GET", target, [(b"Host", b"x")], body)


def play(story: Callable[[Node, VirtualNetwork], Awaitable[None]]) -> VirtualNetwork:
    net = VirtualNetwork(seed=1)
    net.add("aws-api", "aws_api", {})
    net.add("aws-waf", "aws_waf", {})
    net.add_element("alb", Node)

    async def whole() -> None:
        # The ELBv2 service is not what this is about: any ARN is a load balancer's.
        net.element("aws-api").plane.services["wafv2"]._registry._is_load_balancer = lambda arn: True
        await story(net.element("alb"), net)

    net.run(whole())
    return net


def rule(name: str, path: str, action: dict[str, Any], priority: int) -> dict[str, Any]:
    match = {
        "SearchString": path.encode(),
        "FieldToMatch": {"UriPath": {}},
        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        "PositionalConstraint": "STARTS_WITH",
    }
    statement = {"ByteMatchStatement": match}
    return {
        "Name": name,
        "Priority": priority,
        "Statement": statement,
        "Action": action,
        "VisibilityConfig": SEEN,
    }


async def protect(node: Node) -> str:
    rules = [rule("admin", "/admin", {"Block": {}}, 1)]
    made = await node.aws(
        "CreateWebACL",
        Name="acl",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig=SEEN,
        Rules=rules,
    )
    await node.aws("AssociateWebACL", WebACLArn=made["Summary"]["ARN"], ResourceArn=LB)
    await node.context.sleep(1)
    return str(made["Summary"]["ARN"])


def test_a_web_acl_that_is_associated_judges_requests():
    async def story(node: Node, net: VirtualNetwork) -> None:
        assert not node.waf.judges(LB)
        await protect(node)
        assert node.waf.judges(LB)
        assert await node.judge(b"/admin?x=1") == Blocked(403, b"", "", "admin")
        assert await node.judge(b"/shop") is None
        assert list(net.element("aws-waf").inspect()["load_balancers"]) == [LB]
        await node.aws("DisassociateWebACL", ResourceArn=LB)
        await node.context.sleep(1)
        assert not node.waf.judges(LB)
        assert await node.judge(b"/admin") is None

    play(story)


def test_acls_survive_the_death_of_all_who_know_them(tmp_path: Any):
    async def story(node: Node, net: VirtualNetwork) -> None:
        await protect(node)
        await net.restart("aws-waf")
        await node.context.sleep(1)
        assert await node.judge(b"/admin") == Blocked(403, b"", "", "admin")

    play(story)


def test_without_waf_there_is_no_verdict():
    async def story(node: Node, net: VirtualNetwork) -> None:
        await protect(node)
        await net.hosts["aws-waf"].die()
        with pytest.raises(WafFailed) as caught:
            await node.judge(b"/admin")
        assert caught.value.reason in ("WAFConnectionError", "WAFConnectionTimeout")

    play(story)

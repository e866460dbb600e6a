"""AWS WAF (wafv2): web ACLs and IP sets. The element `aws_waf` follows the topic `web-acls` and judges by it."""

from collections.abc import Mapping

from actors.parts.aws_api.plane import Handler, Plane
from actors.protocols.waf.registry import WafRegistry

TOPIC = "web-acls"


class Wafv2:
    """Web ACLs of REGIONAL scope, for load balancers."""

    name = "wafv2"

    def __init__(self, plane: Plane) -> None:
        tables = (plane.store.table(f"wafv2/{name}") for name in ("ip-sets", "web-acls", "associations"))
        self._ip_sets, self._web_acls, self._associations = tables
        self._topic = plane.topics.topic(TOPIC)
        self._registry = WafRegistry(
            self._ip_sets,
            self._web_acls,
            self._associations,
            arn=lambda rest: plane.arn("wafv2", rest),
            is_load_balancer=lambda arn: _is_load_balancer(plane, arn),
            dice=plane.context.random,
            changed=self.start,
        )
        self.operations: Mapping[str, Handler] = self._registry.operations

    def start(self) -> None:
        """Tell those who judge requests what there is."""
        self._topic.replace(
            {
                **{f"ip-set/{arn}": kept["Addresses"] for arn, kept in self._ip_sets.items()},
                **{f"web-acl/{arn}": kept for arn, kept in self._web_acls.items()},
                **{f"association/{resource}": arn for resource, arn in self._associations.items()},
            }
        )


def _is_load_balancer(plane: Plane, arn: str) -> bool:
    service = plane.services.get("elbv2")
    if service is None:
        return False
    operation = service.operations["DescribeLoadBalancers"]
    answer = operation({})
    assert isinstance(answer, dict)
    return any(each["LoadBalancerArn"] == arn for each in answer["LoadBalancers"])

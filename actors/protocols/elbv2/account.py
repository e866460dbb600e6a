"""What an account may have, and the security policies there are: DescribeAccountLimits, DescribeSSLPolicies."""

from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2 import actions, attributes, listeners, load_balancers, rules, target_groups
from actors.protocols.elbv2.validation import Parameters, one_of, page
from actors.protocols.elbv2.world import World

LIMITS = {
    "target-groups": target_groups.MAX_GROUPS,
    "targets-per-application-load-balancer": actions.MAX_TARGETS_PER_LOAD_BALANCER,
    "listeners-per-application-load-balancer": listeners.MAX_LISTENERS,
    "rules-per-application-load-balancer": rules.MAX_RULES,
    "application-load-balancers": load_balancers.MAX_LOAD_BALANCERS,
    "targets-per-target-group": attributes.TARGETS_PER_GROUP,
    "certificates-per-application-load-balancer": listeners.MAX_CERTIFICATES,
    "target-groups-per-application-load-balancer": actions.MAX_GROUPS_PER_LOAD_BALANCER,
    "target-groups-per-action-on-application-load-balancer": actions.MAX_GROUPS_PER_ACTION,
    "condition-values-per-alb-rule": 5,
    "condition-wildcards-per-alb-rule": 6,
}
"""Quotas for Application Load Balancers by the API's names; all of them are enforced."""


class Account:
    """The two operations that are about no load balancer."""

    def __init__(self, world: World) -> None:
        self._world = world

    def describe_limits(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeAccountLimits."""
        limits = [{"Name": name, "Max": str(number)} for name, number in LIMITS.items()]
        return page(list(enumerate(limits)), parameters, "Limits")

    def describe_ssl_policies(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeSSLPolicies: those that the nodes have."""
        policies, names = self._world.ssl_policies, parameters.get("Names")
        kind = parameters.get("LoadBalancerType") or "application"
        if one_of(kind, "LoadBalancerType", ("application", "network", "gateway")) != "application":
            policies = {}
        for name in names or ():
            if name not in policies:
                raise AwsError("SSLPolicyNotFound", "One or more SSL policies not found")
        chosen = [policy for name, policy in policies.items() if not names or name in names]
        return page(list(enumerate(chosen)), parameters, "SslPolicies")

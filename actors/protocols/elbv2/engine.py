"""Elastic Load Balancing as one engine: operations by their names, what the passing of time does, and what follows.

How this works. `handle` carries out an operation at once, in one piece, or raises `AwsError` and has changed nothing.
`deadline_ns` says when something happens by itself, `on_deadline` lets it happen. After either, `documents` says what
the nodes must know from now on, and `addresses` what the names of load balancers resolve to. DescribeTargetHealth,
which only the nodes can answer, is asked and answered in two steps: `targets.ask`, `targets.answer`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from actors.protocols.elbv2.account import Account
from actors.protocols.elbv2.attribute_calls import attribute_calls
from actors.protocols.elbv2.documents import Documents
from actors.protocols.elbv2.listeners import Listeners
from actors.protocols.elbv2.load_balancers import LoadBalancers
from actors.protocols.elbv2.rules import Rules
from actors.protocols.elbv2.state import State
from actors.protocols.elbv2.tags import Tags
from actors.protocols.elbv2.target_groups import TargetGroups
from actors.protocols.elbv2.targets import Propagation, Targets
from actors.protocols.elbv2.world import World

Operation = Callable[[Mapping[str, Any], int], dict[str, Any]]


class Delays(NamedTuple):
    """How long AWS takes for what goes on after an answer, in nanoseconds."""

    provisioning_ns: int
    registration_ns: int
    deregistration_ns: int


class Engine:
    """All operations but DescribeTargetHealth are in `operations`, each of `(parameters, now_ns)`."""

    def __init__(self, state: State, world: World, delays: Delays, time_text: Callable[[int], str]) -> None:
        self.state = state
        self.load_balancers = LoadBalancers(state, world, delays.provisioning_ns, time_text)
        self.targets = Targets(state, world, Propagation(delays.registration_ns, delays.deregistration_ns))
        self.documents = Documents(state, world)
        self.operations: dict[str, Operation] = {
            "CreateLoadBalancer": self.load_balancers.create,
            "SetSubnets": self.load_balancers.set_subnets,
            "RegisterTargets": self.targets.register,
            "DeregisterTargets": self.targets.deregister,
            **{
                name: _timeless(operation)
                for name, operation in _others(state, world, self.load_balancers).items()
            },
        }

    def handle(self, operation: str, parameters: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        """The answer in the API's shape. Raises AwsError."""
        return self.operations[operation](parameters, now_ns)

    def deadline_ns(self, now_ns: int) -> int | None:
        """When something happens by itself, in nanoseconds since 1970."""
        times = (self.load_balancers.deadline_ns(now_ns), self.targets.deadline_ns(now_ns))
        return min((time for time in times if time is not None), default=None)

    def on_deadline(self, now_ns: int) -> list[str]:
        """What was due by now has happened; answers the names of the load balancers that are active now."""
        self.targets.on_deadline(now_ns)
        return self.load_balancers.on_deadline(now_ns)


Timeless = Callable[[Mapping[str, Any]], dict[str, Any]]


def _others(state: State, world: World, load_balancers: LoadBalancers) -> dict[str, Timeless]:
    listeners, rules, groups = Listeners(state, world), Rules(state), TargetGroups(state, world)
    tags, account = Tags(state), Account(world)
    return {
        "DescribeLoadBalancers": load_balancers.describe,
        "DeleteLoadBalancer": load_balancers.delete,
        "SetSecurityGroups": load_balancers.set_security_groups,
        "SetIpAddressType": load_balancers.set_ip_address_type,
        "CreateListener": listeners.create,
        "DescribeListeners": listeners.describe,
        "ModifyListener": listeners.modify,
        "DeleteListener": listeners.delete,
        "AddListenerCertificates": listeners.add_certificates,
        "RemoveListenerCertificates": listeners.remove_certificates,
        "DescribeListenerCertificates": listeners.describe_certificates,
        "CreateRule": rules.create,
        "DescribeRules": rules.describe,
        "ModifyRule": rules.modify,
        "DeleteRule": rules.delete,
        "SetRulePriorities": rules.set_priorities,
        "CreateTargetGroup": groups.create,
        "DescribeTargetGroups": groups.describe,
        "ModifyTargetGroup": groups.modify,
        "DeleteTargetGroup": groups.delete,
        **attribute_calls(state),
        "AddTags": tags.add,
        "RemoveTags": tags.remove,
        "DescribeTags": tags.describe,
        "DescribeAccountLimits": account.describe_limits,
        "DescribeSSLPolicies": account.describe_ssl_policies,
    }


def _timeless(operation: Timeless) -> Operation:
    return lambda parameters, now_ns: operation(parameters)

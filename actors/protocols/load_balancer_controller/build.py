"""From the Ingresses of a group to what AWS must have for them (pkg/ingress/model_builder.go)."""

from collections.abc import Mapping
from typing import Any

from actors.protocols.load_balancer_controller import backends, listeners, rules
from actors.protocols.load_balancer_controller.annotations import BuildError, check
from actors.protocols.load_balancer_controller.forwarding import Forwarding, service_of
from actors.protocols.load_balancer_controller.groups import Group, Member
from actors.protocols.load_balancer_controller.load_balancer import Balancer
from actors.protocols.load_balancer_controller.model import Facts, Listener, Rule, Stack
from actors.protocols.load_balancer_controller.target_groups import Surroundings

Object = dict[str, Any]


def build(group: Group, services: Mapping[str, Object], facts: Facts) -> Stack:
    """`services` by `namespace/name`. Raises `BuildError`."""
    if not group.members:
        return Stack(group.id)
    for member in group.members:
        check(member.ingress["metadata"].get("annotations") or {})
        _check_auth(member)
        _check_parameters(member)
    return _Build(group, services, facts).stack()


def _check_auth(member: Member) -> None:
    kind = member.annotations.text("auth-type")
    if kind not in (None, "none"):
        raise BuildError(
            f"annotation auth-type {kind} is not emulated: the load balancer does not authenticate"
        )


PARAMETERS_NOT_OFFERED = (
    "wafv2AclArn",
    "wafv2AclName",
    "prefixListsIDs",
    "minimumLoadBalancerCapacity",
    "ipamConfiguration",
)


def _check_parameters(member: Member) -> None:
    for name in PARAMETERS_NOT_OFFERED:
        if name in member.parameters:
            raise BuildError(f"IngressClassParams' {name} is not emulated")
    kind = member.parameters.get("ipAddressType") or member.annotations.text("ip-address-type") or "ipv4"
    if kind not in ("ipv4", "dualstack", "dualstack-without-public-ipv4"):
        raise BuildError(f"unknown IPAddressType: {kind}")
    if kind != "ipv4":
        raise BuildError(f"IPAddressType {kind} is not emulated: the world has IPv4 only")


class _Build:
    """One building of one stack."""

    def __init__(self, group: Group, services: Mapping[str, Object], facts: Facts) -> None:
        self.group, self.facts = group, facts
        self.balancer = balancer = Balancer(group, facts)
        around = Surroundings(
            facts.cluster, group.id, facts.vpc_id, balancer.own_tags, balancer.has_backend_group
        )
        self.forwarding = Forwarding(around, services)

    def stack(self) -> Stack:
        members, balancer = self.group.members, self.balancer
        ports = listeners.ports(members, self.facts.certificates)
        redirect = listeners.ssl_redirect(members, ports)
        default = self._default_actions()
        built = tuple(self._listener(port, redirect, default) for port in ports.values())
        return Stack(
            id=self.group.id,
            load_balancer=balancer.load_balancer(),
            security_group=balancer.managed_group(ports.values()) if balancer.is_managed else None,
            uses_backend_group=balancer.has_backend_group,
            listeners=built,
            target_groups=tuple(self.forwarding.target_groups.values()),
        )

    def _listener(self, port: listeners.Port, redirect: int | None, default: list[Object]) -> Listener:
        redirects = redirect is not None and port.protocol == "HTTP"
        return Listener(
            port=port.number,
            protocol=port.protocol,
            default_actions=[_to_https(redirect)] if redirects else default,
            rules=[] if redirects else self._rules(port),
            tags=self.balancer.tags(str(port.number)),
            certificates=port.certificates,
            ssl_policy=(port.ssl_policy or listeners.DEFAULT_SSL_POLICY)
            if port.protocol == "HTTPS"
            else None,
            attributes=port.attributes,
        )

    def _default_actions(self) -> list[Object]:
        with_default = [each for each in self.group.members if each.ingress["spec"].get("defaultBackend")]
        if len(with_default) > 1:
            keys = " ".join(each.key for each in with_default)
            raise BuildError(f"multiple ingress defined default backend: [{keys}]")
        if not with_default:
            return [backends.fixed_response(404)]
        (member,) = with_default
        return [self.forwarding.action(member, member.ingress["spec"]["defaultBackend"])]

    def _rules(self, port: listeners.Port) -> list[Rule]:
        found: list[Rule] = []
        for member in port.members:
            for rule in member.ingress["spec"].get("rules") or ():
                for path in rules.in_order((rule.get("http") or {}).get("paths") or ()):
                    tags = self.balancer.tags(f"{port.number}:{len(found) + 1}")
                    found.append(self._rule(member, rule.get("host") or "", path, len(found) + 1, tags))
        return found

    def _rule(self, member: Member, host: str, path: Object, priority: int, tags: dict[str, str]) -> Rule:
        name, says = service_of(path["backend"]), member.annotations
        patterns = rules.patterns(path.get("path") or "", path.get("pathType"))
        return Rule(
            priority,
            conditions=backends.rule_conditions(host, patterns, backends.conditions(says, name)),
            actions=[self.forwarding.action(member, path["backend"])],
            tags=tags,
            transforms=backends.transforms(says, name),
        )


def _to_https(port: int | None) -> Object:
    config = {"Protocol": "HTTPS", "Port": str(port), "StatusCode": "HTTP_301"}
    return {"Type": "redirect", "RedirectConfig": config}

"""From the Ingresses of a group to what AWS must have for them (pkg/ingress/model_builder.go)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from actors.protocols.load_balancer_controller import (
    backends,
    listeners,
    names,
    rules,
    subnets,
    target_groups,
)
from actors.protocols.load_balancer_controller.annotations import TAG_PREFIXES, BuildError, check
from actors.protocols.load_balancer_controller.groups import Group, Member
from actors.protocols.load_balancer_controller.model import (
    BACKEND,
    CLUSTER_TAG,
    MANAGED,
    RESOURCE_TAG,
    STACK_TAG,
    Facts,
    Listener,
    LoadBalancer,
    Ref,
    Rule,
    SecurityGroup,
    Stack,
    TargetGroup,
)

Object = dict[str, Any]
Value = TypeVar("Value")

DEFAULT_SCHEME = "internal"
"""`--default-load-balancer-scheme`."""


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
        self.group, self.services, self.facts = group, services, facts
        self.target_groups: dict[str, TargetGroup] = {}
        tags = {CLUSTER_TAG: facts.cluster, STACK_TAG: group.id}
        self.own_tags = {**facts.default_tags, **tags}
        self.user_tags = self._user_tags()
        self.scheme = self._scheme()
        self.security_groups, self.has_backend_group, self.is_managed = self._security_groups()

    def stack(self) -> Stack:
        members = self.group.members
        ports = listeners.ports(members, self.facts.certificates)
        redirect = listeners.ssl_redirect(members, ports)
        default = self._default_actions()
        built = tuple(self._listener(port, redirect, default) for port in ports.values())
        return Stack(
            id=self.group.id,
            load_balancer=self._load_balancer(),
            security_group=self._managed_group(ports.values()) if self.is_managed else None,
            uses_backend_group=self.has_backend_group,
            listeners=built,
            target_groups=tuple(self.target_groups.values()),
        )

    # ---- the load balancer ---------------------------------------------------------------------------------

    def _load_balancer(self) -> LoadBalancer:
        return LoadBalancer(
            name=self._name(),
            scheme=self.scheme,
            subnets=self._subnets(),
            security_groups=self.security_groups,
            attributes=self._attributes(),
            tags=self._tags("LoadBalancer"),
        )

    def _tags(self, resource: str) -> dict[str, str]:
        return {**self.user_tags, **self.own_tags, RESOURCE_TAG: resource}

    def _user_tags(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for member in self.group.members:
            tags = member.annotations.pairs("tags")
            tags |= {each["key"]: each["value"] for each in member.parameters.get("tags") or ()}
            for key, value in tags.items():
                if key.startswith(TAG_PREFIXES):
                    raise BuildError(f"tag key {key} cannot be specified: it is the controller's own")
                if found.setdefault(key, value) != value:
                    raise BuildError(f"conflicting tag {key}: {found[key]} | {value}")
        return found

    def _said(self, say: Callable[[Member], Value | None]) -> list[Value]:
        """What the members say, each thing once, in their order."""
        found: list[Value] = []
        for member in self.group.members:
            value = say(member)
            if value is not None and value not in found:
                found.append(value)
        return found

    def _scheme(self) -> str:
        said = self._said(lambda each: each.parameters.get("scheme") or each.annotations.text("scheme"))
        if len(said) > 1:
            raise BuildError(f"conflicting scheme: {_listed(said)}")
        scheme = said[0] if said else DEFAULT_SCHEME
        if scheme not in subnets.ROLE:
            raise BuildError(f"unknown scheme: {scheme}")
        return str(scheme)

    def _name(self) -> str:
        said = self._said(
            lambda each: (
                each.parameters.get("loadBalancerName") or each.annotations.text("load-balancer-name")
            )
        )
        if len(said) > 1:
            raise BuildError(f"conflicting load balancer name: {_listed(said)}")
        if said and len(said[0]) > names.NAME_LIMIT:
            raise BuildError("load balancer name cannot be longer than 32 characters")
        return said[0] if said else names.load_balancer(self.facts.cluster, self.group.id, self.scheme)

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for member in self.group.members:
            attributes = member.annotations.pairs("load-balancer-attributes")
            of_class = member.parameters.get("loadBalancerAttributes") or ()
            attributes |= {each["key"]: each["value"] for each in of_class}
            for key, value in attributes.items():
                if found.setdefault(key, value) != value:
                    raise BuildError(f"conflicting loadBalancerAttribute {key}: {found[key]} | {value}")
        return found

    def _subnets(self) -> list[str]:
        of_class = self._said(lambda each: each.parameters.get("subnets"))
        known = [each for each in self.facts.subnets if each.get("VpcId") in (None, self.facts.vpc_id)]
        if of_class:
            chosen = of_class[0]
            if chosen.get("ids"):
                return subnets.by_name_or_id(known, chosen["ids"])
            return subnets.by_tags(known, chosen.get("tags") or {})
        said = self._said(lambda each: each.annotations.items("subnets"))
        if len({tuple(sorted(each)) for each in said}) > 1:
            raise BuildError(f"conflicting subnets: {said[0]} | {said[1]}")
        return subnets.by_name_or_id(known, said[0]) if said else subnets.discover(known, self.scheme)

    # ---- security groups -----------------------------------------------------------------------------------

    def _security_groups(self) -> tuple[list[str | Ref], bool, bool]:
        """The load balancer's groups, whether the backend group is among them, whether one is made for clients."""
        said = self._said(lambda each: each.annotations.items("security-groups"))
        if not said:
            return [Ref(MANAGED), Ref(BACKEND)], True, True
        if len({tuple(sorted(each)) for each in said}) > 1:
            raise BuildError(f"conflicting securityGroups: {said[0]} | {said[1]}")
        ids: list[str | Ref] = [*self._named_groups(said[0])]
        manages = any(self._said(lambda each: each.annotations.flag("manage-backend-security-group-rules")))
        return ([*ids, Ref(BACKEND)], True, False) if manages else (ids, False, False)

    def _named_groups(self, wanted: list[str]) -> list[str]:
        found: list[str] = []
        for each in wanted:
            match = [
                group["GroupId"]
                for group in self.facts.security_groups
                if each in (group["GroupId"], subnets.tags_of(group).get("Name"))
            ]
            if not match:
                known = _listed(found)
                raise BuildError(
                    f"couldn't find all security groups: requested [{' '.join(wanted)}] but found {known}"
                )
            found.append(match[0])
        return found

    def _managed_group(self, ports: Iterable[listeners.Port]) -> SecurityGroup:
        permissions = [
            {
                "IpProtocol": "tcp",
                "FromPort": port.number,
                "ToPort": port.number,
                "IpRanges": [{"CidrIp": cidr}],
            }
            for port in ports
            for cidr in port.cidrs or listeners.EVERYBODY
        ]
        return SecurityGroup(
            name=names.managed_security_group(self.facts.cluster, self.group.id),
            description="[k8s] Managed SecurityGroup for LoadBalancer",
            permissions=permissions,
            tags=self._tags(MANAGED),
        )

    # ---- listeners -----------------------------------------------------------------------------------------

    def _listener(self, port: listeners.Port, redirect: int | None, default: list[Object]) -> Listener:
        redirects = redirect is not None and port.protocol == "HTTP"
        return Listener(
            port=port.number,
            protocol=port.protocol,
            default_actions=[_to_https(redirect)] if redirects else default,
            rules=[] if redirects else self._rules(port),
            tags=self._tags(str(port.number)),
            certificates=port.certificates,
            ssl_policy=(port.ssl_policy or listeners.DEFAULT_SSL_POLICY)
            if port.protocol == "HTTPS"
            else None,
            attributes=port.attributes,
        )

    def _default_actions(self) -> list[Object]:
        with_default = [each for each in self.group.members if each.ingress["spec"].get("defaultBackend")]
        if len(with_default) > 1:
            keys = _listed([each.key for each in with_default])
            raise BuildError(f"multiple ingress defined default backend: {keys}")
        if not with_default:
            return [backends.fixed_response(404)]
        (member,) = with_default
        return [self._action(member, member.ingress["spec"]["defaultBackend"])[0]]

    def _rules(self, port: listeners.Port) -> list[Rule]:
        found: list[Rule] = []
        for member in port.members:
            for rule in member.ingress["spec"].get("rules") or ():
                for path in rules.in_order((rule.get("http") or {}).get("paths") or ()):
                    action, extra = self._action(member, path["backend"])
                    patterns = rules.patterns(path.get("path") or "", path.get("pathType"))
                    conditions = backends.rule_conditions(rule.get("host") or "", patterns, extra)
                    priority = len(found) + 1
                    found.append(
                        Rule(priority, conditions, [action], self._tags(f"{port.number}:{priority}"))
                    )
        return found

    # ---- backends ------------------------------------------------------------------------------------------

    def _action(self, member: Member, backend: Object) -> tuple[Object, list[Object]]:
        """What is done for a backend, and the conditions that its annotation adds."""
        reference = backend.get("service")
        if reference is None:
            raise BuildError("missing service in backend: resource backends are not supported")
        name, port = reference["name"], reference.get("port") or {}
        extra = backends.conditions(member.annotations, name)
        if port.get("name") != backends.USE_ANNOTATION:
            return self._forward(member, [{"ServiceName": name, "ServicePort": _port_of(port)}], {}), extra
        action = backends.action(member.annotations, name)
        if action is None:
            return backends.fixed_response(503, backends.NO_ACTION), extra
        if action["Type"] != "forward":
            return action, extra
        config = action["ForwardConfig"]
        return self._forward(member, config["TargetGroups"], config), extra

    def _forward(self, member: Member, groups: list[Object], config: Object) -> Object:
        found = []
        for each in groups:
            arn = self._target_group(member, each)
            if arn is None:
                return backends.fixed_response(503, backends.NO_SERVICE)
            found.append({"TargetGroupArn": arn, "Weight": each.get("Weight", 1)})
        forward: Object = {"TargetGroups": found}
        if "TargetGroupStickinessConfig" in config:
            forward["TargetGroupStickinessConfig"] = config["TargetGroupStickinessConfig"]
        return {"Type": "forward", "ForwardConfig": forward}

    def _target_group(self, member: Member, named: Object) -> Ref | str | None:
        """None if the Service is not there."""
        if "TargetGroupARN" in named:
            return str(named["TargetGroupARN"])
        if "TargetGroupName" in named:
            raise BuildError(
                "targetGroupName in actions is not emulated: name the group by its targetGroupARN"
            )
        service = self.services.get(f"{member.ingress['metadata']['namespace']}/{named['ServiceName']}")
        if service is None:
            return None
        port = named["ServicePort"]
        port = int(port) if isinstance(port, str) and port.isdecimal() else port
        around = target_groups.Surroundings(
            self.facts.cluster, self.group.id, self.facts.vpc_id, self.own_tags, self.has_backend_group
        )
        tags = {**self.own_tags}
        group = target_groups.build(around, member, service, port, tags)
        group.tags[RESOURCE_TAG] = group.id
        self.target_groups.setdefault(group.id, group)
        return Ref(group.id)


def _port_of(port: Object) -> int | str:
    found: int | str = port["name"] if port.get("name") else port["number"]
    return found


def _to_https(port: int | None) -> Object:
    config = {"Protocol": "HTTPS", "Port": str(port), "StatusCode": "HTTP_301"}
    return {"Type": "redirect", "RedirectConfig": config}


def _listed(words: list[str]) -> str:
    return f"[{' '.join(words)}]"

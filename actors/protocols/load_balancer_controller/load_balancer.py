"""The load balancer of a group: what its members say of it together, and its security groups."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from actors.protocols.load_balancer_controller import listeners, names, subnets
from actors.protocols.load_balancer_controller.annotations import TAG_PREFIXES, BuildError
from actors.protocols.load_balancer_controller.groups import Group, Member
from actors.protocols.load_balancer_controller.model import (
    BACKEND,
    CLUSTER_TAG,
    MANAGED,
    RESOURCE_TAG,
    STACK_TAG,
    Facts,
    LoadBalancer,
    Ref,
    SecurityGroup,
)

Object = dict[str, Any]
Value = TypeVar("Value")

DEFAULT_SCHEME = "internal"
"""`--default-load-balancer-scheme`."""


class Balancer:
    """Raises `BuildError` where members disagree, or say what cannot be."""

    def __init__(self, group: Group, facts: Facts) -> None:
        self.group, self.facts = group, facts
        self.own_tags = {**facts.default_tags, CLUSTER_TAG: facts.cluster, STACK_TAG: group.id}
        self.user_tags = self._user_tags()
        self.scheme = self._scheme()
        self.security_groups, self.has_backend_group, self.is_managed = self._security_groups()

    def load_balancer(self) -> LoadBalancer:
        return LoadBalancer(
            name=self._name(),
            scheme=self.scheme,
            subnets=self._subnets(),
            security_groups=self.security_groups,
            attributes=self._attributes(),
            tags=self.tags("LoadBalancer"),
        )

    def tags(self, resource: str) -> dict[str, str]:
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

    def managed_group(self, ports: Iterable[listeners.Port]) -> SecurityGroup:
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
            tags=self.tags(MANAGED),
        )


def _listed(words: list[str]) -> str:
    return f"[{' '.join(words)}]"

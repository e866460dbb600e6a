"""Security groups as EC2 keeps them: created, deleted, and their rules.

How this works. As with network interfaces, a group is a record that is replaced; each verb is one of EC2's and returns
the new record, or raises `AwsError` and has changed nothing. What the rules mean for packets is not known here.
Sources: EC2 API Reference; quotas: VPC User Guide, "Amazon VPC quotas"; restrictions: CreateSecurityGroup.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.ids import not_found, resource_id
from actors.protocols.ec2.permissions import ALL, GroupRule

DEFAULT = "default"
EVERYWHERE = "0.0.0.0/0"
MAX_RULES = 60
"""Inbound or outbound rules of a group (default quota)."""
_TEXT = r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}"


@dataclass(frozen=True)
class SecurityGroup:
    """A group, and what it allows."""

    id: str
    name: str
    vpc: str
    description: str = ""
    rules: tuple[GroupRule, ...] = ()

    def of(self, egress: bool) -> list[GroupRule]:
        """The rules of one direction."""
        return [rule for rule in self.rules if rule.egress == egress]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "SecurityGroup":
        """What `to_json` gave, JSON's lists in place of tuples."""
        return cls(**{**value, "rules": tuple(GroupRule(**rule) for rule in value["rules"])})


class SecurityGroups:
    """All security groups of all VPCs."""

    def __init__(self) -> None:
        self.by_id: dict[str, SecurityGroup] = {}

    def put(self, group: SecurityGroup) -> SecurityGroup:
        """There is such a group: from a config, from the disk, or changed."""
        self.by_id[group.id] = group
        return group

    def known(self, group_id: str) -> SecurityGroup:
        """Raises `AwsError`."""
        if group_id not in self.by_id:
            raise not_found("sg", group_id)
        return self.by_id[group_id]

    def default_of(self, vpc: str) -> SecurityGroup:
        """The group of interfaces that are created without any."""
        return next(each for each in self.by_id.values() if each.vpc == vpc and each.name == DEFAULT)

    def check(self, groups: Sequence[str], vpc: str) -> None:
        """Whether an interface in this VPC can be in these groups. Raises `AwsError`."""
        for each in groups:
            if self.known(each).vpc != vpc:
                raise AwsError(
                    "InvalidGroup.NotFound", f"The security group '{each}' does not exist in VPC '{vpc}'"
                )

    def create(self, group_id: str, name: str, description: str, vpc: str) -> SecurityGroup:
        """CreateSecurityGroup: nothing may enter, everything may leave."""
        _check_text("group name", name, "GroupName")
        _check_text("group description", description, "GroupDescription")
        if name.startswith("sg-"):
            raise AwsError(
                "InvalidParameterValue",
                f"Invalid value '{name}' for groupName. Group names may not be in the format sg-*.",
            )
        if any(each.vpc == vpc and each.name == name for each in self.by_id.values()):
            raise AwsError(
                "InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc}'"
            )
        rule = GroupRule("", True, ALL, -1, -1, cidr=EVERYWHERE)
        return self.put(with_ids(SecurityGroup(group_id, name, vpc, description, (rule,))))

    def delete(self, group_id: str, in_use: Iterable[str]) -> SecurityGroup:
        """DeleteSecurityGroup; `in_use` are the groups of all interfaces."""
        group = self.known(group_id)
        if group.name == DEFAULT:
            raise AwsError(
                "CannotDelete",
                f'the specified group: "{group_id}" name: "{DEFAULT}" cannot be deleted by a user',
            )
        named = any(
            rule.group == group_id
            for each in self.by_id.values()
            if each.id != group_id
            for rule in each.rules
        )
        if named or group_id in in_use:
            raise AwsError("DependencyViolation", f"resource {group_id} has a dependent object")
        return self.by_id.pop(group_id)

    def authorize(self, group_id: str, rules: Sequence[GroupRule]) -> tuple[SecurityGroup, list[GroupRule]]:
        """AuthorizeSecurityGroupIngress and -Egress: the group, and its new rules."""
        group = self.known(group_id)
        for index, rule in enumerate(rules):
            if rule.group is not None:
                self.check([rule.group], group.vpc)
            if any(rule.same(other) for other in rules[:index]):
                raise AwsError("InvalidParameterValue", "The same permission must not appear multiple times")
            if any(rule.same(other) for other in group.rules):
                raise AwsError("InvalidPermission.Duplicate", f'the specified rule "{rule}" already exists')
        changed = with_ids(replace(group, rules=(*group.rules, *rules)))
        if max(len(changed.of(True)), len(changed.of(False))) > MAX_RULES:
            raise AwsError(
                "RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached.",
            )
        return self.put(changed), list(changed.rules[len(group.rules) :])

    def revoke(
        self, group_id: str, rules: Sequence[GroupRule], ids: Sequence[str] = (), *, egress: bool
    ) -> tuple[SecurityGroup, list[GroupRule]]:
        """RevokeSecurityGroupIngress and -Egress, by what the rules say or by their ids: the group, what has gone."""
        group = self.known(group_id)
        gone = []
        for each in ids:
            found = next((rule for rule in group.of(egress) if rule.id == each), None)
            if found is None:
                raise not_found("sgr", each)
            gone.append(found)
        for wanted in rules:
            found = next((rule for rule in group.rules if rule.same(wanted)), None)
            if found is None:
                raise AwsError(
                    "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
                )
            gone.append(found)
        return self.put(replace(group, rules=tuple(rule for rule in group.rules if rule not in gone))), gone

    def describe_rules(self, group_id: str, descriptions: dict[str, str | None]) -> SecurityGroup:
        """UpdateSecurityGroupRuleDescriptions: other descriptions, by the ids of rules."""
        group = self.known(group_id)
        return self.put(
            replace(
                group,
                rules=tuple(
                    replace(rule, description=descriptions[rule.id]) if rule.id in descriptions else rule
                    for rule in group.rules
                ),
            )
        )


def with_ids(group: SecurityGroup) -> SecurityGroup:
    """The group with an id for each rule: the same one whenever it is there."""
    return replace(
        group,
        rules=tuple(
            rule if rule.id else replace(rule, id=resource_id("sgr", group.id, str(rule.egress), str(rule)))
            for rule in group.rules
        ),
    )


def _check_text(what: str, text: str, parameter: str) -> None:
    if not text:
        raise AwsError("MissingParameter", f"The request must contain the parameter {parameter}")
    if not re.fullmatch(_TEXT, text):
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid security {what}: '{text}'. Valid are up to 255 of: a-z, A-Z, 0-9, spaces, and "
            "._-:/()#,@[]+=&;{}!$*",
        )

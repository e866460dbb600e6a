"""EC2's operations on security groups and their rules."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from actors.parts.aws_api.ec2.core import Ec2Core
from actors.parts.aws_api.ec2.operation import PAGED, Operation, Output, Parameters, changing, looking, wanted
from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.documents import group_document, rule_document
from actors.protocols.ec2.filters import filtered
from actors.protocols.ec2.ids import not_found
from actors.protocols.ec2.pages import page
from actors.protocols.ec2.permissions import GroupRule, rules_of
from actors.protocols.ec2.security_groups import SecurityGroup
from actors.protocols.ec2.tags import specified

FILTERS = {
    "description": "Description",
    "group-id": "GroupId",
    "group-name": "GroupName",
    "owner-id": "OwnerId",
    "vpc-id": "VpcId",
    **{
        f"{direction}ip-permission.{name}": f"{permissions}.{path}"
        for direction, permissions in (("", "IpPermissions"), ("egress.", "IpPermissionsEgress"))
        for name, path in (
            ("cidr", "IpRanges.CidrIp"),
            ("from-port", "FromPort"),
            ("group-id", "UserIdGroupPairs.GroupId"),
            ("protocol", "IpProtocol"),
            ("to-port", "ToPort"),
            ("user-id", "UserIdGroupPairs.UserId"),
        )
    },
}
RULE_FILTERS = {"group-id": "GroupId", "security-group-rule-id": "SecurityGroupRuleId"}
_SIMPLE = ("IpProtocol", "FromPort", "ToPort", "CidrIp")
_RULES = ("GroupId", "GroupName", "IpPermissions", *_SIMPLE)


class SecurityGroupOperations:
    """Create, delete, authorize, revoke, describe."""

    def __init__(self, core: Ec2Core) -> None:
        self._core, self._state, self._groups = core, core.state, core.state.groups

    def operations(self) -> Mapping[str, Operation]:
        found = {
            "CreateSecurityGroup": changing(
                self._create, "GroupName", "Description", "VpcId", "TagSpecifications"
            ),
            "DeleteSecurityGroup": changing(self._delete, "GroupId", "GroupName"),
            "DescribeSecurityGroups": looking(self._describe, "GroupIds", "GroupNames", *PAGED),
            "DescribeSecurityGroupRules": looking(self._describe_rules, "SecurityGroupRuleIds", *PAGED),
        }
        for direction, egress in (("Ingress", False), ("Egress", True)):
            found |= {
                f"AuthorizeSecurityGroup{direction}": changing(
                    partial(self._authorize, egress),
                    *_RULES,
                    "TagSpecifications",
                ),
                f"RevokeSecurityGroup{direction}": changing(
                    partial(self._revoke, egress),
                    *_RULES,
                    "SecurityGroupRuleIds",
                ),
                f"UpdateSecurityGroupRuleDescriptions{direction}": changing(
                    partial(self._update_descriptions, egress),
                    "GroupId",
                    "GroupName",
                    "IpPermissions",
                    "SecurityGroupRuleDescriptions",
                ),
            }
        return found

    # ---- groups --------------------------------------------------------------------------------------------

    def _create(self, parameters: Parameters) -> Output:
        if not parameters.get("VpcId"):
            raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
        vpc = self._state.vpc(parameters["VpcId"])
        tags = specified(parameters.get("TagSpecifications", ()), "security-group")
        group_id = self._core.new_id("sg")
        own_tags = self._state.tags.with_these(group_id, tags)
        created = self._groups.create(group_id, parameters["GroupName"], parameters["Description"], vpc.id)
        self._core.keep_tags(group_id, own_tags)
        self._core.keep_group(created)
        document = group_document(self._state, created)
        return {
            "GroupId": group_id,
            "Tags": document["Tags"],
            "SecurityGroupArn": document["SecurityGroupArn"],
        }

    def _delete(self, parameters: Parameters) -> Output:
        group_id = self._group_id(parameters)
        in_use = {each for eni in self._state.interfaces.by_id.values() for each in eni.groups}
        self._core.drop_group(self._groups.delete(group_id, in_use))
        return {"Return": True, "GroupId": group_id}

    def _group_id(self, parameters: Parameters) -> str:
        """The group that a request is about. Names alone are for default VPCs, of which there is none."""
        if parameters.get("GroupId"):
            return str(parameters["GroupId"])
        if not parameters.get("GroupName"):
            raise AwsError("MissingParameter", "The request must contain the parameter groupName or groupId")
        raise AwsError(
            "InvalidGroup.NotFound",
            f"The security group '{parameters['GroupName']}' does not exist in default VPC 'none'",
        )

    # ---- rules ---------------------------------------------------------------------------------------------

    def _asked(self, parameters: Parameters, egress: bool) -> list[GroupRule]:
        """The rules that a request names, in either of its two ways."""
        permissions = parameters.get("IpPermissions") or []
        simple = {name: parameters[name] for name in _SIMPLE if parameters.get(name) is not None}
        if simple:
            if permissions:
                raise AwsError(
                    "InvalidParameterCombination", "The parameter ipPermissions may not be used with others"
                )
            cidr = simple.pop("CidrIp", None)
            permissions = [{**simple, "IpRanges": [{"CidrIp": cidr}] if cidr else []}]
        return rules_of(permissions, egress)

    def _authorize(self, egress: bool, parameters: Parameters) -> Output:
        group_id = self._group_id(parameters)
        self._groups.known(group_id)
        tags = specified(parameters.get("TagSpecifications", ()), "security-group-rule")
        own_tags = self._state.tags.with_these("", tags)
        asked = self._asked(parameters, egress)
        if not asked:
            raise AwsError(
                "MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided."
            )
        group, added = self._groups.authorize(group_id, asked)
        for rule in added:
            self._core.keep_tags(rule.id, own_tags)
        self._core.keep_group(group)
        return {
            "Return": True,
            "SecurityGroupRules": [rule_document(self._state, group, rule) for rule in added],
        }

    def _revoke(self, egress: bool, parameters: Parameters) -> Output:
        group_id, ids = self._group_id(parameters), parameters.get("SecurityGroupRuleIds") or []
        self._groups.known(group_id)
        asked = self._asked(parameters, egress)
        if not asked and not ids:
            raise AwsError(
                "MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided."
            )
        group, gone = self._groups.revoke(group_id, asked, ids, egress=egress)
        for rule in gone:
            self._core.keep_tags(rule.id, {})
        self._core.keep_group(group)
        return {"Return": True, "RevokedSecurityGroupRules": [_revoked(group, rule) for rule in gone]}

    def _update_descriptions(self, egress: bool, parameters: Parameters) -> Output:
        group = self._groups.known(self._group_id(parameters))
        descriptions: dict[str, str | None] = {}
        for asked in self._asked(parameters, egress):
            descriptions[self._rule(group, asked).id] = asked.description
        for each in parameters.get("SecurityGroupRuleDescriptions") or ():
            rule_id = each.get("SecurityGroupRuleId", "")
            if not any(rule.id == rule_id for rule in group.of(egress)):
                raise not_found("sgr", rule_id)
            descriptions[rule_id] = each.get("Description")
        self._core.keep_group(self._groups.describe_rules(group.id, descriptions))
        return {"Return": True}

    @staticmethod
    def _rule(group: SecurityGroup, asked: GroupRule) -> GroupRule:
        for rule in group.rules:
            if rule.same(asked):
                return rule
        raise AwsError(
            "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
        )

    # ---- looking -------------------------------------------------------------------------------------------

    def _describe(self, parameters: Parameters) -> Output:
        chosen = wanted(self._groups.by_id, parameters.get("GroupIds"), self._groups.known)
        if parameters.get("GroupNames"):
            self._group_id({"GroupName": parameters["GroupNames"][0]})
        documents = [group_document(self._state, self._groups.by_id[each]) for each in chosen]
        found = filtered(documents, parameters.get("Filters") or (), FILTERS)
        shown, more = page(found, "GroupId", parameters, "GroupIds")
        return {"SecurityGroups": shown, **more}

    def _describe_rules(self, parameters: Parameters) -> Output:
        documents = {
            rule.id: rule_document(self._state, group, rule)
            for group in self._groups.by_id.values()
            for rule in group.rules
        }

        def check(rule_id: str) -> None:
            if rule_id not in documents:
                raise not_found("sgr", rule_id)

        chosen = wanted(documents, parameters.get("SecurityGroupRuleIds"), check)
        found = filtered([documents[each] for each in chosen], parameters.get("Filters") or (), RULE_FILTERS)
        shown, more = page(found, "SecurityGroupRuleId", parameters, "SecurityGroupRuleIds")
        return {"SecurityGroupRules": shown, **more}


def _revoked(group: SecurityGroup, rule: GroupRule) -> dict[str, Any]:
    """EC2's RevokedSecurityGroupRule."""
    peer = {"CidrIpv4": rule.cidr} if rule.cidr else {"ReferencedGroupId": rule.group}
    described = {} if rule.description is None else {"Description": rule.description}
    return {
        "SecurityGroupRuleId": rule.id,
        "GroupId": group.id,
        "IsEgress": rule.egress,
        "IpProtocol": rule.protocol,
        "FromPort": rule.from_port,
        "ToPort": rule.to_port,
        **peer,
        **described,
    }

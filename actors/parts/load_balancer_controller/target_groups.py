"""Target groups of a stack: made, changed, and, when nothing uses them any more, deleted."""

import asyncio
from typing import Any

from actors.parts.load_balancer_controller.aws import Aws, tag_list
from actors.parts.load_balancer_controller.deployed import Deployed, Found
from actors.protocols.load_balancer_controller.model import Stack, TargetGroup

Object = dict[str, Any]

FIXED = ("Protocol", "Port", "TargetType", "ProtocolVersion")
"""What only another target group can have otherwise; all of it is in the name's hash."""
CHECKS = (
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)
IN_USE = ("ResourceInUse",)
GONE = ("TargetGroupNotFound",)


class TargetGroups:
    """Raises `AwsError`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def deploy(self, stack: Stack, deployed: Deployed, vpc_id: str) -> dict[str, str]:
        """ARNs by resource id."""
        groups = stack.target_groups
        arns = await asyncio.gather(*(self._deploy(group, deployed, vpc_id) for group in groups))
        return {group.id: arn for group, arn in zip(groups, arns, strict=True)}

    async def _deploy(self, group: TargetGroup, deployed: Deployed, vpc_id: str) -> str:
        found = next((each for each in deployed.target_groups if _matches(group, each)), None)
        if found is None:
            answer = await self._aws.call(
                "elbv2", "CreateTargetGroup", **group.parameters, VpcId=vpc_id, Tags=tag_list(group.tags)
            )
            arn = str(answer["TargetGroups"][0]["TargetGroupArn"])
        else:
            arn = found.thing["TargetGroupArn"]
            await self._aws.set_tags(arn, found.tags, group.tags)
            if any(found.thing.get(key) != group.parameters[key] for key in CHECKS):
                checks = {key: group.parameters[key] for key in CHECKS}
                await self._aws.call("elbv2", "ModifyTargetGroup", TargetGroupArn=arn, **checks)
        await self._set_attributes(arn, group.attributes)
        return arn

    async def _set_attributes(self, arn: str, wanted: dict[str, str]) -> None:
        if not wanted:
            return
        answer = await self._aws.call("elbv2", "DescribeTargetGroupAttributes", TargetGroupArn=arn)
        has = {each["Key"]: each["Value"] for each in answer["Attributes"]}
        new = {key: value for key, value in wanted.items() if has.get(key) != value}
        if new:
            await self._aws.call(
                "elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=tag_list(new)
            )

    async def delete_unmatched(self, stack: Stack, deployed: Deployed) -> None:
        for each in deployed.target_groups:
            if not any(_matches(group, each) for group in stack.target_groups):
                arn = each.thing["TargetGroupArn"]
                await self._aws.until_free(IN_USE, "elbv2", "DeleteTargetGroup", GONE, TargetGroupArn=arn)


def _matches(group: TargetGroup, found: Found) -> bool:
    has, wants = found.thing, group.parameters
    if found.resource != group.id or has["TargetGroupName"] != wants["Name"]:
        return False
    return all(has.get(key) == wants[key] for key in FIXED)

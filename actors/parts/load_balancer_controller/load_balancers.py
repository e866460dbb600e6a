"""The load balancer of a stack."""

import asyncio
from typing import Any

from actors.parts.load_balancer_controller.aws import Aws, tag_list
from actors.parts.load_balancer_controller.deployed import Deployed, Found
from actors.protocols.load_balancer_controller.model import LoadBalancer, Ref, Stack

Object = dict[str, Any]


class LoadBalancers:
    """Raises `AwsError`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    async def deploy(
        self, stack: Stack, deployed: Deployed, ids: dict[str, str]
    ) -> tuple[Object | None, bool]:
        """The load balancer as AWS describes it, and whether it is new. Those that are too many go first: a target
        group can be in use by one only. `ids` are of security groups."""
        wanted = stack.load_balancer
        matching = [each for each in deployed.load_balancers if wanted is not None and _matches(wanted, each)]
        for each in deployed.load_balancers:
            if each not in matching[:1]:
                await self._aws.call(
                    "elbv2", "DeleteLoadBalancer", LoadBalancerArn=each.thing["LoadBalancerArn"]
                )
        if wanted is None:
            return None, False
        groups = [ids[each.id] if isinstance(each, Ref) else each for each in wanted.security_groups]
        if matching:
            found = matching[0]
            await asyncio.gather(self._change(wanted, found, groups), self._attributes(wanted, found.thing))
            return found.thing, False
        made = await self._create(wanted, groups)
        await self._attributes(wanted, made)
        return made, True

    async def _create(self, wanted: LoadBalancer, groups: list[str]) -> Object:
        answer = await self._aws.call(
            "elbv2",
            "CreateLoadBalancer",
            Name=wanted.name,
            Type="application",
            Scheme=wanted.scheme,
            IpAddressType="ipv4",
            Subnets=wanted.subnets,
            SecurityGroups=groups,
            Tags=tag_list(wanted.tags),
        )
        made: Object = answer["LoadBalancers"][0]
        return made

    async def _change(self, wanted: LoadBalancer, found: Found, groups: list[str]) -> None:
        arn, has = found.thing["LoadBalancerArn"], found.thing
        await self._aws.set_tags(arn, found.tags, wanted.tags)
        if sorted(each["SubnetId"] for each in has["AvailabilityZones"]) != sorted(wanted.subnets):
            await self._aws.call("elbv2", "SetSubnets", LoadBalancerArn=arn, Subnets=wanted.subnets)
        if sorted(has.get("SecurityGroups") or ()) != sorted(groups):
            await self._aws.call("elbv2", "SetSecurityGroups", LoadBalancerArn=arn, SecurityGroups=groups)

    async def _attributes(self, wanted: LoadBalancer, thing: Object) -> None:
        if not wanted.attributes:
            return
        arn = thing["LoadBalancerArn"]
        answer = await self._aws.call("elbv2", "DescribeLoadBalancerAttributes", LoadBalancerArn=arn)
        has = {each["Key"]: each["Value"] for each in answer["Attributes"]}
        new = {key: value for key, value in wanted.attributes.items() if has.get(key) != value}
        if new:
            await self._aws.call(
                "elbv2", "ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=tag_list(new)
            )


def _matches(wanted: LoadBalancer, found: Found) -> bool:
    """Scheme and name are for life."""
    has = found.thing
    return has["Scheme"] == wanted.scheme and has["LoadBalancerName"] == wanted.name

"""What AWS has of a group of Ingresses, told by its tags."""

import asyncio
from typing import Any, NamedTuple

from actors.parts.load_balancer_controller.aws import Aws
from actors.protocols.load_balancer_controller.model import CLUSTER_TAG, RESOURCE_TAG, STACK_TAG

Object = dict[str, Any]


class Found(NamedTuple):
    """A thing as AWS describes it, and its tags."""

    thing: Object
    tags: dict[str, str]

    @property
    def resource(self) -> str:
        return self.tags.get(RESOURCE_TAG, "")


class Deployed(NamedTuple):
    """Load balancers and target groups that carry the stack's tags."""

    load_balancers: list[Found]
    target_groups: list[Found]


async def look(aws: Aws, cluster: str, stack: str) -> Deployed:
    """Raises `AwsError`."""
    load_balancers, target_groups = await asyncio.gather(
        _tagged(aws, "DescribeLoadBalancers", "LoadBalancers", "LoadBalancerArn", cluster, stack),
        _tagged(aws, "DescribeTargetGroups", "TargetGroups", "TargetGroupArn", cluster, stack),
    )
    return Deployed(load_balancers, target_groups)


async def _tagged(aws: Aws, operation: str, items: str, arn: str, cluster: str, stack: str) -> list[Found]:
    things = await aws.all("elbv2", operation, items)
    tags = await aws.tags([each[arn] for each in things]) if things else {}
    found = [Found(each, tags.get(each[arn], {})) for each in things]
    return [each for each in found if is_of(each.tags, cluster, stack)]


def is_of(tags: dict[str, str], cluster: str, stack: str) -> bool:
    return tags.get(CLUSTER_TAG) == cluster and tags.get(STACK_TAG) == stack

"""Brings AWS, and the cluster's TargetGroupBindings, to what a stack says (pkg/deploy/stack_deployer.go).

How this works. What is there is found by its tags and compared; only the difference is done. Things are made in the
order in which they need each other, and what is too many is deleted in the reverse order afterwards. Nothing is
remembered: killed at any moment, the controller finds what it had done, and goes on.
"""

import asyncio
from typing import Any

from actors.element import Context
from actors.parts.kubernetes.client import KubeClient
from actors.parts.load_balancer_controller.aws import Aws
from actors.parts.load_balancer_controller.binding_objects import BindingObjects
from actors.parts.load_balancer_controller.deployed import look
from actors.parts.load_balancer_controller.listeners import Listeners
from actors.parts.load_balancer_controller.load_balancers import LoadBalancers
from actors.parts.load_balancer_controller.security_groups import SecurityGroups
from actors.parts.load_balancer_controller.target_groups import TargetGroups
from actors.protocols.load_balancer_controller.model import Facts, Stack

Object = dict[str, Any]


class Deployer:
    """Raises `AwsError`, `ApiError`, `CallFailed`."""

    def __init__(self, context: Context, client: KubeClient, aws: Aws, cluster: str) -> None:
        self._aws, self._cluster = aws, cluster
        self.security_groups = SecurityGroups(aws, cluster)
        self._target_groups = TargetGroups(aws)
        self._load_balancers = LoadBalancers(aws)
        self._listeners = Listeners(aws)
        self._bindings = BindingObjects(context, client)

    async def deploy(self, stack: Stack, facts: Facts) -> Object | None:
        """Returns the load balancer as AWS describes it, None if the stack has none."""
        deployed = await look(self._aws, self._cluster, stack.id)
        groups, arns = await asyncio.gather(
            self.security_groups.deploy(stack, facts.security_groups, facts.vpc_id),
            self._target_groups.deploy(stack, deployed, facts.vpc_id),
        )
        load_balancer, is_new = await self._load_balancers.deploy(stack, deployed, groups)
        if load_balancer is not None:
            await self._listeners.deploy(stack, load_balancer["LoadBalancerArn"], is_new, arns)
        unmatched = await self._bindings.deploy(stack, arns, groups)
        for each in unmatched:
            await self._bindings.delete(each)
        await self._target_groups.delete_unmatched(stack, deployed)
        await self.security_groups.delete_unmatched(stack, facts.security_groups)
        return load_balancer

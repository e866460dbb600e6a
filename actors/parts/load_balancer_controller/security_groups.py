"""Security groups of load balancers: the one that lets clients in, and the one that all of a cluster's share."""

import asyncio
from collections.abc import Iterable
from typing import Any

from actors.parts.load_balancer_controller.aws import Aws, tag_list
from actors.parts.load_balancer_controller.deployed import is_of
from actors.protocols.load_balancer_controller import names
from actors.protocols.load_balancer_controller.model import (
    BACKEND,
    BACKEND_TAG,
    CLUSTER_TAG,
    MANAGED,
    SecurityGroup,
    Stack,
)
from actors.protocols.load_balancer_controller.permissions import Permission, flat, to_permissions
from actors.protocols.load_balancer_controller.subnets import tags_of

Object = dict[str, Any]

IN_USE = ("DependencyViolation", "ResourceInUse")
GONE = ("InvalidGroup.NotFound",)
BACKEND_DESCRIPTION = "[k8s] Shared Backend SecurityGroup for LoadBalancer"


class SecurityGroups:
    """Makes, changes and deletes them. Raises `AwsError`."""

    def __init__(self, aws: Aws, cluster: str) -> None:
        self._aws, self._cluster = aws, cluster
        self._one_at_a_time = asyncio.Lock()

    async def deploy(self, stack: Stack, known: list[Object], vpc_id: str) -> dict[str, str]:
        """The ids of `MANAGED` and `BACKEND`, as far as the stack has them; `known` are all of the VPC."""
        ids: dict[str, str] = {}
        works = []
        if stack.security_group is not None:
            works.append(self._managed(stack, stack.security_group, known, vpc_id, ids))
        if stack.uses_backend_group:
            works.append(self._backend(known, vpc_id, ids))
        await asyncio.gather(*works)
        return ids

    async def _managed(
        self, stack: Stack, wanted: SecurityGroup, known: list[Object], vpc_id: str, ids: dict[str, str]
    ) -> None:
        found = next((each for each in known if self._is_managed(each, stack.id)), None)
        if found is None:
            ids[MANAGED] = group_id = await self._create(wanted.name, wanted.description, wanted.tags, vpc_id)
            has: set[Permission] = set()
        else:
            ids[MANAGED] = group_id = found["GroupId"]
            has = flat(found.get("IpPermissions") or ())
            if new := {k: v for k, v in wanted.tags.items() if tags_of(found).get(k) != v}:
                await self._aws.call("ec2", "CreateTags", Resources=[group_id], Tags=tag_list(new))
        await self.set_ingress(group_id, has, flat(wanted.permissions))

    async def _backend(self, known: list[Object], vpc_id: str, ids: dict[str, str]) -> None:
        found = self.backend_of(known)
        if found is None:
            async with self._one_at_a_time:
                filters = [
                    {"Name": f"tag:{key}", "Values": [value]} for key, value in self._backend_tags().items()
                ]
                filters.append({"Name": "vpc-id", "Values": [vpc_id]})
                again = await self._aws.all(
                    "ec2", "DescribeSecurityGroups", "SecurityGroups", Filters=filters
                )
                name = names.backend_security_group(self._cluster)
                found = self.backend_of(again) or {
                    "GroupId": await self._create(name, BACKEND_DESCRIPTION, self._backend_tags(), vpc_id)
                }
        ids[BACKEND] = found["GroupId"]

    def backend_of(self, known: Iterable[Object]) -> Object | None:
        wanted = self._backend_tags().items()
        return next((each for each in known if wanted <= tags_of(each).items()), None)

    def _backend_tags(self) -> dict[str, str]:
        return {CLUSTER_TAG: self._cluster, BACKEND_TAG: BACKEND}

    async def _create(self, name: str, description: str, tags: dict[str, str], vpc_id: str) -> str:
        specification = {"ResourceType": "security-group", "Tags": tag_list(tags)}
        answer = await self._aws.call(
            "ec2",
            "CreateSecurityGroup",
            GroupName=name,
            Description=description,
            VpcId=vpc_id,
            TagSpecifications=[specification],
        )
        return str(answer["GroupId"])

    async def set_ingress(self, group_id: str, has: set[Permission], wanted: set[Permission]) -> None:
        """Bring the group's rules to what they should be: first those away that are too many."""
        if gone := has - wanted:
            await self._aws.call(
                "ec2", "RevokeSecurityGroupIngress", GroupId=group_id, IpPermissions=to_permissions(gone)
            )
        if new := wanted - has:
            await self._aws.call(
                "ec2", "AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=to_permissions(new)
            )

    async def delete_unmatched(self, stack: Stack, known: Iterable[Object]) -> None:
        """The clients' group of a stack that wants none any more."""
        if stack.security_group is None:
            for each in known:
                if self._is_managed(each, stack.id):
                    await self._delete(each["GroupId"])

    async def delete_backend(self, known: Iterable[Object]) -> None:
        """When no Ingress of the cluster is left."""
        found = self.backend_of(known)
        if found is not None:
            await self._delete(found["GroupId"])

    async def _delete(self, group_id: str) -> None:
        await self._aws.until_free(IN_USE, "ec2", "DeleteSecurityGroup", GONE, GroupId=group_id)

    def _is_managed(self, group: Object, stack: str) -> bool:
        return is_of(tags_of(group), self._cluster, stack)

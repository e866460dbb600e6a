"""The TargetGroupBindings that a stack needs, as objects of the cluster: they fill its target groups with targets."""

import asyncio
from typing import Any

from actors.element import Context
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.protocols.load_balancer_controller.model import Stack, TargetGroup
from actors.protocols.load_balancer_controller.sameness import with_ids

Object = dict[str, Any]

KIND = "TargetGroupBinding"
POLL_S = 0.05
PATIENCE_S = 60.0


class BindingObjects:
    """Raises `ApiError` and `CallFailed`."""

    def __init__(self, context: Context, client: KubeClient) -> None:
        self._context, self._client = context, client

    async def deploy(self, stack: Stack, arns: dict[str, str], groups: dict[str, str]) -> list[Object]:
        """Make and change what the stack has; returns those that it has no more. `groups` are security groups."""
        has = {_key(each): each for each in await self._listed(stack.id)}
        wanted = {
            (group.namespace, group.parameters["Name"]): (group, arns[group.id])
            for group in stack.target_groups
        }
        await asyncio.gather(
            *(
                self._deploy(stack.id, group, arn, groups, has.get(key))
                for key, (group, arn) in wanted.items()
            )
        )
        return [each for key, each in has.items() if key not in wanted]

    async def _listed(self, stack: str) -> list[Object]:
        selector = ",".join(f"{name}={value}" for name, value in labels(stack).items())
        return (await self._client.list(KIND, label_selector=selector)).items

    async def _deploy(
        self, stack: str, group: TargetGroup, arn: str, groups: dict[str, str], has: Object | None
    ) -> None:
        name = group.parameters["Name"]
        spec = {**with_ids(group.binding, groups), "targetGroupARN": arn}
        if has is not None and has["spec"]["targetGroupARN"] != arn:
            await self.delete(has)  # its ARN is for life
            has = None
        if has is None:
            value = {
                "apiVersion": "elbv2.k8s.aws/v1beta1",
                "kind": KIND,
                "metadata": {"name": name, "namespace": group.namespace, "labels": labels(stack)},
                "spec": spec,
            }
            await self._client.create(KIND, value)
        elif any(has["spec"].get(key) != spec.get(key) for key in {*has["spec"], *spec}):
            version = has["metadata"]["resourceVersion"]
            value = {**has, "spec": spec, "metadata": {**has["metadata"], "resourceVersion": version}}
            await self._client.update(KIND, value)

    async def delete(self, binding: Object) -> None:
        """Waits until it is gone, and its targets with it."""
        metadata = binding["metadata"]
        waited_s = 0.0
        try:
            await self._client.delete(KIND, metadata["name"], metadata["namespace"], uid=metadata["uid"])
            while waited_s < PATIENCE_S:
                there = await self._client.get(KIND, metadata["name"], metadata["namespace"])
                if there["metadata"]["uid"] != metadata["uid"]:
                    return
                await self._context.sleep(POLL_S)
                waited_s += POLL_S
        except ApiError as error:
            if error.code != 404:
                raise
            return
        raise ApiError(
            504, f"timed out waiting for TargetGroupBinding {metadata['name']} to be deleted", "Timeout"
        )


def labels(stack: str) -> dict[str, str]:
    """How bindings are told to be of a stack (pkg/deploy/elbv2: target_group_binding_manager.go)."""
    namespace, sign, name = stack.partition("/")
    if not sign:
        return {"ingress.k8s.aws/stack": namespace}
    return {"ingress.k8s.aws/stack-namespace": namespace, "ingress.k8s.aws/stack-name": name}


def _key(binding: Object) -> tuple[str, str]:
    return binding["metadata"]["namespace"], binding["metadata"]["name"]

"""A pod's modes: what a user has it do wrong."""

import re
from typing import Any

from actors.element import CallFailed
from actors.parts.kubelet.runtime import process_name
from orchestrator.config.errors import suggestion
from orchestrator.settings.cluster import AsyncCluster, server_of
from orchestrator.settings.words import Calls, Changed, Target, refuse

KIND = "nginx_pod"


async def element_of(world: Calls, name: str) -> str:
    """The element that a pod is: by its own name, or `nginx-0`: the first of Deployment nginx's, in order of names.

    `NAMESPACE/NAME` for one that is not in `default`. Raises `RequestFailed`."""
    namespace, slash, own = name.rpartition("/")
    namespace = namespace if slash else "default"
    pods = sorted(each for each, kind in world.kinds().items() if kind == KIND)
    element = process_name(namespace, own)
    if element in pods:
        return element
    match, server = re.fullmatch(r"(.+)-(\d+)", own), server_of(world)
    if match is None or server is None:
        raise refuse(f"there is no pod {name!r}{suggestion(element, pods, otherwise='pods are')}")
    deployment, index = match[1], int(match[2])
    members = await AsyncCluster(world, server).pods_of(deployment, namespace)
    if not members:
        raise refuse(f"there is no pod {name!r}, and no deployment {deployment!r} that has pods")
    if index >= len(members):
        last = f"{deployment}-{len(members) - 1}"
        raise refuse(
            f"there is no pod {name!r}: deployment {deployment} has {len(members)}, as far as {last}"
        )
    return process_name(namespace, members[index])


async def change(world: Calls, target: Target, settings: dict[str, str]) -> list[Changed]:
    """Switch modes. Raises `RequestFailed`."""
    answer = await _call(world, target, settings)
    return [Changed(target, key, each["from"], each["to"]) for key, each in answer["changed"].items()]


async def read(world: Calls, target: Target) -> dict[str, Any]:
    """Every key with its value."""
    answer = await _call(world, target, {})
    return {"target": str(target), "pod": answer["element"], "settings": answer["modes"]}


async def _call(world: Calls, target: Target, settings: dict[str, str]) -> dict[str, Any]:
    element = await element_of(world, target.name)
    try:
        answer: dict[str, Any] = await world.call(element, "set", **settings)
    except CallFailed as error:
        raise refuse(str(error)) from None
    return {**answer, "element": element}

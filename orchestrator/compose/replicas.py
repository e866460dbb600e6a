"""`docker compose up --scale nginx-pod=6`: the Deployment gets as many replicas as there are containers for its pods.

A container that is told to end says so first. Its pod is marked as the cheapest to delete, the Deployment loses a
replica, and the pod leaves as pods do: out of its target group, drained, terminated. Then the container ends.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from actors.element import CallFailed
from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.workloads.victims import DELETION_COST
from orchestrator.hosts.containers import ContainerHost
from orchestrator.kubernetes.cluster import MERGE

log = logging.getLogger("orchestrator")

MORE_S, FEWER_S = 1.0, 8.0
"""How long a new number must last. A container that was killed is started again by the engine, and no scaling."""

Call = Callable[..., Awaitable[Any]]


class Replicas:
    """Keeps one Deployment's replicas at the number of containers that offer to run its pods."""

    def __init__(
        self, host: ContainerHost, call: Call, kind: str, kube_api: str, pod_of: Callable[[str], str]
    ) -> None:
        """`call` asks an element; `pod_of` gives the `namespace/name` of the pod that an element is."""
        self._host, self._call, self._kind = host, call, kind
        self._kube_api, self._pod_of = kube_api, pod_of
        self._changed = asyncio.Event()
        self._applied = 0
        self._marked: set[str] = set()
        host.on_places = self._changed.set

    async def follow(self, deployment: str, namespace: str = "default") -> None:
        """For ever."""
        while True:
            await self._until_it_lasts()
            wanted = self._count()
            leaving = [name for name in self._host.leaving(self._kind) if name not in self._marked]
            try:
                for name in leaving:
                    await self._mark(name)
                    self._marked.add(name)
                if wanted and wanted != self._applied:
                    await self._scale(namespace, deployment, wanted)
                    self._applied = wanted
                elif not wanted:
                    self._host.dismiss()  # the last one: all is coming to its end
            except (CallFailed, LookupError, ValueError) as error:
                log.warning("%s/%s does not follow its containers: %s", namespace, deployment, error)
                self._host.dismiss()  # there is nobody who could replace what runs there
                await asyncio.sleep(MORE_S)
                self._changed.set()

    def _count(self) -> int:
        return len(list(self._host.places(self._kind)))

    async def _until_it_lasts(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            fewer = self._count() < self._applied and not self._host.leaving(self._kind)
            try:
                async with asyncio.timeout(FEWER_S if fewer else MORE_S):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def _mark(self, element: str) -> None:
        namespace, _, name = self._pod_of(element).partition("/")
        change = {"metadata": {"annotations": {DELETION_COST: "-1000"}}}
        await self._patch(BY_KIND["Pod"].path(namespace, name), change)

    async def _scale(self, namespace: str, deployment: str, replicas: int) -> None:
        path = BY_KIND["Deployment"].path(namespace, deployment, "scale")
        await self._patch(path, {"spec": {"replicas": replicas}})
        log.warning("%s/%s is scaled to %d, as there are containers", namespace, deployment, replicas)

    async def _patch(self, path: str, change: dict[str, Any]) -> None:
        answer = await self._call(
            self._kube_api,
            "request",
            method="PATCH",
            path=path,
            query={"fieldManager": "compose"},
            body=change,
            content_type=MERGE,
            user="kubernetes-admin",
        )
        if answer["code"] >= 400 and answer["code"] != 404:  # a pod may be gone already
            raise ValueError(answer["body"].get("message", answer["code"]))

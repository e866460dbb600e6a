"""Writes a pod's status to the API: only what has changed, and never two writes of one pod at once.

What changes while a write is under way goes with the next one, so that a start costs few writes. While the API server
is away it is tried again; what is written then is the status of that moment.
"""

import asyncio
from collections.abc import Callable

from actors.element import CallFailed
from actors.parts.kubelet.services import Services
from actors.parts.kubernetes.client import ApiError
from actors.protocols.kubelet.containers import Object
from actors.protocols.kubelet.status import status_patch

RETRY_S, LONGEST_RETRY_S = 0.1, 5.0


class StatusWriter:
    """The status of one pod, on its way to the API server."""

    def __init__(
        self,
        services: Services,
        pod: Callable[[], Object],
        status: Callable[[], Object],
        written: Callable[[Object], None],
    ) -> None:
        """`pod()` as the API has it, `status()` as it ought to be; `written(pod)` is what a write has made of it."""
        self._services, self._pod, self._status, self._written = services, pod, status, written
        self._dirty = False
        self._gone = False
        self._clean = asyncio.Event()
        self._clean.set()
        self._refused = services.context.metrics.counter("journey_kubelet_refused_status_writes_total")

    def changed(self) -> None:
        """There is something new to write, perhaps."""
        self._dirty = True
        if self._clean.is_set() and not self._gone:
            self._clean.clear()
            self._services.context.spawn(self._write(), f"status of {self._pod()['metadata']['name']}")

    @property
    def clean(self) -> bool:
        """The API has it all."""
        return self._clean.is_set()

    def give_up(self) -> None:
        """The object is gone: nothing is written any more."""
        self._gone = True

    async def flush(self) -> None:
        """Wait until all is written, or nobody wants it any more."""
        self.changed()
        await self._clean.wait()

    async def _write(self) -> None:
        wait_s = RETRY_S
        while self._dirty and not self._gone:
            self._dirty = False
            if await self._has_written():
                wait_s = RETRY_S
            else:
                self._dirty = True
                await self._services.context.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)
        self._clean.set()

    async def _has_written(self) -> bool:
        """Try to write; False if that has to be done again."""
        try:
            await self._write_once()
        except CallFailed:
            return False
        except ApiError as error:
            self._refused.value += 1
            if error.code in (404, 409):
                self._gone = not await self._exists()
            return False
        return True

    async def _write_once(self) -> None:
        pod = self._pod()
        metadata = pod["metadata"]
        patch = status_patch(self._status(), pod.get("status", {}), metadata["uid"])
        if patch is None:
            return
        written = await self._services.client.patch(
            "Pod", metadata["name"], patch, metadata["namespace"], subresource="status", type="strategic"
        )
        self._written(written)

    async def _exists(self) -> bool:
        """Whether the pod that this is about is still there; a failed question counts as yes."""
        metadata = self._pod()["metadata"]
        try:
            found = await self._services.client.get("Pod", metadata["name"], metadata["namespace"])
        except ApiError as error:
            return error.code != 404
        except CallFailed:
            return True
        return bool(found["metadata"]["uid"] == metadata["uid"])

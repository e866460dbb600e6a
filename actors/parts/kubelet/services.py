"""What all workers of one kubelet share."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from actors.element import Context
from actors.parts.kubelet.images import Images
from actors.parts.kubelet.recorder import reference
from actors.parts.kubelet.runtime import Runtime
from actors.parts.kubernetes.client import KubeClient
from actors.parts.kubernetes.events import EventRecorder
from actors.parts.node_kernel import NodeKernel
from actors.protocols.kubelet.backoff import Backoff
from actors.protocols.kubelet.containers import Container, Object

USER_AGENT = "kube-probe/1.32"
HOOK_USER_AGENT = "kube-lifecycle/1.32"


@dataclass
class Services:
    """The node, its runtime, and the ways to the API server."""

    context: Context
    kernel: NodeKernel
    runtime: Runtime
    images: Images
    client: KubeClient
    events: EventRecorder
    restarts: Backoff = field(default_factory=Backoff)
    network_ready: asyncio.Event = field(default_factory=asyncio.Event)
    host_ip: str = ""
    cluster_services: Callable[[], Iterable[Object] | None] = tuple
    """The Services that there are, for the environment of containers; None while they have not been read."""

    def now_ns(self) -> int:
        return self.context.now_ns()

    def pod_event(
        self, pod: Object, kind: str, reason: str, message: str, container: Container | None = None
    ) -> None:
        """An event of type `kind` (Normal, Warning) about a pod or one of its containers."""
        self.events.event(reference(pod, container), kind, reason, message)

    def model_ns(self, unix_ns: int) -> int:
        """A moment since 1970 as model time."""
        return unix_ns - self.context.unix_ns(0)

    async def pause(self, seconds: float, until: asyncio.Event) -> bool:
        """Wait so long, or until that happens; whether it has happened."""
        if until.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await until.wait()
        except TimeoutError:
            return until.is_set()
        return True

    async def first_of(self, *events: asyncio.Event, within_s: float | None = None) -> None:
        """Wait until one of these has happened, but not for longer than that."""
        if any(event.is_set() for event in events):
            return
        waits = [self.context.spawn(event.wait(), "wait for one of several") for event in events]
        try:
            await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

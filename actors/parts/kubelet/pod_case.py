"""What all who work on one pod share: the object, its state machine, and whom to tell."""

import asyncio
from collections.abc import Callable
from typing import Any

from actors.parts.kubelet.services import Services
from actors.protocols.kubelet.containers import Container, Object
from actors.protocols.kubelet.pod import PodMachine


class PodCase:
    """One pod on this node."""

    def __init__(self, services: Services, pod: Object, changed: Callable[[], None]) -> None:
        """`changed()` is to be called when there is something new for the pod's story, and for its status."""
        self.services = services
        self.pod = pod
        """The object, as the API had it last."""
        self.machine = PodMachine(pod, services.restarts)
        self.deleted = asyncio.Event()
        """Somebody has deleted the object."""
        self.changed = changed

    @property
    def uid(self) -> str:
        return self.machine.uid

    @property
    def name(self) -> str:
        return f"{self.machine.namespace}/{self.machine.name}"

    @property
    def grace_s(self) -> float:
        """How long its containers have to end."""
        grace = self.pod["metadata"].get("deletionGracePeriodSeconds")
        if grace is None:
            grace = self.pod["spec"].get("terminationGracePeriodSeconds", 30)
        return max(float(grace), 1.0)

    def event(self, kind: str, reason: str, message: str, container: Container | None = None) -> None:
        """A Kubernetes event about the pod or a container of it."""
        self.services.pod_event(self.pod, kind, reason, message, container)

    def record(self, kind: str, **fields: Any) -> None:
        """Write into the world's journal."""
        self.services.context.event(kind, pod=self.name, **fields)

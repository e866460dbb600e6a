"""What the controller writes into a TargetGroupBinding and about it: finalizer, observed generation, events."""

from typing import NamedTuple

from actors.element import Context
from actors.parts.kubernetes.client import KubeClient, Object
from actors.parts.kubernetes.events import EventRecorder
from actors.parts.load_balancer_controller.endpoints import PodTarget

FINALIZER = "elbv2.k8s.aws/resources"
KIND = "TargetGroupBinding"


class Outcome(NamedTuple):
    """How a binding is, in the words of its events."""

    type: str
    reason: str
    message: str
    targets: tuple[PodTarget, ...] = ()


class Paperwork:
    """Writes to the API server what has changed, and nothing else. Raises `ApiError` and `CallFailed`."""

    def __init__(self, context: Context, client: KubeClient) -> None:
        self._client = client
        self._events = EventRecorder(context, client, "targetGroupBinding")
        self._told: dict[str, tuple[int, Outcome]] = {}

    def tell(self, key: str, binding: Object, outcome: Outcome) -> None:
        """An event, unless this was the last that was told of this generation."""
        current = binding["metadata"]["generation"], outcome
        if self._told.get(key) != current:
            self._told[key] = current
            self._events.event(binding, outcome.type, outcome.reason, outcome.message)

    def told(self, key: str) -> Outcome | None:
        """What was told last."""
        return self._told[key][1] if key in self._told else None

    def forget(self, key: str) -> None:
        self._told.pop(key, None)

    async def observe(self, binding: Object) -> None:
        """`status.observedGeneration`: this generation has been dealt with."""
        metadata = binding["metadata"]
        generation = metadata["generation"]
        if (binding.get("status") or {}).get("observedGeneration") != generation:
            status = {"status": {"observedGeneration": generation}}
            await self._client.patch(
                KIND, metadata["name"], status, metadata["namespace"], subresource="status"
            )

    async def add_finalizer(self, binding: Object) -> None:
        """From now on the binding cannot go before its targets are deregistered."""
        finalizers = binding["metadata"].get("finalizers", [])
        if FINALIZER not in finalizers:
            await self._set_finalizers(binding, [*finalizers, FINALIZER])

    async def remove_finalizer(self, binding: Object) -> None:
        others = [each for each in binding["metadata"]["finalizers"] if each != FINALIZER]
        await self._set_finalizers(binding, others)

    async def _set_finalizers(self, binding: Object, finalizers: list[str]) -> None:
        metadata = binding["metadata"]
        change = {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}
        await self._client.patch(KIND, metadata["name"], {"metadata": change}, metadata["namespace"])

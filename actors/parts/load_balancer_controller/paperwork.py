"""What the controller writes into a TargetGroupBinding and about it: finalizer, checkpoint, generation, events."""

import hashlib
import json
from typing import NamedTuple

from actors.element import Context
from actors.parts.kubernetes.client import KubeClient, Object
from actors.parts.kubernetes.events import EventRecorder
from actors.parts.load_balancer_controller.endpoints import Resolved

FINALIZER = "elbv2.k8s.aws/resources"
CHECKPOINT = "elbv2.k8s.aws/checkpoint"
CHECKPOINT_TIME = "elbv2.k8s.aws/checkpoint-timestamp"
KIND = "TargetGroupBinding"


class Outcome(NamedTuple):
    """How a binding is, in the words of its events."""

    type: str
    reason: str
    message: str


DONE = Outcome("Normal", "SuccessfullyReconciled", "Successfully reconciled")


class Paperwork:
    """Writes to the API server what has changed, and nothing else. Raises `ApiError` and `CallFailed`."""

    def __init__(self, context: Context, client: KubeClient) -> None:
        self._client = client
        self._events = EventRecorder(context, client, "targetGroupBinding")
        self._outcomes: dict[str, Outcome] = {}

    def tell(self, key: str, binding: Object, outcome: Outcome) -> None:
        self._outcomes[key] = outcome
        self._events.event(binding, outcome.type, outcome.reason, outcome.message)

    def told(self, key: str) -> Outcome | None:
        """What was told last."""
        return self._outcomes.get(key)

    def forget(self, key: str) -> None:
        self._outcomes.pop(key, None)

    async def observe(self, binding: Object) -> None:
        """`status.observedGeneration`: this generation has been dealt with."""
        metadata = binding["metadata"]
        generation = metadata["generation"]
        if (binding.get("status") or {}).get("observedGeneration") != generation:
            status = {"status": {"observedGeneration": generation}}
            await self._client.patch(
                KIND, metadata["name"], status, metadata["namespace"], subresource="status"
            )

    async def set_checkpoint(self, binding: Object, checkpoint: str, unix_seconds: int) -> None:
        """An empty one: whatever was true once may be so no more."""
        metadata = binding["metadata"]
        if (metadata.get("annotations") or {}).get(CHECKPOINT, "") == checkpoint:
            return
        annotations = {CHECKPOINT: checkpoint, CHECKPOINT_TIME: str(unix_seconds)}
        change = {"metadata": {"annotations": annotations}}
        await self._client.patch(KIND, metadata["name"], change, metadata["namespace"])

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


def checkpoint_of(binding: Object, resolved: Resolved) -> str:
    """Stands for what the binding says and who its targets are: the same again means that there is nothing to do."""
    targets = sorted(f"{target.id}:{target.port}" for target in resolved.owners)
    text = json.dumps([targets, binding["spec"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def checkpoint_in(binding: Object) -> str:
    return str((binding["metadata"].get("annotations") or {}).get(CHECKPOINT, ""))

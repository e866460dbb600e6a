"""What the controller writes into Ingresses and about them: finalizers, the load balancer's name, events."""

from collections.abc import Iterable

from actors.element import Context
from actors.parts.kubernetes.client import ApiError, KubeClient, Object
from actors.parts.kubernetes.events import EventRecorder
from actors.protocols.load_balancer_controller.groups import Group, finalizer_of

KIND = "Ingress"


class StepFailed(Exception):
    """A write that did not succeed; its event has been told."""


class IngressPaperwork:
    """Writes to the API server what has changed, and nothing else."""

    def __init__(self, context: Context, client: KubeClient) -> None:
        self._client = client
        self._events = EventRecorder(context, client, "ingress")

    def tell(self, ingresses: Iterable[Object], type: str, reason: str, message: str) -> None:
        for each in ingresses:
            self._events.event(each, type, reason, message)

    async def add_finalizers(self, group: Group) -> None:
        """From now on the members cannot go before what was made for them. Raises `StepFailed`, `CallFailed`."""
        finalizer = finalizer_of(group.id)
        for member in group.members:
            has = member.ingress["metadata"].get("finalizers") or []
            if finalizer not in has:
                await self._set(member.ingress, [*has, finalizer], "FailedAddFinalizer", "add")

    async def remove_finalizers(self, group: Group) -> None:
        """Raises `StepFailed`, `CallFailed`."""
        finalizer = finalizer_of(group.id)
        for ingress in group.leaving:
            has = ingress["metadata"].get("finalizers") or []
            others = [each for each in has if each != finalizer]
            await self._set(ingress, others, "FailedRemoveFinalizer", "remove")

    async def _set(self, ingress: Object, finalizers: list[str], reason: str, verb: str) -> None:
        metadata = ingress["metadata"]
        change = {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}
        try:
            await self._client.patch(KIND, metadata["name"], {"metadata": change}, metadata["namespace"])
        except ApiError as error:
            if error.code == 404:
                return
            if error.code != 409:  # known to be old: the next look has the new one
                self.tell([ingress], "Warning", reason, f"Failed {verb} finalizer due to {error}")
            raise StepFailed(str(error)) from None

    async def publish(self, group: Group, dns_name: str) -> None:
        """`status.loadBalancer.ingress[0].hostname`. Raises `StepFailed`, `CallFailed`."""
        wanted = [{"hostname": dns_name.lower()}]
        for member in group.members:
            metadata = member.ingress["metadata"]
            has = (member.ingress.get("status") or {}).get("loadBalancer") or {}
            if has.get("ingress") == wanted:
                continue
            status = {"status": {"loadBalancer": {"ingress": wanted}}}
            try:
                await self._client.patch(
                    KIND, metadata["name"], status, metadata["namespace"], subresource="status"
                )
            except ApiError as error:
                message = f"Failed update status due to {error}"
                self.tell([member.ingress], "Warning", "FailedUpdateStatus", message)
                raise StepFailed(str(error)) from None

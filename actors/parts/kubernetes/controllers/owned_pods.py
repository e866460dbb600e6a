"""The pods of a ReplicaSet or DaemonSet: which they are, how they come and go, and what has been asked for already."""

import asyncio
from collections.abc import Sequence

from actors.element import CallFailed
from actors.parts.kubernetes.client import ApiError, Object
from actors.parts.kubernetes.controllers.expectations import Expectations
from actors.parts.kubernetes.controllers.frame import Controller, namespace_of, uids
from actors.parts.kubernetes.informer import key_of
from actors.protocols.kubernetes.selectors import match_object
from actors.protocols.kubernetes.workloads.owners import adoption, claims, controller_of, without_owner
from actors.protocols.kubernetes.workloads.pods import is_terminating
from actors.protocols.kubernetes.workloads.replica_sets import batches


class OwnedPods:
    """The pods of one controller's objects, all of one kind."""

    def __init__(self, controller: Controller, kind: str) -> None:
        self.kind = kind
        self.expectations = Expectations(controller.cluster.context.now_ns)
        self._controller = controller
        self._cluster, self._client = controller.cluster, controller.client
        self._pods = controller.cluster.watchers.of("Pod")
        self._owners = controller.cluster.watchers.of(kind)
        self._owners.index("namespace", lambda owner: (owner["metadata"]["namespace"],))
        self._pods.listen(self._on_pod)
        self._owners.listen(self._on_owner)

    # ---- what has happened -----------------------------------------------------------------------------------

    def _on_owner(self, before: Object | None, now: Object | None) -> None:
        if now is None and before is not None:
            self.expectations.forget(key_of(before))

    def _on_pod(self, before: Object | None, now: Object | None) -> None:
        pod = now or before or {}
        if before is not None and (owner := self._owner(before)) is not None:
            if now is None or is_terminating(now):
                self.expectations.deleted(owner, pod["metadata"]["uid"])
            self._controller.queue.add(owner)
        if now is not None and (owner := self._owner(now)) is not None:
            if before is None:
                self.expectations.created(owner)
            self._controller.queue.add(owner)
        elif now is not None and controller_of(now) is None and not is_terminating(now):
            self._controller.queue.add_all(self._admirers(now))

    def _owner(self, pod: Object) -> str | None:
        return self._controller.owner_key(pod, self.kind)

    def _admirers(self, orphan: Object) -> list[str]:
        metadata = orphan["metadata"]
        return [
            key_of(owner)
            for owner in self._owners.by("namespace", metadata["namespace"])
            if match_object(owner["spec"].get("selector"), metadata.get("labels"))
        ]

    # ---- which they are --------------------------------------------------------------------------------------

    async def certain(self, key: str) -> bool:
        """Whether the copy shows all that has been asked for; waits for it if a request has got lost."""
        expectations = self.expectations
        if key in expectations.doubtful:
            await self._pods.catch_up(namespace_of(key))
            expectations.forget(key)
        return expectations.fulfilled(key)

    async def claim(self, owner: Object) -> list[Object]:
        """The owner's pods, also those that it adopts now. Lets go of those that no longer fit its selector."""
        metadata = owner["metadata"]
        orphans = self._pods.by("owner", f"orphan/{metadata['namespace']}")
        found = claims(owner, [*self._pods.by("owner", metadata["uid"]), *orphans])
        if not (found.adopt or found.release):
            return found.own
        await self._controller.check_alive(owner, self.kind)
        adopted = [pod for pod in found.adopt if await self._patch(pod, adoption(owner, self.kind, pod))]
        for pod in found.release:
            await self._patch(pod, without_owner(pod, metadata["uid"]))
        return [*found.own, *adopted]

    async def _patch(self, pod: Object, patch: Object) -> bool:
        metadata = pod["metadata"]
        try:
            await self._client.patch("Pod", metadata["name"], patch, metadata["namespace"])
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    # ---- coming and going ------------------------------------------------------------------------------------

    async def change(self, owner: Object, new: Sequence[Object], victims: Sequence[Object]) -> None:
        """Create and delete pods. Raises the first `ApiError` or `CallFailed` when all that could be done is done."""
        key = key_of(owner)
        self.expectations.expect(key, len(new), uids(victims))
        errors = await self._all(*(self._delete(owner, key, pod) for pod in victims))
        begun = 0
        for size in batches(len(new)):
            errors += await self._all(*(self._create(owner, key, pod) for pod in new[begun : begun + size]))
            begun += size
            if errors:
                break
        self.expectations.created(key, max(0, len(new) - begun))
        if errors:
            raise errors[0]

    @staticmethod
    async def _all(*works: "asyncio._CoroutineLike[None]") -> list[ApiError | CallFailed]:
        results = await asyncio.gather(*works, return_exceptions=True)
        errors: list[ApiError | CallFailed] = []
        for result in results:
            if isinstance(result, ApiError | CallFailed):
                errors.append(result)
            elif result is not None:
                raise result
        return errors

    async def _create(self, owner: Object, key: str, pod: Object) -> None:
        events = self._controller.events
        try:
            made = await self._client.create("Pod", pod)
        except CallFailed:
            self.expectations.doubtful.add(key)
            raise
        except ApiError as error:
            self.expectations.created(key)
            if not _is_namespace_going(error):
                events.event(owner, "Warning", "FailedCreate", f"Error creating: {error.message}")
                raise
        else:
            events.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")

    async def _delete(self, owner: Object, key: str, pod: Object) -> None:
        metadata, events = pod["metadata"], self._controller.events
        name, uid = metadata["name"], metadata["uid"]
        try:
            await self._client.delete("Pod", name, metadata["namespace"], uid=uid)
        except CallFailed:
            self.expectations.doubtful.add(key)
            raise
        except ApiError as error:
            self.expectations.deleted(key, uid)
            if error.code not in (404, 409):
                events.event(owner, "Warning", "FailedDelete", f"Error deleting: {error.message}")
                raise
        else:
            events.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")


def _is_namespace_going(error: ApiError) -> bool:
    causes = (error.details or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)

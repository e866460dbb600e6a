"""Rolls Deployments out: a ReplicaSet for each template, scaled step by step.

The order of things is that of k8s.io/kubernetes: pkg/controller/deployment.
"""

from collections.abc import Sequence
from typing import NamedTuple

from actors.parts.kubernetes.client import ApiError, Object
from actors.parts.kubernetes.controllers.frame import Cluster, Controller
from actors.parts.kubernetes.informer import key_of
from actors.protocols.kubernetes.selectors import match_object
from actors.protocols.kubernetes.workloads import deployments as rules
from actors.protocols.kubernetes.workloads.owners import (
    adoption,
    claims,
    controller_of,
    controller_uid,
    without_owner,
)
from actors.protocols.kubernetes.workloads.pod_template import same_but_hash
from actors.protocols.kubernetes.workloads.pods import has_ended
from actors.protocols.kubernetes.workloads.rolling import (
    DESIRED,
    Step,
    active,
    annotated_number,
    is_rolling,
    new_size,
    old_steps,
    reported,
    scaling_steps,
    wanted,
)


class Sets(NamedTuple):
    """A Deployment's ReplicaSets: that of its present template, if there is one, and the others."""

    new: Object | None
    old: list[Object]

    @property
    def all(self) -> list[Object]:
        return [*self.old, *([self.new] if self.new is not None else [])]


class DeploymentController(Controller):
    """Brings the pods of a Deployment to its template, never too many nor too few at a time."""

    name = "deployment-controller"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._deployments = cluster.watchers.of("Deployment")
        self._deployments.index("namespace", lambda each: (each["metadata"]["namespace"],))
        self._sets = cluster.watchers.of("ReplicaSet")
        self._sets.index("namespace", lambda each: (each["metadata"]["namespace"],))
        self._sets.listen(self._on_set)
        cluster.watchers.of("Pod").listen(self._on_pod)
        self.follow("Deployment")

    # ---- what has happened -----------------------------------------------------------------------------------

    def _on_set(self, before: Object | None, now: Object | None) -> None:
        for value in (before, now):
            if value is not None and (key := self.owner_key(value, "Deployment")) is not None:
                self.queue.add(key)
        if now is not None and controller_of(now) is None:
            metadata = now["metadata"]
            for each in self._deployments.by("namespace", metadata["namespace"]):
                if match_object(each["spec"]["selector"], metadata.get("labels")):
                    self.queue.add(key_of(each))

    def _on_pod(self, before: Object | None, now: Object | None) -> None:
        """With Recreate, the last old pod that goes is what everything waits for."""
        if now is not None or before is None:
            return
        reference = controller_of(before)
        if reference is None or reference["kind"] != "ReplicaSet":
            return
        owner = self._sets.get(f"{before['metadata']['namespace']}/{reference['name']}")
        key = None if owner is None else self.owner_key(owner, "Deployment")
        deployment = None if key is None else self._deployments.get(key)
        if key is not None and deployment is not None and not is_rolling(deployment):
            self.queue.add(key)

    # ---- a look at one Deployment ----------------------------------------------------------------------------

    async def reconcile(self, key: str) -> None:
        deployment = self._deployments.get(key)
        if deployment is None:
            return
        if deployment["spec"].get("selector") == {}:
            message = "This deployment is selecting all pods. A non-empty selector is required."
            self.events.event(deployment, "Warning", "SelectingAll", message)
            return
        replica_sets = await self._claim(deployment)
        sets = _sorted(deployment, replica_sets)
        if "deletionTimestamp" in deployment["metadata"]:
            await self._write_status(
                deployment, rules.counted_status(deployment, sets.all, sets.new, self._now())
            )
            return
        deployment = await self._mark_paused(deployment)
        if deployment["spec"].get("paused") or _is_being_scaled(deployment, replica_sets):
            await self._only_scale(deployment, sets)
        elif is_rolling(deployment):
            await self._roll(deployment, sets)
        else:
            await self._recreate(deployment, sets)

    def _now(self) -> float:
        return self.cluster.now_s()

    async def _claim(self, deployment: Object) -> list[Object]:
        metadata = deployment["metadata"]
        found = claims(deployment, self._sets.by("namespace", metadata["namespace"]))
        if found.adopt:
            await self.check_alive(deployment, "Deployment")
        for each in found.adopt:
            await self._patch_set(each, adoption(deployment, "Deployment", each))
        for each in found.release:
            await self._patch_set(each, without_owner(each, metadata["uid"]))
        return await self._fresh(deployment) if found.adopt else found.own

    async def _fresh(self, deployment: Object) -> list[Object]:
        """As the API server has them, when the copy is known to be old."""
        metadata = deployment["metadata"]
        listing = await self.client.list("ReplicaSet", metadata["namespace"])
        return [each for each in listing.items if controller_uid(each) == metadata["uid"]]

    async def _patch_set(self, replica_set: Object, patch: Object) -> Object:
        metadata = replica_set["metadata"]
        return await self.client.patch("ReplicaSet", metadata["name"], patch, metadata["namespace"])

    async def _mark_paused(self, deployment: Object) -> Object:
        told = rules.paused_condition(deployment, self._now())
        return deployment if told is None else await self._with_condition(deployment, told)

    # ---- the ways ahead --------------------------------------------------------------------------------------

    async def _only_scale(self, deployment: Object, sets: Sets) -> None:
        """What a paused Deployment, or one whose size has changed, does: no rollout, but all get their share."""
        deployment, sets = await self._revise(deployment, sets, create=False)
        sets = await self._apply(deployment, sets, scaling_steps(deployment, sets.new, sets.old))
        if deployment["spec"].get("paused"):
            await self._clean_up(deployment, sets.old)
        await self._write_status(
            deployment, rules.counted_status(deployment, sets.all, sets.new, self._now())
        )

    async def _roll(self, deployment: Object, sets: Sets) -> None:
        deployment, sets = await self._revise(deployment, sets, create=True)
        new = sets.new
        assert new is not None
        name, size = new["metadata"]["name"], new_size(deployment, sets.all, new)
        if size != wanted(new):
            sets = await self._apply(deployment, sets, [Step(name, size)])
        elif steps := old_steps(deployment, active(sets.old), new):
            sets = await self._apply(deployment, sets, steps)
        elif rules.is_complete(deployment, deployment.get("status") or {}):
            await self._clean_up(deployment, sets.old)
        await self._report(deployment, sets)

    async def _recreate(self, deployment: Object, sets: Sets) -> None:
        deployment, sets = await self._revise(deployment, sets, create=False)
        if down := [Step(each["metadata"]["name"], 0) for each in active(sets.old)]:
            sets = await self._apply(deployment, sets, down)
        elif not self._runs_old_pods(sets):
            deployment, sets = await self._revise(deployment, sets, create=True)
            assert sets.new is not None
            sets = await self._apply(
                deployment, sets, [Step(sets.new["metadata"]["name"], wanted(deployment))]
            )
            if rules.is_complete(deployment, deployment.get("status") or {}):
                await self._clean_up(deployment, sets.old)
        await self._report(deployment, sets)

    def _runs_old_pods(self, sets: Sets) -> bool:
        pods = self.cluster.watchers.of("Pod")
        return any(reported(each, "replicas") for each in sets.old) or any(
            not has_ended(pod) for each in sets.old for pod in pods.by("owner", each["metadata"]["uid"])
        )

    async def _clean_up(self, deployment: Object, old: Sequence[Object]) -> None:
        for each in rules.superfluous(deployment, old):
            metadata = each["metadata"]
            try:
                await self.client.delete(
                    "ReplicaSet", metadata["name"], metadata["namespace"], uid=metadata["uid"]
                )
            except ApiError as error:
                if error.code != 404:
                    raise

    # ---- the new ReplicaSet and its revision -----------------------------------------------------------------

    async def _revise(self, deployment: Object, sets: Sets, *, create: bool) -> tuple[Object, Sets]:
        """Have the ReplicaSet of the present template, and all revisions as they should be."""
        now_s = self._now()
        if sets.new is None:
            if not create:
                return deployment, sets
            deployment, new = await self._create_set(deployment, sets.old)
        else:
            new = await self._renew_set(deployment, sets.new, sets.old)
            conditions = (deployment.get("status") or {}).get("conditions") or []
            if rules.deadline_s(deployment) is not None and rules.find(conditions, "Progressing") is None:
                message = f'Found new replica set "{new["metadata"]["name"]}"'
                told = rules.made("Progressing", "True", rules.FOUND, message, now_s)
                deployment = await self._with_condition(deployment, told)
        deployment = await self._with_revision(deployment, rules.revision(new))
        return deployment, Sets(new, sets.old)

    async def _renew_set(self, deployment: Object, new: Object, old: Sequence[Object]) -> Object:
        annotations = rules.new_annotations(deployment, new, rules.next_revision(old))
        min_ready_s = deployment["spec"].get("minReadySeconds", 0)
        same = annotations == (new["metadata"].get("annotations") or {})
        if same and min_ready_s == new["spec"].get("minReadySeconds", 0):
            return new
        patch = {
            "metadata": {**_as_seen(new), "annotations": annotations},
            "spec": {"minReadySeconds": min_ready_s or None},
        }
        return await self._patch_set(new, patch)

    async def _create_set(self, deployment: Object, old: Sequence[Object]) -> tuple[Object, Object]:
        value = rules.new_replica_set(deployment, old)
        name, size = value["metadata"]["name"], wanted(value)
        try:
            new = await self.client.create("ReplicaSet", value)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return deployment, await self._twin(deployment, value, error)
            await self._tell_failure(deployment, name, error)
            raise
        if size:
            message = f"Scaled up replica set {name} from 0 to {size}"
            self.events.event(deployment, "Normal", "ScalingReplicaSet", message)
        if rules.deadline_s(deployment) is not None:
            message = f'Created new replica set "{name}"'
            told = rules.made("Progressing", "True", rules.CREATED, message, self._now())
            deployment = await self._with_condition(deployment, told)
        return deployment, new

    async def _twin(self, deployment: Object, value: Object, error: ApiError) -> Object:
        """The ReplicaSet that has the name already: our own of a moment ago, or that of another template."""
        metadata = value["metadata"]
        found = await self.client.get("ReplicaSet", metadata["name"], metadata["namespace"])
        own = controller_uid(found) == deployment["metadata"]["uid"]
        if own and same_but_hash(found["spec"]["template"], deployment["spec"]["template"]):
            return found
        status = deployment.get("status") or {}
        collisions = status.get("collisionCount", 0) + 1
        await self._write_status(deployment, {**status, "collisionCount": collisions})
        raise error

    async def _tell_failure(self, deployment: Object, name: str, error: ApiError) -> None:
        message = f'Failed to create new replica set "{name}": {error.message}'
        self.events.event(deployment, "Warning", "ReplicaSetCreateError", message)
        if rules.deadline_s(deployment) is not None:
            told = rules.made("Progressing", "False", rules.FAILED_CREATE, message, self._now())
            await self._with_condition(deployment, told)

    # ---- writing ---------------------------------------------------------------------------------------------

    async def _apply(self, deployment: Object, sets: Sets, steps: Sequence[Step]) -> Sets:
        """Give ReplicaSets their sizes, one after the other."""
        by_name = {each["metadata"]["name"]: each for each in sets.all}
        for name, size in steps:
            by_name[name] = await self._scale(deployment, by_name[name], size)
        new = None if sets.new is None else by_name[sets.new["metadata"]["name"]]
        return Sets(new, [by_name[each["metadata"]["name"]] for each in sets.old])

    async def _scale(self, deployment: Object, replica_set: Object, size: int) -> Object:
        metadata, before = replica_set["metadata"], wanted(replica_set)
        wishes = rules.size_annotations(deployment)
        if size == before and wishes.items() <= (metadata.get("annotations") or {}).items():
            return replica_set
        patch = {"metadata": {**_as_seen(replica_set), "annotations": wishes}, "spec": {"replicas": size}}
        scaled = await self._patch_set(replica_set, patch)
        if size != before:
            how = "up" if size > before else "down"
            message = f"Scaled {how} replica set {metadata['name']} from {before} to {size}"
            self.events.event(deployment, "Normal", "ScalingReplicaSet", message)
        return scaled

    async def _with_revision(self, deployment: Object, number: int) -> Object:
        metadata = deployment["metadata"]
        if annotated_number(deployment, rules.REVISION) == number:
            return deployment
        patch = {"metadata": {**_as_seen(deployment), "annotations": {rules.REVISION: str(number)}}}
        return await self.client.patch("Deployment", metadata["name"], patch, metadata["namespace"])

    async def _with_condition(self, deployment: Object, condition: Object) -> Object:
        status = deployment.get("status") or {}
        conditions = rules.with_condition(status.get("conditions") or [], condition)
        return await self._write_status(deployment, {**status, "conditions": conditions})

    async def _report(self, deployment: Object, sets: Sets) -> None:
        now_s = self._now()
        status = rules.rollout_status(deployment, sets.all, sets.new, now_s)
        written = await self._write_status(deployment, status)
        again_in = rules.look_again_in(deployment, status, now_s)
        if written is deployment and again_in is not None:
            self.queue.add_after(key_of(deployment), again_in)

    async def _write_status(self, deployment: Object, status: Object) -> Object:
        if status == (deployment.get("status") or {}):
            return deployment
        return await self.client.update("Deployment", {**deployment, "status": status}, "status")


def _sorted(deployment: Object, replica_sets: Sequence[Object]) -> Sets:
    new = rules.find_new(deployment, replica_sets)
    return Sets(new, [each for each in replica_sets if each is not new])


def _is_being_scaled(deployment: Object, replica_sets: Sequence[Object]) -> bool:
    """Some ReplicaSet with pods has been sized for another number of replicas."""
    sized = (annotated_number(each, DESIRED) for each in active(replica_sets))
    return any(number is not None and number != wanted(deployment) for number in sized)


def _as_seen(value: Object) -> Object:
    """Metadata that makes a patch fail when the object has changed meanwhile."""
    return {"resourceVersion": value["metadata"]["resourceVersion"]}

"""The TargetGroupBinding controller: brings each target group's targets to what its Service's endpoints are.

How this works (pkg/targetgroupbinding/resource_manager.go). Every change that may concern a binding makes it due, and
some workers take those that are due, never two of them the same one. One look at a binding works out its targets from
what the informers know now, compares with what AWS has, opens the security groups, deregisters before it registers, and
tells pods with readiness gates how their targets are. A checkpoint in the binding says what was done last; nothing else
is remembered. What fails is tried again after 5 ms, 10 ms, ... up to 16m40s.
"""

from typing import Any

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient, Object
from actors.parts.kubernetes.work_queue import WorkQueue
from actors.parts.load_balancer_controller.aws import Aws
from actors.parts.load_balancer_controller.cluster import Cluster
from actors.parts.load_balancer_controller.endpoints import BackendNotFound, Resolved, Target, is_node
from actors.parts.load_balancer_controller.gates import Gates, gates_of, is_open
from actors.parts.load_balancer_controller.networking import Networking, NetworkingError
from actors.parts.load_balancer_controller.paperwork import (
    DONE,
    FINALIZER,
    Outcome,
    Paperwork,
    checkpoint_in,
    checkpoint_of,
)
from actors.parts.load_balancer_controller.reconciles import Reconciles
from actors.parts.load_balancer_controller.target_health import TargetHealth
from actors.parts.load_balancer_controller.vpc import Vpc
from actors.protocols.aws.errors import AwsError
from actors.units import SECOND

WORKERS = 3
"""`--targetgroupbinding-max-concurrent-reconciles`."""
SYNC_POLL_S = 0.005
GATES_S = 15.0
"""How often pods are told while gates wait."""
VERIFY_S, VERIFY_JITTER_S = 1800.0, 900.0
"""When a checkpoint that seems good is doubted."""
NO_GROUP = ("TargetGroupNotFound",)


class Incomplete(Exception):
    """Pods that slices name have not been heard of yet."""


class Bindings:
    """Reconciles TargetGroupBindings."""

    def __init__(self, context: Context, client: KubeClient, aws: Aws, vpc: Vpc) -> None:
        self._context = context
        self._queue = WorkQueue(context, "targetGroupBinding")
        self.cluster = Cluster(context, client, self._queue_up)
        self._paperwork = Paperwork(context, client)
        self._gates = Gates(context, client)
        self._health = TargetHealth(context, aws, vpc)
        self._networking = Networking(aws, vpc)
        self._reconciles = Reconciles(context, "targetGroupBinding")
        self._doubted: set[str] = set()
        self._doubts_due: set[str] = set()
        self._busy: set[str] = set()
        self._since_ns: dict[str, int] = {}
        self._propagation = context.metrics.histogram(
            "journey_kube_endpoint_propagation_seconds", consumer="lb_controller"
        )

    def _queue_up(self, key: str) -> None:
        """Something has changed for this binding."""
        self._since_ns.setdefault(key, self._context.now_ns())
        self._queue.add(key)

    def start(self) -> None:
        self.cluster.start()
        self._context.spawn(self._begin(), "target group bindings")

    async def _begin(self) -> None:
        while not self.cluster.synced:
            await self._context.sleep(SYNC_POLL_S)
        for number in range(WORKERS):
            self._context.spawn(self._work(), f"target group binding worker {number}")

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            self._busy.add(key)
            try:
                await self._try(key)
            finally:
                self._busy.discard(key)
                self._queue.done(key)

    async def _try(self, key: str) -> None:
        self._reconciles.began()
        try:
            await self._reconcile(key)
        except (ApiError, CallFailed, AwsError, NetworkingError, Incomplete) as error:
            if not isinstance(error, Incomplete):
                self._reconciles.failed(error)
            self._queue.again(key)
        else:
            self._queue.forget(key)

    # ---- one binding ---------------------------------------------------------------------------------------

    async def _reconcile(self, key: str) -> None:
        binding = self.cluster.bindings.get(key)
        if binding is None:
            self._paperwork.forget(key)
        elif "deletionTimestamp" in binding["metadata"]:
            await self._clean_up(key, binding)
        elif (owner := self._owner(binding["spec"]["targetGroupARN"])) != key:
            arn = binding["spec"]["targetGroupARN"]
            message = f"TargetGroup {arn} is already bound to TargetGroupBinding {owner}"
            self._paperwork.tell(key, binding, Outcome("Warning", "FailedReconcile", message))
        else:
            await self._paperwork.add_finalizer(binding)
            await self._bring(key, binding)

    def _owner(self, arn: str) -> str | None:
        """Of several bindings of one group the oldest has it."""
        claims = [
            (each["metadata"]["creationTimestamp"], key)
            for key, each in self.cluster.bindings.objects.items()
            if each["spec"]["targetGroupARN"] == arn
        ]
        return min(claims)[1] if claims else None

    async def _bring(self, key: str, binding: Object) -> None:
        try:
            resolved = self.cluster.resolve(binding)
        except BackendNotFound as error:
            self._paperwork.tell(key, binding, Outcome("Warning", "BackendNotFound", str(error)))
            await self._empty(key, binding)
            await self._paperwork.observe(binding)
            return
        if self._is_done(key, binding, resolved):
            self._since_ns.pop(key, None)
            await self._doubt_later(key, binding, resolved)
            return
        try:
            waits = await self._change(key, binding, resolved)
        except (AwsError, NetworkingError) as error:
            message = f"Failed reconcile due to {error}"
            self._paperwork.tell(key, binding, Outcome("Warning", "FailedReconcile", message))
            raise
        self._doubted.discard(key)
        await self._paperwork.observe(binding)
        if resolved.incomplete:
            raise Incomplete
        self._paperwork.tell(key, binding, DONE)
        if waits:
            self._queue.add_after(key, GATES_S)

    def _is_done(self, key: str, binding: Object, resolved: Resolved) -> bool:
        if key in self._doubted or resolved.incomplete:
            return False
        name = binding["metadata"]["name"]
        waits = any(
            name in gates_of(pod) and not is_open(pod, binding)
            for pod in resolved.owners.values()
            if not is_node(pod)
        )
        return not waits and checkpoint_in(binding) == checkpoint_of(binding, resolved)

    async def _doubt_later(self, key: str, binding: Object, resolved: Resolved) -> None:
        if self._paperwork.told(key) is None:  # the first look since the controller began
            await self._open(key, binding, resolved)
            self._paperwork.tell(key, binding, DONE)
        if key not in self._doubts_due:
            self._doubts_due.add(key)
            delay_s = VERIFY_S + VERIFY_JITTER_S * self._context.random.random()
            self._context.call_at(self._context.now_ns() + round(delay_s * SECOND), self._doubt, key)

    def _doubt(self, key: str) -> None:
        self._doubts_due.discard(key)
        self._doubted.add(key)
        self._queue.add(key)

    async def _change(self, key: str, binding: Object, resolved: Resolved) -> bool:
        """Bring AWS, and the pods' gates, to what is wanted. Returns whether gates wait."""
        arn, instances = binding["spec"]["targetGroupARN"], binding["spec"].get("targetType") == "instance"
        has = await self._health.list(arn)
        gone = [each for each, health in has.items() if each not in resolved.owners and not _drains(health)]
        new = [each for each in resolved.owners if each not in has or _drains(has[each])]
        with self._reconciles.stage("reconcile_networking"):
            await self._open(key, binding, resolved)
        if gone or new:
            await self._paperwork.set_checkpoint(binding, "", self._unix_seconds())
        with self._reconciles.stage("reconcile_targets"):
            await self._health.deregister(arn, gone)
            await self._health.register(arn, new, are_instances=instances)
        since_ns = self._since_ns.pop(key, None)
        if since_ns is not None and (gone or new):
            self._propagation.observe((self._context.now_ns() - since_ns) / SECOND)
        waits = False
        if not instances:
            with self._reconciles.stage("reconcile_gates"):
                known = {each: health for each, health in has.items() if each not in new}
                waits = await self._gates.update(binding, resolved.owners, known)
        if not resolved.incomplete:
            checkpoint = checkpoint_of(binding, resolved)
            await self._paperwork.set_checkpoint(_blank(binding), checkpoint, self._unix_seconds())
        return waits

    async def _open(self, key: str, binding: Object, resolved: Resolved) -> None:
        try:
            await self._networking.reconcile(
                key, binding, resolved.owners, self.cluster.nodes.objects, self._with_networking()
            )
        except (AwsError, NetworkingError) as error:
            self._paperwork.tell(key, binding, Outcome("Warning", "FailedNetworkReconcile", str(error)))
            raise

    def _with_networking(self) -> list[str]:
        return [
            key
            for key, each in self.cluster.bindings.objects.items()
            if (each["spec"].get("networking") or {}).get("ingress")
            and "deletionTimestamp" not in each["metadata"]
        ]

    def _unix_seconds(self) -> int:
        return self._context.unix_ns() // SECOND

    # ---- the end of one ------------------------------------------------------------------------------------

    async def _clean_up(self, key: str, binding: Object) -> None:
        if FINALIZER not in binding["metadata"].get("finalizers", ()):
            return
        try:
            if self._owner(binding["spec"]["targetGroupARN"]) == key:
                await self._empty(key, binding)
            await self._gates.release(binding, self.cluster.pods.objects)
        except AwsError as error:
            message = f"Failed cleanup due to {error}"
            self._paperwork.tell(key, binding, Outcome("Warning", "FailedCleanup", message))
            raise
        await self._paperwork.remove_finalizer(binding)

    async def _empty(self, key: str, binding: Object) -> None:
        """Deregister everything, close what was opened for it."""
        arn = binding["spec"]["targetGroupARN"]
        self._health.forget(arn)
        try:
            has = await self._health.ask(arn)
            await self._health.deregister(arn, [each for each, health in has.items() if not _drains(health)])
        except AwsError as error:
            if error.code not in NO_GROUP:
                raise
        await self._paperwork.set_checkpoint(binding, "", self._unix_seconds())
        await self._networking.release(key, self._with_networking())

    # ---- how it stands -------------------------------------------------------------------------------------

    async def is_settled(self) -> bool:
        """Whether every endpoint is a target, and every target healthy, at this moment. Raises `AwsError`."""
        if not self.cluster.synced or len(self._queue) or self._busy:
            return False
        for key, binding in list(self.cluster.bindings.objects.items()):
            told = self._paperwork.told(key)
            if told is None:
                return False
            if told.reason in ("SuccessfullyReconciled", "BackendNotFound") and not await self._is_healthy(
                binding
            ):
                return False
        return True

    async def _is_healthy(self, binding: Object) -> bool:
        try:
            wanted: tuple[Target, ...] = self.cluster.resolve(binding).targets
        except BackendNotFound:
            return True
        has = await self._health.ask(binding["spec"]["targetGroupARN"])
        states = {target: health["State"] for target, health in has.items() if not _drains(health)}
        return states.keys() == set(wanted) and set(states.values()) <= {"healthy", "unused"}

    def inspect(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, binding in self.cluster.bindings.objects.items():
            told = self._paperwork.told(key)
            try:
                targets = [f"{each.id}:{each.port}" for each in self.cluster.resolve(binding).targets]
            except BackendNotFound:
                targets = []
            found[key] = {
                "target_group": binding["spec"]["targetGroupARN"],
                "targets": targets,
                "checkpoint": checkpoint_in(binding) or None,
                "last_event": told.reason if told else None,
            }
        return found


def _drains(health: Object) -> bool:
    return bool(health["State"] == "draining")


def _blank(binding: Object) -> Object:
    """As it is after its checkpoint was taken back."""
    metadata = {**binding["metadata"], "annotations": {}}
    return {**binding, "metadata": metadata}

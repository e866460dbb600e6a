"""TargetGroupBindings: brings each target group's targets to what its Service's endpoints are, and says how that went.

How this works. Every change that may concern a binding makes it due, and one worker takes those that are due, one after
another: it works out the targets from what the informers know now, and hands them to the load balancer's nodes
(`balancer_node.py`), which report when they have them; that makes the binding due again, to tell of it. Nothing depends
on the order of changes, or on what was known before the controller was killed: only on how things are.
"""

import asyncio
from collections.abc import Sequence

from actors.element import CallFailed, Context
from actors.parts.kubernetes.client import ApiError, KubeClient, Object
from actors.parts.load_balancer_controller.balancer_node import BalancerNode
from actors.parts.load_balancer_controller.cluster import Cluster
from actors.parts.load_balancer_controller.endpoints import BackendNotFound, PodTarget
from actors.parts.load_balancer_controller.paperwork import FINALIZER, Outcome, Paperwork
from actors.parts.load_balancer_controller.settled import are_healthy
from actors.units import SECOND

SYNC_POLL_S = 0.02
RETRY_NS = SECOND // 2


NOT_EMULATED = (
    ("targetType", "ip", "with ip the pods themselves are the targets"),
    ("ipAddressType", "ipv4", "the world has IPv4 only"),
    ("targetGroupProtocol", "HTTP", "targets are spoken to in HTTP"),
)
"""Fields of a binding's spec with the one value that can be had, and why."""


class Bindings:
    """Reconciles TargetGroupBindings of ip mode."""

    def __init__(self, context: Context, client: KubeClient, names: Sequence[str]) -> None:
        self._context, self._client = context, client
        self._cluster = Cluster(context, client, self._touch)
        self._nodes = [BalancerNode(context, name, self._news) for name in names]
        self._paperwork = Paperwork(context, client)
        self._due: dict[str, None] = {}
        self._something_due = asyncio.Event()
        self._groups: dict[str, str] = {}
        """The target group of each binding that has one of its own."""
        self._reconciled = context.metrics.counter("journey_alb_controller_reconciles_total")

    def start(self) -> None:
        self._cluster.start()
        for node in self._nodes:
            node.start()
        self._context.spawn(self._work(), "target group bindings")

    async def is_settled(self) -> bool:
        """Whether every ready pod is a target, and every target healthy, at every node, at this moment."""
        if not self._cluster.synced or self._due:
            return False
        for key, binding in list(self._cluster.bindings.objects.items()):
            arn = self._groups.get(key)
            if arn is None and self._paperwork.told(key) is None:
                return False
            if arn is not None and not await are_healthy(
                binding, arn, self._cluster, self._nodes, self._client
            ):
                return False
        return True

    def inspect(self) -> dict[str, object]:
        return {
            "synced": self._cluster.synced,
            "bindings": {
                key: {
                    "target_group": arn,
                    "targets": [f"{id_}:{port}" for id_, port in self._nodes[0].wanted.get(arn, ())],
                    "applied": [
                        node.name
                        for node in self._nodes
                        if arn in node.wanted and node.applied.get(arn) == node.wanted[arn]
                    ],
                    "last_event": told.reason if (told := self._paperwork.told(key)) else None,
                }
                for key, arn in self._groups.items()
            },
        }

    # ---- what is due -------------------------------------------------------------------------------------

    def _touch(self, key: str) -> None:
        self._due[key] = None
        self._something_due.set()

    def _news(self, arn: str) -> None:
        for key in [key for key, own in self._groups.items() if own == arn]:
            self._touch(key)

    async def _work(self) -> None:
        while not self._cluster.synced:
            await self._context.sleep(SYNC_POLL_S)
        while True:
            await self._something_due.wait()
            self._something_due.clear()
            due, self._due = list(self._due), {}
            for key in due:
                await self._try(key)

    async def _try(self, key: str) -> None:
        self._reconciled.value += 1
        try:
            await self._reconcile(key)
        except (ApiError, CallFailed):
            self._context.call_at(self._context.now_ns() + RETRY_NS, self._touch, key)

    # ---- one binding -------------------------------------------------------------------------------------

    async def _reconcile(self, key: str) -> None:
        binding = self._cluster.bindings.get(key)
        if binding is None:
            self._release(key)
            self._paperwork.forget(key)
            self._paperwork.forget(f"{key} networking")
        elif "deletionTimestamp" in binding["metadata"]:
            await self._clean_up(key, binding)
        elif (complaint := self._complaint(key, binding)) is not None:
            self._release(key)
            self._paperwork.tell(key, binding, Outcome("Warning", "FailedReconcile", complaint))
        else:
            await self._paperwork.add_finalizer(binding)
            self._tell_of_networking(key, binding)
            await self._bring(key, binding)

    def _complaint(self, key: str, binding: Object) -> str | None:
        """Why the controller cannot do anything about it."""
        spec = binding["spec"]
        arn = spec["targetGroupARN"]
        for key_, known, why in NOT_EMULATED:
            if spec.get(key_, known) != known:
                return f"{key_} {spec[key_]} is not emulated: {why}"
        if (owner := self._owner(arn)) not in (None, key):
            return f"TargetGroup {arn} is already bound to TargetGroupBinding {owner}"
        return None

    def _tell_of_networking(self, key: str, binding: Object) -> None:
        """Its targets can be had all the same: the world file's security groups let the load balancer in, or do not."""
        if binding["spec"].get("networking", {}).get("ingress"):
            words = "spec.networking is not emulated: security groups are as the world file has them"
            outcome = Outcome("Warning", "FailedNetworkReconcile", words)
            self._paperwork.tell(f"{key} networking", binding, outcome)

    def _owner(self, arn: str) -> str | None:
        """Of several bindings of one group the oldest has it."""
        claims = [
            (each["metadata"]["creationTimestamp"], key)
            for key, each in self._cluster.bindings.objects.items()
            if each["spec"]["targetGroupARN"] == arn
        ]
        return min(claims)[1] if claims else None

    async def _bring(self, key: str, binding: Object) -> None:
        arn = binding["spec"]["targetGroupARN"]
        if self._groups.get(key, arn) != arn:
            self._release(key)
        self._groups[key] = arn
        missing, targets = "", ()  # type: tuple[str, tuple[PodTarget, ...]]
        try:
            targets = self._cluster.targets_of(binding)
        except BackendNotFound as error:
            missing = str(error)
        for node in self._nodes:
            node.want(arn, targets)
        if missing:
            self._paperwork.tell(key, binding, Outcome("Warning", "BackendNotFound", missing))
        elif refused := [node.refused[arn] for node in self._nodes if arn in node.refused]:
            self._paperwork.tell(key, binding, Outcome("Warning", "FailedReconcile", refused[0], targets))
        elif self._are_brought(arn, targets):
            self._paperwork.tell(
                key, binding, Outcome("Normal", "SuccessfullyReconciled", "Successfully reconciled", targets)
            )
            await self._paperwork.observe(binding)

    def _are_brought(self, arn: str, targets: tuple[PodTarget, ...]) -> bool:
        return all(node.applied.get(arn) == targets for node in self._nodes)

    async def _clean_up(self, key: str, binding: Object) -> None:
        """Deregister everything; when that is done at every node, the binding may go."""
        arn = self._groups.get(key) or binding["spec"]["targetGroupARN"]
        if FINALIZER not in binding["metadata"].get("finalizers", ()):
            return
        if self._owner(arn) == key:
            self._groups[key] = arn
            for node in self._nodes:
                node.want(arn, ())
            if not all(node.applied.get(arn) == () or arn in node.refused for node in self._nodes):
                return
        await self._paperwork.remove_finalizer(binding)

    def _release(self, key: str) -> None:
        """The binding is gone, or no longer about its target group."""
        arn = self._groups.pop(key, None)
        if arn is not None and arn not in self._groups.values():
            for node in self._nodes:
                node.release(arn)

"""The node in the API: its Node object with its conditions, and the Lease that says that it is alive."""

import asyncio
from typing import Any

from actors.element import CallFailed
from actors.parts.kubelet.services import Services
from actors.parts.kubernetes.client import ApiError
from actors.protocols.kubelet import node_object
from actors.protocols.kubelet.containers import Object
from actors.protocols.kubelet.node_object import Instance
from actors.protocols.kubelet.status import with_transition_times
from actors.protocols.kubelet.texts import api_time, micro_time
from actors.units import SECOND

LEASE_NAMESPACE = "kube-node-lease"
RETRY_S, LONGEST_RETRY_S = 0.05, 7.0
REPORT_NS = 300 * SECOND
"""nodeStatusReportFrequency: how often a status is written that has not changed."""
CNI_EAGER_S, LONGEST_CNI_EAGER_S, CNI_POLL_S = 0.02, 1.0, 5.0
"""How often the CNI plugin is asked for its STATUS: until it can serve first, and from then on."""
PATIENCE = 3
"""So many failed questions in a row make a node that was ready not ready; an agent that restarts is no reason."""


class Registration:
    """Keeps the Node and its Lease as they should be."""

    def __init__(
        self, services: Services, instance: Instance, *, status_every_s: float, lease_s: int
    ) -> None:
        self.node: Object | None = None
        """The Node as last seen."""
        self._services, self._instance = services, instance
        self._boot_id = _uuid(services.kernel.boot_id)
        self._status_every_s, self._lease_s = status_every_s, lease_s
        self._changed = asyncio.Event()
        self._reported_ns = 0
        self._machine_id = _uuid(instance.instance_id.encode().hex().rjust(32, "0")[-32:])

    def start(self) -> None:
        """Register, then keep at it until the element stops."""
        context = self._services.context
        context.spawn(self._keep_status(), "node status")
        context.spawn(self._keep_lease(), "node lease")
        context.spawn(self._watch_cni(), "CNI status")

    @property
    def ready(self) -> bool:
        """The API knows that this node is ready."""
        conditions = (self.node or {}).get("status", {}).get("conditions", ())
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    # ---- the Node ------------------------------------------------------------------------------------------

    async def _keep_status(self) -> None:
        await self._insist(self._register)
        self._node_event("Starting", "Starting kubelet.")
        for reason in ("NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID"):
            self._node_event(reason, f"Node {self._instance.name} status is now: {reason}")
        self._node_event("NodeAllocatableEnforced", "Updated Node Allocatable limit across pods")
        while True:
            self._changed.clear()
            await self._insist(self._report)
            await self._services.pause(self._status_every_s, self._changed)

    async def _register(self) -> None:
        """Create the Node, or adopt the one that is there, with the labels that it has from others."""
        services, client, wanted = self._services, self._services.client, node_object.node(self._instance)
        try:
            self.node = await client.create("Node", {**wanted, "status": self._status(None)})
        except ApiError as error:
            if error.code != 409:
                raise
            patch = {"metadata": {"labels": wanted["metadata"]["labels"]}, "spec": wanted["spec"]}
            self.node = await client.patch("Node", self._instance.name, patch, type="strategic")
            services.images.recover(self.node.get("status", {}).get("images", ()))
            if (old := _boot_id(self.node)) and old != self._boot_id:
                message = f"Node {self._instance.name} has been rebooted, boot id: {self._boot_id}"
                self._node_event("Rebooted", message, "Warning")

    async def _report(self) -> None:
        """Write the status if it has changed, or was written too long ago."""
        services = self._services
        try:
            node = await services.client.get("Node", self._instance.name)
        except ApiError as error:
            if error.code != 404:
                raise
            self.node = None  # somebody has deleted it; a kubelet registers when it starts, and not again
            return
        status = self._status(node)
        due = services.now_ns() >= self._reported_ns + REPORT_NS
        was_ready = self.ready
        self.node = node
        if due or _differs(status, node.get("status", {})):
            patch = {"status": status}
            self.node = await services.client.patch(
                "Node", self._instance.name, patch, subresource="status", type="strategic"
            )
            self._reported_ns = services.now_ns()
        if self.ready != was_ready:
            reason = "NodeReady" if self.ready else "NodeNotReady"
            self._node_event(reason, f"Node {self._instance.name} status is now: {reason}")

    def _status(self, node: Object | None) -> Object:
        services = self._services
        images = services.images.described()
        instance = self._instance._replace(address=services.host_ip)
        status = node_object.status(instance, self._boot_id, self._machine_id, images)
        now = api_time(services.context.unix_ns())
        not_ready = None if services.network_ready.is_set() else node_object.CNI_NOT_READY
        before = (node or {}).get("status", {}).get("conditions", ())
        conditions = with_transition_times(node_object.conditions(not_ready), before, now)
        for condition in conditions:
            del condition["lastProbeTime"]
            condition["lastHeartbeatTime"] = now
        return {**status, "conditions": conditions}

    # ---- the Lease -----------------------------------------------------------------------------------------

    async def _keep_lease(self) -> None:
        while True:
            if self.node is not None:
                await self._insist(self._renew)
            await self._services.context.sleep(self._lease_s / 4 if self.node is not None else RETRY_S)

    async def _renew(self) -> None:
        services, name = self._services, self._instance.name
        now = micro_time(services.context.unix_ns())
        try:
            await services.client.patch("Lease", name, {"spec": {"renewTime": now}}, LEASE_NAMESPACE)
        except ApiError as error:
            if error.code != 404 or self.node is None:
                raise
            lease = node_object.lease(name, now, self._lease_s, self.node["metadata"]["uid"])
            await services.client.create("Lease", lease, LEASE_NAMESPACE)

    # ---- the CNI plugin ------------------------------------------------------------------------------------

    async def _watch_cni(self) -> None:
        ready, failures, context = self._services.network_ready, 0, self._services.context
        eager_s = CNI_EAGER_S
        while True:
            if await self._services.runtime.network_ready():
                failures, eager_s = 0, CNI_EAGER_S
                if not ready.is_set():
                    ready.set()
                    self._changed.set()
            else:
                failures += 1
                if ready.is_set() and failures >= PATIENCE:
                    ready.clear()
                    self._changed.set()
            await context.sleep(CNI_POLL_S if ready.is_set() else eager_s)
            eager_s = min(1.3 * eager_s, LONGEST_CNI_EAGER_S)

    # ---- help ----------------------------------------------------------------------------------------------

    async def _insist(self, do: Any) -> None:
        """Do it until it has been done; the API server may be away for a while."""
        wait_s = RETRY_S
        while True:
            try:
                await do()
                return
            except (CallFailed, ApiError):
                await self._services.context.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)

    def _node_event(self, reason: str, message: str, kind: str = "Normal") -> None:
        name = self._instance.name
        regarding = {"kind": "Node", "apiVersion": "v1", "name": name, "uid": name}
        self._services.events.event(regarding, kind, reason, message)


def _boot_id(node: Object) -> str:
    return str(node.get("status", {}).get("nodeInfo", {}).get("bootID", ""))


def _uuid(digest: str) -> str:
    """32 hexadecimal digits as a UUID."""
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


def _differs(one: Object, other: Object) -> bool:
    """Whether two statuses differ in more than their times."""
    return _timeless(one) != _timeless(other)


def _timeless(status: Object) -> Object:
    names = ("addresses", "capacity", "allocatable", "daemonEndpoints", "images", "nodeInfo")
    conditions = sorted(
        (each["type"], each["status"], each.get("reason", ""), each.get("message", ""))
        for each in status.get("conditions", ())
    )
    return {**{name: status.get(name) or None for name in names}, "conditions": conditions}

"""`aws-node` on one node: the CNI plugin that wires pods, and the loop that keeps the wiring as it should be.

How this works. The agent has no ports; it works by management calls. The kubelet (in the node) asks it to ADD a pod; it
picks an address, writes what the pod needs into the node's kernel, and answers as the CNI specification says: a result,
or an object with `code` and `msg`. Every few seconds it compares what should stand there with what does,
and writes what is missing. It keeps nothing on disk: after a restart it learns from the node which pods it has wired,
where the real ipamd reads its state file.
"""

import asyncio
from typing import Any, NamedTuple, Protocol

from pydantic import Field, model_validator

from actors.element import CallFailed, Claim, Context, Element, ElementConfig, ElementName
from actors.parts.config_fields import Address, Cidr, Part, fault
from actors.protocols import cni
from actors.protocols.cni import Attachment, CniError, NetworkInterface
from actors.protocols.netlink import Change, Entry, NetlinkError, parse
from actors.units import SECOND, Duration

POD_MTU = 9001
"""AWS_VPC_ENI_MTU."""


class PodAddress(Part):
    """The address of one pod, and the device number of the ENI that holds it."""

    address: Address = Field(description="the pod's address")
    device: int = Field(default=0, ge=0, le=14, description="device number of the ENI that holds it")


class Config(ElementConfig):
    """The VPC CNI of one node."""

    node: ElementName = Field(description="the node whose pods it wires")
    vpc_cidrs: tuple[Cidr, ...] = Field(
        min_length=1, description="destinations that see the pods' own addresses"
    )
    exclude_snat_cidrs: tuple[Cidr, ...] = Field(
        default=(), description="others that do (AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS)"
    )
    external_snat: bool = Field(
        default=False, description="no address is translated here (AWS_VPC_K8S_CNI_EXTERNALSNAT)"
    )
    addresses: dict[str, PodAddress] = Field(
        default={}, description="each pod (namespace/name) with its address"
    )
    check_interval: Duration = Field(
        default=5 * SECOND, gt=0, description="how often the wiring is looked at"
    )

    @model_validator(mode="after")
    def _check_addresses(self) -> "Config":
        holders: dict[str, str] = {}
        for pod, given in self.addresses.items():
            try:
                cni.check_request(pod, "c", "eth0")
            except CniError as error:
                raise fault(("addresses", pod), error.message, pod) from None
            if given.address in holders:
                what = f"{holders[given.address]} has {given.address} already"
                raise fault(("addresses", pod, "address"), what, given.address)
            holders[given.address] = pod
        return self

    def claims(self) -> list[Claim]:
        return [
            Claim("address", given.address, ("addresses", pod, "address"))
            for pod, given in self.addresses.items()
        ]


class Assigned(NamedTuple):
    """An address for a pod, and the device number of the ENI that holds it."""

    address: str
    device: int


class Addresses(Protocol):
    """Where pods' addresses come from. ipamd's pools will be another one."""

    def assign(self, pod: str) -> Assigned | None:
        """An address for the pod, the same when it has one; None at once when there is none."""

    def release(self, pod: str) -> None:
        """The pod needs its address no longer."""


class ConfiguredAddresses:
    """Every pod has the address that the config gives it."""

    def __init__(self, addresses: dict[str, PodAddress]) -> None:
        self._addresses = addresses

    def assign(self, pod: str) -> Assigned | None:
        given = self._addresses.get(pod)
        return None if given is None else Assigned(given.address, given.device)

    def release(self, pod: str) -> None:
        """It stays the pod's own."""


class Seen(NamedTuple):
    """A node as it describes itself: its ENIs, its pods' sandboxes, and what is written in its kernel."""

    interfaces: list[NetworkInterface]
    sandboxes: list[dict[str, Any]]
    entries: list[Entry]


class CniAgent(Element):
    """Answers the kubelet's ADD, DEL and CHECK, and repairs what is missing."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.addresses: Addresses = ConfiguredAddresses(config.addresses)
        self._attachments: dict[str, Attachment] = {}
        self._turn = asyncio.Lock()
        self._failures = context.metrics.counter("journey_cni_assign_failures_total", reason="no_address")
        self._assigned = context.metrics.gauge("journey_cni_ip_addresses", node=config.node, state="assigned")

    async def start(self) -> None:
        self.context.spawn(self._keep_wired(), "keep wired")

    def on_frame(self, port: str, frame: bytes) -> None:
        """The agent is on no link."""

    # ---- the kubelet's calls -------------------------------------------------------------------------------

    async def call_add(
        self, pod: str, port: str, container_id: str, netns: str = "", ifname: str = "eth0"
    ) -> dict[str, Any]:
        """Wire a pod: the CNI result, or an error object. Asked again, it does what is missing and answers alike."""
        try:
            cni.check_request(pod, container_id, ifname)
            async with self._turn:
                return await self._add(pod, port, container_id, netns, ifname)
        except CniError as error:
            self.context.event("cni.add", pod=pod, error=error.message, code=error.code)
            return error.described()

    async def call_del(self, pod: str, container_id: str, ifname: str = "eth0") -> dict[str, Any]:
        """Take a pod's wiring away; an empty result, also when there was none."""
        try:
            cni.check_request(pod, container_id, ifname)
            async with self._turn:
                await self._delete(pod, container_id, ifname)
        except CniError as error:
            return error.described()
        return {}

    async def call_check(self, pod: str, container_id: str, ifname: str = "eth0") -> dict[str, Any]:
        """Whether a pod's wiring is whole: an empty result, or an error object that says what is missing."""
        try:
            cni.check_request(pod, container_id, ifname)
            attachment = self._attachments.get(pod)
            if attachment is None or (attachment.container_id, attachment.ifname) != (container_id, ifname):
                raise CniError(cni.NOT_AS_ADDED, f"check cmd: {container_id} {ifname} was never added")
            there = (await self._look("check cmd: failed to check network")).entries
        except CniError as error:
            return error.described()
        missing = cni.repairs(cni.pod_entries(attachment), there)
        if not missing:
            return {}
        details = "; ".join(map(str, cni.plain(missing)))
        return CniError(
            cni.NOT_AS_ADDED, f"check cmd: {pod} lacks {len(missing)} entries", details
        ).described()

    async def _add(self, pod: str, port: str, container_id: str, netns: str, ifname: str) -> dict[str, Any]:
        assigned = self.addresses.assign(pod)
        if assigned is None:
            self._failures.value += 1
            raise CniError(cni.INTERNAL, "add cmd: failed to assign an IP address to container")
        attachment = Attachment(
            container_id, ifname, netns, pod, port, assigned.address, assigned.device, POD_MTU
        )
        failed = "add command: failed to setup network"
        try:
            seen = await self._look(failed)
            changes = cni.repairs([*self._node_entries(seen), *cni.pod_entries(attachment)], seen.entries)
            await self._write(changes, failed)
        except CniError:
            self.addresses.release(pod)
            raise
        self._know(attachment)
        self.context.event(
            "cni.add",
            pod=pod,
            address=attachment.address,
            device=attachment.device,
            veth=attachment.veth,
            table=cni.table_name(attachment.table),
            written=cni.plain(changes),
        )
        return cni.add_result(attachment)

    async def _delete(self, pod: str, container_id: str, ifname: str) -> None:
        attachment = self._attachments.get(pod)
        if attachment is None or (attachment.container_id, attachment.ifname) != (container_id, ifname):
            return  # another sandbox of the pod, or none: nothing of it is left
        failed = "del cmd: failed on tear down pod network"
        changes = cni.removals(attachment, (await self._look(failed)).entries)
        await self._write(changes, failed)
        self.addresses.release(pod)
        del self._attachments[pod]
        self._assigned.value = len(self._attachments)
        self.context.event("cni.del", pod=pod, address=attachment.address, veth=attachment.veth)

    # ---- the loop ------------------------------------------------------------------------------------------

    async def _keep_wired(self) -> None:
        while True:
            try:
                async with self._turn:
                    await self._repair()
            except CniError as error:
                self.context.metrics.counter("journey_cni_repair_failures_total").value += 1
                self.context.event("cni.repair", error=error.details or error.message)
            await self.context.sleep(self.config.check_interval / SECOND)

    async def _repair(self) -> None:
        seen = await self._look("the node does not answer")
        for sandbox in seen.sandboxes:
            self._adopt(sandbox)
        known = {sandbox["pod"] for sandbox in seen.sandboxes}
        # A pod without a sandbox is one that a restarted kubelet will ask for again, with a new container.
        attachments = [attachment for pod, attachment in self._attachments.items() if pod in known]
        wanted = [entry for attachment in attachments for entry in cni.pod_entries(attachment)]
        changes = cni.repairs([*self._node_entries(seen), *wanted], seen.entries)
        if changes:
            await self._write(changes, "repair failed")
            self.context.event("cni.repair", written=cni.plain(changes))

    def _adopt(self, sandbox: dict[str, Any]) -> None:
        """Know a pod again that was wired before this process began."""
        if sandbox["pod"] in self._attachments:
            return
        assigned = self.addresses.assign(sandbox["pod"])
        if assigned is not None:
            names = (
                sandbox["container_id"],
                sandbox["ifname"],
                sandbox["netns"],
                sandbox["pod"],
                sandbox["port"],
            )
            self._know(Attachment(*names, assigned.address, assigned.device, POD_MTU))

    def _know(self, attachment: Attachment) -> None:
        self._attachments[attachment.pod] = attachment
        self._assigned.value = len(self._attachments)

    def _node_entries(self, seen: Seen) -> list[Entry]:
        own_cidrs = (*self.config.vpc_cidrs, *self.config.exclude_snat_cidrs)
        return cni.node_entries(seen.interfaces, own_cidrs, external_snat=self.config.external_snat)

    # ---- the node ------------------------------------------------------------------------------------------

    async def _look(self, failed: str) -> Seen:
        """The node as it is; raises `CniError` when it is away, or says what nobody understands."""
        try:
            state = await self.context.call(self.config.node, "network_state")
            interfaces = [
                NetworkInterface(each["device"], each["address"], each["gateway"])
                for each in state["interfaces"]
            ]
            entries = [parse({"op": "add", **entry}).entry for entry in state["entries"]]
        except (CallFailed, NetlinkError) as error:
            raise CniError(cni.INTERNAL, failed, str(error)) from None
        return Seen(interfaces, state["sandboxes"], entries)

    async def _write(self, changes: list[Change], failed: str) -> None:
        if not changes:
            return
        try:
            await self.context.call(self.config.node, "netlink", changes=cni.plain(changes))
        except CallFailed as error:
            raise CniError(cni.INTERNAL, failed, str(error)) from None

    def inspect(self) -> dict[str, Any]:
        return {"attachments": [attachment._asdict() for attachment in self._attachments.values()]}

"""The CNI plugin `aws-cni`: what the kubelet executes, with ipamd behind it.

How this works. ADD takes an address from ipamd, which has written it down by then, and writes veth, route and rules
into the node's kernel; what fails half-way gives the address back. DEL goes the other way round, and finds nothing
to do the second time. Executions take turns at the kernel's tables, for they compare before they write.

An ADD for an attachment that has its interface already is an error, as the specification wants; one whose earlier
execution was cut short before that (the agent was killed) gets the address that was written down for it.
"""

import asyncio
from typing import Any

from actors.element import Context
from actors.parts.aws_node.add_metrics import AddMetrics
from actors.parts.aws_node.env import Env
from actors.parts.aws_node.ipamd import Ipamd
from actors.parts.aws_node.node_view import NodeView, Seen, stale_rules
from actors.protocols import cni, cni_request
from actors.protocols.cni import Attachment, CniError
from actors.protocols.cni_request import Request
from actors.protocols.ipam.datastore import Assigned, Holder, Key
from actors.protocols.netlink import Entry, Link, Route

POD_MTU = 9001
IO_FAILURE = 5
NO_BACKEND = "failed to connect to backend server"
POD_DELETED, SETUP_FAILED, COLLECTED = "PodDeleted", "SetupNSFailed", "SandboxGone"


class Plugin:
    """Executes CNI commands for one node."""

    def __init__(self, context: Context, env: Env, ipamd: Ipamd, view: NodeView) -> None:
        self._context, self._env, self._ipamd, self._view = context, env, ipamd, view
        self._turn = asyncio.Lock()
        self._adds = AddMetrics(context)

    async def execute(self, env: Any, stdin: Any) -> dict[str, Any]:
        """What executing the plugin gives: its exit code, and what it prints."""
        version = cni.CNI_VERSION
        if isinstance(stdin, dict) and stdin.get("cniVersion") in cni_request.SUPPORTED_VERSIONS:
            version = stdin["cniVersion"]
        began_ns = self._context.now_ns()
        try:
            request = cni_request.parse(env, stdin)
            async with self._turn:
                stdout = await self._command(request)
            if request.command == "ADD":
                self._adds.succeeded(request.pod, began_ns)
            elif request.command == "DEL":
                self._adds.forget(request.pod)
            return {"code": 0, "stdout": stdout}
        except CniError as error:
            self._failed(env, error)
            return {"code": 1, "stdout": error.described(version)}

    async def _command(self, request: Request) -> dict[str, Any]:
        match request.command:
            case "ADD":
                return await self._add(request)
            case "DEL":
                await self._del(request)
            case "CHECK":
                await self._check(request)
            case "VERSION":
                return cni_request.versions(request.version)
            case "STATUS":
                await self._status()
            case "GC":
                await self._collect(cni_request.valid_attachments(request))
        return {}

    def _failed(self, env: Any, error: CniError) -> None:
        command = env.get("CNI_COMMAND") if isinstance(env, dict) else None
        if command in ("ADD", "DEL"):
            arguments = dict(pair.partition("=")[::2] for pair in str(env.get("CNI_ARGS", "")).split(";"))
            pod = f"{arguments.get('K8S_POD_NAMESPACE', '')}/{arguments.get('K8S_POD_NAME', '')}"
            if command == "ADD":
                self._adds.failed(pod, error)
            why = {"error": error.message, "code": error.code}
            self._context.event(
                f"cni.{command.lower()}", pod=pod, sandbox=env.get("CNI_CONTAINERID", ""), **why
            )

    # ---- ADD -----------------------------------------------------------------------------------------------

    async def _add(self, request: Request) -> dict[str, Any]:
        pod, key = request.pod, Key(request.network, request.container_id, request.ifname)
        if not self._ipamd.ready:
            raise CniError(cni.TRY_AGAIN_LATER, f"add cmd: {NO_BACKEND}")
        self._ipamd.metrics.add_requests.value += 1
        await self._check_first(key, request)
        holder = Holder(key, pod, request.arguments.get("K8S_POD_UID", ""), request.netns)
        attachment = self._attachment(holder, self._assign(holder), request.config)
        try:
            changes = cni.repairs(cni.pod_entries(attachment), ())
            await self._view.write(changes, "add command: failed to setup network")
        except CniError:
            self._release(holder, SETUP_FAILED)
            raise
        assigned = self._ipamd.store.assigned(key)
        self._context.event(
            "cni.add",
            pod=pod,
            sandbox=request.container_id,
            address=attachment.address,
            eni=assigned.eni if assigned else None,
            device=attachment.device,
            veth=attachment.veth,
            table=cni.table_name(attachment.table),
            written=cni.plain(changes),
        )
        return cni_request.in_version(cni.add_result(attachment), request.version)

    async def _check_first(self, key: Key, request: Request) -> None:
        """Raises `CniError` if the sandbox has this interface already. Most have nothing, which we know by heart."""
        if not any(each.key == key or each.netns == request.netns for each, _ in self._ipamd.store.holders()):
            return
        seen = await self._view.look("add command: failed to setup network")
        if (link := seen.link_of(request.netns_name)) is not None:
            what = f"add cmd: container already has an interface {request.ifname}"
            raise CniError(cni.NOT_AS_ADDED, what, f"{link.ifname} leads to {request.netns}")

    def _assign(self, holder: Holder) -> Assigned:
        try:
            assigned = self._ipamd.allocations.assign(holder)
        except OSError as error:
            raise CniError(IO_FAILURE, "add cmd: failed to write the state file", str(error)) from None
        self._ipamd.metrics.update()
        if assigned is None:
            self._ipamd.metrics.no_available.value += 1
            raise CniError(cni.INTERNAL, "add cmd: failed to assign an IP address to container")
        return assigned

    def _release(self, holder: Holder, reason: str) -> None:
        try:
            self._ipamd.allocations.release(holder, reason)
        except OSError as error:
            raise CniError(IO_FAILURE, "del cmd: failed to write the state file", str(error)) from None
        self._ipamd.metrics.released(reason)
        self._ipamd.metrics.update()

    def _attachment(self, holder: Holder, assigned: Assigned, config: dict[str, Any]) -> Attachment:
        mtu = self._env.AWS_VPC_ENI_MTU or int(config.get("mtu", POD_MTU))
        prefix = self._env.AWS_VPC_K8S_CNI_VETHPREFIX or config.get("vethPrefix", "eni")
        key = holder.key
        return Attachment(
            key.container_id,
            key.ifname,
            holder.netns,
            holder.pod,
            assigned.address,
            assigned.device,
            mtu,
            prefix,
        )

    def _wired(self, holder: Holder, assigned: Assigned, seen: Seen) -> Attachment | None:
        """An attachment as it is wired; None when its veth is gone, and nothing can be mended."""
        attachment = self._attachment(holder, assigned, {})
        link = seen.link_of(attachment.netns_name)
        if link is None:
            return None
        return attachment._replace(mtu=link.mtu, veth_prefix=link.ifname[:-11])

    # ---- DEL, CHECK, STATUS --------------------------------------------------------------------------------

    async def _del(self, request: Request) -> None:
        key = Key(request.network, request.container_id, request.ifname)
        if not self._ipamd.ready:
            if not request.config.get("prevResult"):
                raise CniError(cni.TRY_AGAIN_LATER, f"del cmd: {NO_BACKEND}")
            await self._tear_down_previous(request)
            return
        holder = self._ipamd.allocations.holder(key, request.netns)
        if holder is not None:
            await self._remove(holder, POD_DELETED)

    async def _remove(self, holder: Holder, reason: str) -> None:
        """Take what an attachment has in the kernel, then its address."""
        assigned = self._ipamd.store.assigned(holder.key)
        if assigned is None:  # EC2 has taken it away meanwhile
            return
        attachment = await self._tear_down(holder, assigned)
        self._release(holder, reason)
        self._context.event(
            "cni.del",
            pod=holder.pod,
            sandbox=holder.key.container_id,
            address=assigned.address,
            eni=assigned.eni,
            veth=attachment.veth,
            reason=reason,
        )

    async def _tear_down(self, holder: Holder, assigned: Assigned) -> Attachment:
        """Take away what stands in the kernel: all that should, at once; if it is not so, what does."""
        failed = "del cmd: failed to process delete request"
        attachment = self._attachment(holder, assigned, {})
        alone = all(each.pod != holder.pod or each == holder for each, _ in self._ipamd.store.holders())
        if alone and holder.key.container_id:
            entries = cni.pod_entries(attachment)
            try:
                await self._view.write(cni.removals(attachment, entries), failed)
                return attachment
            except CniError:
                pass
        seen = await self._view.look(failed)
        attachment = self._wired(holder, assigned, seen) or attachment
        await self._view.write(cni.removals(attachment, seen.entries), failed)
        return attachment

    async def _tear_down_previous(self, request: Request) -> None:
        """Without ipamd: what the result of ADD says was made. The address is found to be nobody's later."""
        result = cni_request.previous(request)
        try:
            address = result["ips"][0]["address"].partition("/")[0]
            device = int(result["interfaces"][2]["sandbox"])
        except (LookupError, TypeError, ValueError, AttributeError):
            return  # of an ADD that failed: there is nothing to tear down
        key = Key(request.network, request.container_id, request.ifname)
        pod = request.pod if "K8S_POD_NAME" in request.arguments else "/"
        holder = Holder(key, pod, "", request.netns)
        attachment = self._attachment(holder, Assigned(address, "", device), request.config)
        failed = "del cmd: failed to tear down pod network with previous result"
        seen = await self._view.look(failed)
        await self._view.write(cni.removals(attachment, seen.entries), failed)

    async def _check(self, request: Request) -> None:
        """Whether what ADD answered and what it wrote are still so."""
        result = cni_request.previous(request)
        key = Key(request.network, request.container_id, request.ifname)
        holder, assigned = self._ipamd.allocations.holder(key), self._ipamd.store.assigned(key)
        if holder is None or assigned is None:
            what = f"check cmd: {request.container_id} {request.ifname} was never added"
            raise CniError(cni.NOT_AS_ADDED, what)
        addresses = [each.get("address") for each in result.get("ips", [])]
        if addresses != [f"{assigned.address}/32"]:
            what = f"check cmd: prevResult has {addresses}, {holder.pod} has {assigned.address}/32"
            raise CniError(cni.NOT_AS_ADDED, what)
        seen = await self._view.look("check cmd: failed to check network")
        missing = cni.repairs(
            cni.pod_entries(self._attachment(holder, assigned, request.config)), seen.entries
        )
        if missing:
            what = f"check cmd: {holder.pod} lacks {len(missing)} entries"
            raise CniError(cni.NOT_AS_ADDED, what, "; ".join(map(str, cni.plain(missing))))

    async def _status(self) -> None:
        """Whether ADD would work; a node that has booted meanwhile is made ready for it."""
        if not self._ipamd.ready:
            raise CniError(cni_request.NOT_AVAILABLE, f"status cmd: {NO_BACKEND}")
        try:
            await self._mend(await self._look())
        except CniError as error:
            what = "status cmd: the node's network cannot be looked at"
            raise CniError(cni_request.LIMITED, what, error.details) from None

    # ---- what stays right ----------------------------------------------------------------------------------

    async def _collect(self, valid: set[tuple[str, str]]) -> None:
        """GC: attachments that the runtime no longer knows."""
        errors = []
        for holder, _ in self._ipamd.store.holders():
            if (holder.key.container_id, holder.key.ifname) in valid:
                continue
            try:
                await self._remove(holder, COLLECTED)
            except CniError as error:
                errors.append(error)
        if errors:
            raise CniError(errors[0].code, "; ".join(error.message for error in errors), errors[0].details)

    async def wire_node(self) -> None:
        """Each ENI has its table, and the chain stands; what was of an ENI that is gone, goes. Raises `CniError`."""
        async with self._turn:
            await self._mend(await self._look())

    async def keep(self) -> None:
        """What is missing is written again; what is of sandboxes that are no longer there is let go."""
        async with self._turn:
            seen = await self._look()
            if not self._ipamd.ready:
                return
            self._adopt(seen)
            for holder, _ in self._ipamd.store.holders():
                if holder.netns.rpartition("/")[2] not in seen.netns:
                    await self._remove(holder, COLLECTED)
            await self._mend(seen)

    async def _look(self) -> Seen:
        return await self._view.look("the node does not answer")

    async def _mend(self, seen: Seen) -> None:
        node = self._node_entries(seen)
        wired = [self._wired(holder, assigned, seen) for holder, assigned in self._ipamd.store.holders()]
        pods = [entry for each in wired if each is not None for entry in cni.pod_entries(each)]
        changes = [*stale_rules(node, seen.entries), *cni.repairs([*node, *pods], seen.entries)]
        if changes:
            await self._view.write(changes, "repair failed")
            self._context.event("cni.repair", written=cni.plain(changes))

    def _adopt(self, seen: Seen) -> None:
        """Pods that are wired and not written down (the state file was lost) keep what they have."""
        known = {assigned.address for _, assigned in self._ipamd.store.holders()}
        netns_of = {link.ifname: link.netns for link in seen.entries if isinstance(link, Link)}
        for route in seen.entries:
            if isinstance(route, Route) and route.dev in netns_of:
                address, netns = route.dst.partition("/")[0], netns_of[route.dev]
                if address not in known:
                    key = Key(cni.PLUGIN, "", netns)
                    self._ipamd.allocations.adopt(Holder(key, "/", "", f"/run/netns/{netns}"), address)

    def _node_entries(self, seen: Seen) -> list[Entry]:
        cidrs = self._ipamd.instance.vpc_cidrs if self._ipamd.instance else ()
        return cni.node_entries(
            seen.interfaces,
            (*cidrs, *self._env.excluded_cidrs),
            external_snat=self._env.AWS_VPC_K8S_CNI_EXTERNALSNAT,
        )

"""The node's container runtime: sandboxes as processes, wired by the CNI plugin, with containers inside.

RunPodSandbox launches the pod's process, whose cable is named after the network namespace, has the CNI plugin ADD it,
and tells the process its network. What went wrong half-way is undone. StopPodSandbox is the same the other way round.
"""

import asyncio
import contextlib
import hashlib
import re
from typing import Any, NamedTuple

from actors.element import CallFailed, Context
from actors.parts.node_kernel import NodeKernel
from actors.protocols.kubelet.containers import Object
from actors.protocols.kubelet.pod import PodMachine, Sandbox
from actors.wire.addresses import mac_text

POD_KIND = "nginx_pod"
VETH = {"delay": "5us", "mtu": 9001}
PLUGIN = "aws-cni"
INTERFACE = "eth0"
STATUS_VERSION = "1.1.0"
"""The first version of the CNI specification with STATUS; it is asked in that, whatever the configuration's is."""
CNI_PATH = "/opt/cni/bin"
NAME_LENGTH = 63
KILL = 9


class RuntimeFailed(Exception):
    """What the runtime answers instead of a result; says why in its words."""


class Exec(NamedTuple):
    """How a command in a container ended; without an exit code it did not run, or not to its end."""

    exit_code: int | None
    output: str
    timed_out: bool = False


def process_name(namespace: str, name: str) -> str:
    """The element that a pod is: its own name in `default`, `namespace--name` elsewhere, and short enough for both."""
    whole = name if namespace == "default" else f"{namespace}--{name}"
    whole = re.sub(r"[^a-z0-9-]", "-", whole)
    if len(whole) <= NAME_LENGTH:
        return whole
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()[:8]
    return f"{whole[: NAME_LENGTH - 9]}-{digest}"


class Runtime:
    """Sandboxes and containers of one node."""

    def __init__(self, context: Context, kernel: NodeKernel, cni: str, sysctls: dict[str, Any]) -> None:
        """`sysctls` are those of the node that a new network namespace takes over."""
        self._sysctls = sysctls
        self._context, self._kernel, self._cni = context, kernel, cni
        self._alive: dict[str, asyncio.Event] = {}
        self._config: dict[str, Any] = {}
        """What `/etc/cni/net.d` has for the plugin; nothing before the agent has written it there."""
        self._results: dict[str, dict[str, Any]] = {}

    def new_id(self, *of: str) -> str:
        """64 hexadecimal digits; after a restart with the same dice they are others, for time has passed."""
        parts = (*of, str(self._context.unix_ns()), str(self._context.random.getrandbits(64)))
        return hashlib.sha256("/".join(parts).encode()).hexdigest()

    def on_exit(self, process: str) -> None:
        """A pod's process has ended, by whomever."""
        if (ended := self._alive.pop(process, None)) is not None:
            ended.set()

    # ---- sandboxes -----------------------------------------------------------------------------------------

    async def run_sandbox(self, machine: PodMachine) -> Sandbox:
        """A new sandbox with its network. Raises `RuntimeFailed`."""
        sandbox_id = self.new_id(machine.uid)
        process = process_name(machine.namespace, machine.name)
        sandbox = Sandbox(sandbox_id, process, f"cni-{sandbox_id[:12]}")
        await self._launch(machine, sandbox)
        try:
            result = await self._add(machine, sandbox)
            veth, address = result["interfaces"][0]["name"], result["ips"][0]["address"]
            await self._context.call(process, "set_up_network", **self._network_of(result, sandbox.netns))
            if process not in self._alive:
                raise RuntimeFailed(f'sandbox "{sandbox_id}" has ended')
        except (RuntimeFailed, CallFailed) as error:
            await self._undo(machine, sandbox)
            raise RuntimeFailed(str(error)) from None
        return sandbox._replace(address=address, veth=veth)

    async def _launch(self, machine: PodMachine, sandbox: Sandbox) -> None:
        if sandbox.process in self._alive:
            raise RuntimeFailed(
                _not_started(sandbox, f"name {sandbox.process!r} is reserved: its pod still ends")
            )
        config: dict[str, Any] = {"node": self._context.name, "pod": f"{machine.namespace}/{machine.name}"}
        if self._sysctls:
            config["sysctls"] = self._sysctls
        self._alive[sandbox.process] = asyncio.Event()
        try:
            await self._context.launch(sandbox.process, POD_KIND, config, port=sandbox.netns, link=VETH)
        except CallFailed as error:
            with contextlib.suppress(
                CallFailed
            ):  # it may only be late: one that comes up after all is nobody's
                await self._context.signal(sandbox.process, KILL)
            self.on_exit(sandbox.process)
            raise RuntimeFailed(_not_started(sandbox, str(error))) from None
        self._kernel.add_netns(sandbox.netns)

    async def _add(self, machine: PodMachine, sandbox: Sandbox) -> dict[str, Any]:
        try:
            answer = await self._execute_cni("ADD", machine, sandbox)
        except CallFailed as error:
            answer = {"code": 1, "stdout": {"msg": f"add cmd: failed to connect to backend server: {error}"}}
        if answer["code"]:
            raise RuntimeFailed(_plugin_failed("setup", "add", sandbox.id, answer["stdout"]))
        result: dict[str, Any] = answer["stdout"]
        self._results[sandbox.id] = result
        return result

    def _network_of(self, result: dict[str, Any], netns: str) -> dict[str, Any]:
        """For the pod: its address, and a gateway that nobody has, whose MAC is that of the veth's other end."""
        gateway = next(route["gw"] for route in result["routes"] if "gw" in route)
        return {
            "address": result["ips"][0]["address"],
            "gateway": gateway,
            "gateway_mac": mac_text(self._kernel.veth_mac(netns)),
            "mtu": int(self._config.get("mtu", VETH["mtu"])),
        }

    async def _undo(self, machine: PodMachine, sandbox: Sandbox) -> None:
        """A DEL follows even a failed ADD; should that fail too, the agent's own garbage collection is left."""
        try:
            await self._execute_cni("DEL", machine, sandbox)
        except CallFailed:
            pass
        self._results.pop(sandbox.id, None)
        await self._end(sandbox)

    async def stop_sandbox(self, machine: PodMachine, sandbox: Sandbox) -> None:
        """Take its network away, then its process. Raises `RuntimeFailed`; asked again, it does what is left to do."""
        try:
            answer = await self._execute_cni("DEL", machine, sandbox)
        except CallFailed as error:
            answer = {"code": 1, "stdout": {"msg": f"del cmd: failed to connect to backend server: {error}"}}
        if answer["code"]:
            raise RuntimeFailed(_plugin_failed("destroy", "delete", sandbox.id, answer["stdout"]))
        self._results.pop(sandbox.id, None)
        await self._end(sandbox)

    async def _end(self, sandbox: Sandbox) -> None:
        ended = self._alive.get(sandbox.process)
        if ended is not None:
            try:
                await self._context.signal(sandbox.process, KILL)
                await ended.wait()
            except CallFailed:  # it has ended by itself
                self.on_exit(sandbox.process)
        self._kernel.remove_netns(sandbox.netns)

    # ---- the CNI plugin --------------------------------------------------------------------------------------

    async def _execute_cni(self, command: str, machine: PodMachine, sandbox: Sandbox) -> dict[str, Any]:
        arguments = {
            "IgnoreUnknown": "1",
            "K8S_POD_NAMESPACE": machine.namespace,
            "K8S_POD_NAME": machine.name,
            "K8S_POD_INFRA_CONTAINER_ID": sandbox.id,
            "K8S_POD_UID": machine.uid,
        }
        env = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": sandbox.id,
            "CNI_NETNS": f"/run/netns/{sandbox.netns}",
            "CNI_IFNAME": INTERFACE,
            "CNI_ARGS": ";".join(f"{key}={value}" for key, value in arguments.items()),
            "CNI_PATH": CNI_PATH,
        }
        config = self._config
        if command == "DEL" and sandbox.id in self._results:
            config = {**config, "prevResult": self._results[sandbox.id]}
        answer: dict[str, Any] = await self._context.call(self._cni, "cni", env=env, stdin=config)
        return answer

    async def network_ready(self) -> bool:
        """Whether there is a network configuration, and the plugin says that it can serve.

        Before it is asked to for the first time it is told that no sandbox of before has outlived the reboot (GC)."""
        env = {"CNI_COMMAND": "STATUS", "CNI_PATH": CNI_PATH}
        try:
            conflist = await self._context.call(self._cni, "conflist")
            config = {
                "cniVersion": conflist["cniVersion"],
                "name": conflist["name"],
                **conflist["plugins"][0],
            }
            asked = {**config, "cniVersion": STATUS_VERSION}
            answer = await self._context.call(self._cni, "cni", env=env, stdin=asked)
            if answer["code"] == 0 and not self._config:
                env = {**env, "CNI_COMMAND": "GC"}
                stdin = {**asked, "cni.dev/valid-attachments": []}
                answer = await self._context.call(self._cni, "cni", env=env, stdin=stdin)
        except CallFailed:
            return False
        if answer["code"]:
            return False
        self._config = config
        return True

    # ---- containers ----------------------------------------------------------------------------------------

    async def start_container(self, sandbox: Sandbox, **arguments: Any) -> str | None:
        """Start a container; None, or why its program could not be started. Raises `RuntimeFailed`."""
        try:
            answer = await self._context.call(sandbox.process, "start_container", **arguments)
        except CallFailed as error:
            raise RuntimeFailed(f"failed to create container in sandbox {sandbox.id}: {error}") from None
        return answer.get("error") if isinstance(answer, dict) else None

    async def signal(self, sandbox: Sandbox, container: str, number: int) -> None:
        """Send a container's program a signal; a sandbox that is gone has none."""
        try:
            await self._context.call(sandbox.process, "stop_container", name=container, signal=number)
        except CallFailed:
            pass

    async def execute(
        self, sandbox: Sandbox, container: str, command: list[str], timeout_s: float | None
    ) -> Exec:
        """Run a command in a container."""
        try:
            answer: Object = await self._context.call(
                sandbox.process, "exec", container=container, command=command, timeout_s=timeout_s
            )
        except CallFailed as error:
            return Exec(None, str(error))
        if answer.get("timed_out"):
            return Exec(None, f"command {' '.join(command)!r} timed out", timed_out=True)
        return Exec(answer.get("exit_code"), str(answer.get("output", answer.get("error", ""))))

    async def flush_logs(self, sandbox: Sandbox) -> None:
        """Have the containers' log files hold all that was said."""
        try:
            await self._context.call(sandbox.process, "flush_logs")
        except CallFailed:
            pass


def _not_started(sandbox: Sandbox, why: str) -> str:
    return f'failed to start sandbox "{sandbox.id}": failed to create containerd task: {why}'


def _plugin_failed(verb: str, command: str, sandbox_id: str, error: Any) -> str:
    message = error.get("msg", "") if isinstance(error, dict) else str(error)
    direction = "network for sandbox"
    return (
        f'rpc error: code = Unknown desc = failed to {verb} {direction} "{sandbox_id}": '
        f'plugin type="{PLUGIN}" name="{PLUGIN}" failed ({command}): {message}'
    )

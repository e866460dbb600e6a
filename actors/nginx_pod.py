"""A pod's sandbox: a network namespace, and inside it the pod's containers.

How this works. The node launches this process as containerd starts a pause container: it has its own stack and one
cable, the veth pair, and nothing else. When the CNI has wired the cable, the node tells it its network
(`set_up_network`), then has it start one container after the other. Containers are parts of this process: if it is
killed they are all gone. Whatever ends by itself is reported to the node.
"""

from collections.abc import Callable
from typing import Any

from pydantic import Field, ValidationError

from actors.element import CallFailed, Context, Element, ElementConfig, ElementName
from actors.parts.pod.container import Container, StartError
from actors.parts.pod.container_log import ContainerLog
from actors.parts.pod.image import AppPlace, ContainerImage
from actors.parts.pod.modes import BadMode, Modes
from actors.parts.tools import Tools
from actors.protocols.kubelet.commands import START_ERROR
from actors.stack import Stack
from actors.stack.sysctls import Sysctls
from actors.wire.addresses import mac_bytes

INTERFACE = "eth0"
RETRY_S = 0.1
LONGEST_RETRY_S = 2.0
"""How soon the node is told again of a container's end, while it does not answer."""


class Config(ElementConfig):
    """A pod on a node."""

    node: ElementName = Field(description="the node that it runs on")
    pod: str = Field(pattern=r"^[a-z0-9-]+/[a-z0-9.-]+$", description="namespace/name")

    sysctls: Sysctls = Field(
        default=Sysctls(), description="its TCP (those of its node), by the names of Linux's net.ipv4"
    )

    def port_names(self) -> tuple[str, ...]:
        return (INTERFACE,)


class NginxPod(Tools, Element):
    """A pod: a network namespace with containers in it."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context, tcp=config.sysctls.settings())
        self.stack.add_interface(INTERFACE)
        self.containers: dict[str, Container] = {}
        self.modes = Modes()

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)

    def receiver(self) -> Callable[[str, bytes], None]:
        return self.stack.on_frame

    def on_link(self, port: str, up: bool) -> None:
        self.stack.on_link(port, up)

    async def stop(self) -> None:
        for container in self.containers.values():
            if container.server is not None:
                container.server.end()
            container.log.flush()

    # ---- the sandbox ---------------------------------------------------------------------------------------

    async def call_set_up_network(self, address: str, gateway: str, gateway_mac: str, mtu: int) -> None:
        """The inside of the sandbox: a /32, and everything by way of a gateway that is only a static ARP entry."""
        self.stack.set_address(INTERFACE, address)
        self.stack.set_neighbour(INTERFACE, gateway, mac_bytes(gateway_mac))
        self.stack.add_route(f"{gateway}/32", INTERFACE)
        self.stack.add_route("default", INTERFACE, gateway)
        port: Any = self.context.ports[INTERFACE]
        port.mtu = min(port.mtu, mtu)

    # ---- misbehaviour --------------------------------------------------------------------------------------

    async def call_set(self, **settings: Any) -> dict[str, Any]:
        """Switch modes while the pod runs: `latency="200ms"`, `errors="20%"`, `latency="off"` (`parts/pod/modes.py`).

        Returns `{"modes": all keys with their values, "changed": {key: {"from", "to"}}}`."""
        try:
            changed = self.modes.change(settings)
        except BadMode as error:
            raise CallFailed(f"{self.context.name}: {error}") from None
        for container in self.containers.values():
            if container.server is not None:
                await container.server.follow_modes()
        if changed:
            self.context.event("pod.mode", pod=self.config.pod, changed=changed)
        return {"modes": self.modes.all(), "changed": changed}

    # ---- containers ----------------------------------------------------------------------------------------

    async def call_start_container(
        self,
        name: str,
        container_id: str,
        image: dict[str, Any],
        command: list[str],
        args: list[str],
        env: dict[str, str],
        log_path: str,
        app: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Start a container: `{"started": true}`, or `{"exit_code": 128, "error": ...}` if its program cannot start.

        `image` is a `ContainerImage`, `app` the `AppPlace` of one with an application in it, `log_path` lies in the
        run directory."""
        before = self.containers.get(name)
        if before is not None and before.exit_code is None:
            raise CallFailed(f"{self.context.name}: container {name} runs already")
        try:
            checked, place = ContainerImage.model_validate(image), AppPlace.model_validate(app or {})
        except ValidationError as error:
            raise CallFailed(f"{self.context.name}: image: {error}") from None
        env = {"HOSTNAME": self.config.pod.partition("/")[2], **env}
        log = ContainerLog(self.context, log_path)
        container = Container(
            self.context, self.stack, name, container_id, checked, env, log, self.modes, self._exited, place
        )
        try:
            container.start(checked.argv(command, args))
        except StartError as error:
            return {"exit_code": START_ERROR, "error": str(error)}
        self.containers[name] = container
        return {"started": True}

    async def call_stop_container(self, name: str, signal: int) -> None:
        """Send a container's program a signal; its end is reported to the node when it comes."""
        container = self.containers.get(name)
        if container is not None:
            container.signal(signal)

    async def call_exec(self, container: str, command: list[str], timeout_s: float | None) -> dict[str, Any]:
        """Run a command in a container: `exit_code` and `output`, or `error` if there is no such program, or
        `timed_out`."""
        inside = self.containers.get(container)
        if inside is None or inside.exit_code is not None:
            return {"error": f'container not running ("{container}")'}
        try:
            code, output = await inside.exec(tuple(command), timeout_s)
        except StartError as error:
            return {"error": str(error)}
        except TimeoutError:
            return {"timed_out": True}
        return {"exit_code": code, "output": output}

    async def call_flush_logs(self) -> None:
        """Have the log files hold all that was said."""
        for container in self.containers.values():
            container.log.flush()

    def _exited(self, container: Container, code: int) -> None:
        self.context.spawn(self._report(container, code), f"report the end of {container.name}")

    async def _report(self, container: Container, code: int) -> None:
        told = {"pod": self.config.pod, "container": container.name, "exit_code": code}
        wait_s = RETRY_S
        while True:
            try:
                await self.context.call(
                    self.config.node, "container_exited", container_id=container.id, **told
                )
                return
            except CallFailed:
                await self.context.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)

    def inspect(self) -> dict[str, Any]:
        return {
            "pod": self.config.pod,
            "modes": self.modes.shown() or "none",
            "containers": {
                name: {
                    "id": container.id,
                    "exit_code": container.exit_code,
                    **({} if container.server is None else container.server.inspect()),
                }
                for name, container in self.containers.items()
            },
            **self.stack.inspect(),
        }

"""An EKS worker node: an EC2 instance with its network interfaces, its kernel's rules and routes, and the kubelet.

How this works. A fresh node knows its ENIs and nothing of its pods. The kubelet has the CNI wire each pod of the
config: the CNI agent answers, having written veth, route and rule into the kernel by `call_netlink`. A packet for a pod
is delivered because that route stands there; without it the packet is dropped and the journal says so. All ENIs of the
node share one link and are told apart by their MAC addresses; each pod has a cable, whose end here becomes the host's
end of its veth pair. A node that was killed has lost its kernel's state, and asks the CNI for every pod again.
"""

import asyncio
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from actors.element import CallFailed, Claim, Context, Element, ElementConfig, ElementName
from actors.parts.config_fields import Uplink, fault, unknown
from actors.parts.node_kernel import ENI_PORT, AttachedInterface, NodeKernel
from actors.protocols import cni
from actors.protocols.instance_types import LIMITS
from actors.protocols.netlink import NetlinkError
from actors.wire.addresses import InterfaceAddress, Prefix, mac_for, mac_text

FIRST_RETRY_S = 0.1
LAST_RETRY_S = 5.0


class NodeInterface(Uplink):
    """An ENI of the node with its primary address; its gateway is the VPC's router. It becomes `eth<device>`."""

    device: int = Field(ge=0, le=14, description="device number; 0 is the primary one, which every node has")
    eni: str = Field(pattern="^eni-[0-9a-z]+$", description="its id, as in the VPC's network_interfaces")


class Config(ElementConfig):
    """An EC2 instance in an EKS cluster, and the pods that run on it."""

    instance_type: str = Field(
        description="EC2 instance type; says how many network interfaces and pods it takes"
    )
    availability_zone: str = Field(description="where it runs; its ENIs' subnets lie there")
    network_interfaces: tuple[NodeInterface, ...] = Field(min_length=1)
    cni: ElementName = Field(description="the CNI agent of this node")
    pods: dict[Annotated[str, Field(min_length=1)], str] = Field(
        default={}, description="each port that is a pod's cable, with the pod (namespace/name) at its end"
    )
    conntrack_max: int = Field(
        default=131_072, gt=0, description="connections that the kernel tracks at most"
    )

    @model_validator(mode="after")
    def _check(self) -> "Config":
        if self.instance_type not in LIMITS:
            raise fault(
                ("instance_type",), unknown("instance type", self.instance_type, LIMITS), self.instance_type
            )
        self._check_interfaces()
        self._check_pods()
        return self

    def _check_interfaces(self) -> None:
        limits, devices = LIMITS[self.instance_type], [each.device for each in self.network_interfaces]
        if len(devices) > limits.interfaces:
            what = f"{self.instance_type} takes {limits.interfaces} network interfaces, not {len(devices)}"
            raise fault(("network_interfaces",), what, len(devices))
        if 0 not in devices:
            raise fault(("network_interfaces",), "one of them is the primary one, device 0", devices)
        for index, each in enumerate(self.network_interfaces):
            if devices.index(each.device) != index:
                where = ("network_interfaces", index, "device")
                raise fault(where, f"there are two devices {each.device}", each.device)

    def _check_pods(self) -> None:
        limits, homes = LIMITS[self.instance_type], dict[str, str]()
        if len(self.pods) > limits.max_pods:
            raise fault(
                ("pods",), f"{self.instance_type} runs {limits.max_pods} pods at most", len(self.pods)
            )
        for port, pod in self.pods.items():
            if port == ENI_PORT:
                raise fault(("pods", port), f"{ENI_PORT} is the port of the network interfaces", port)
            if pod in homes:
                raise fault(("pods", port), f"{pod} is at port {homes[pod]!r} already", pod)
            try:
                cni.check_request(pod, "c", "eth0")
            except cni.CniError as error:
                raise fault(("pods", port), error.message, pod) from None
            homes[pod] = port

    def port_names(self) -> list[str]:
        return [ENI_PORT, *self.pods]

    def claims(self) -> list[Claim]:
        """Pods' addresses are claimed by the CNI agent, which gives them; two ENIs may lie in one subnet."""
        claims, subnets = [], set[Prefix]()
        for index, each in enumerate(self.network_interfaces):
            where, subnet = (
                ("network_interfaces", index, "address"),
                InterfaceAddress.parse(each.address).prefix,
            )
            claims.append(Claim("address", each.address, where))
            if subnet not in subnets:
                claims.append(Claim("subnet", each.address, where))
                subnets.add(subnet)
        return claims


class Sandbox(NamedTuple):
    """A pod's network namespace, wired: what its process needs to know of it."""

    pod: str
    port: str
    container_id: str
    netns: str
    ifname: str
    result: dict[str, Any]

    def described(self, gateway_mac: bytes) -> dict[str, Any]:
        """For the pod: its address and gateway, which nobody has: its MAC is a permanent ARP entry in the pod."""
        container = self.result["interfaces"][1]
        gateway = next(route["gw"] for route in self.result["routes"] if "gw" in route)
        return {
            "address": self.result["ips"][0]["address"],
            "gateway": gateway,
            "gateway_mac": mac_text(gateway_mac),
            "mtu": container["mtu"],
            "veth": self.result["interfaces"][0]["name"],
        }


class EksNode(Element):
    """A node's kernel and kubelet."""

    config: Config

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.kernel = NodeKernel(context, conntrack_max=config.conntrack_max)
        self.tables, self.stack, self.forwarder = self.kernel.tables, self.kernel.stack, self.kernel.forwarder
        # Every packet comes by here, so the runtime gets the forwarder's own method, not one that calls it.
        self.on_frame = self.kernel.on_frame  # type: ignore[method-assign]
        self._sandboxes: dict[str, Sandbox] = {}
        self._turns = {pod: asyncio.Lock() for pod in config.pods.values()}
        for port in config.pods:
            self.kernel.add_netns(port)

    def on_frame(self, port: str, frame: bytes) -> None:
        self.kernel.on_frame(port, frame)

    async def start(self) -> None:
        for each in self.config.network_interfaces:
            self.kernel.attach_interface(AttachedInterface(each.eni, each.device, each.address, each.gateway))
        for port, pod in self.config.pods.items():
            self.context.spawn(self._run_pod(pod), f"pod at {port}")

    def on_link(self, port: str, up: bool) -> None:
        self.kernel.on_link(port, up)

    # ---- the kubelet ---------------------------------------------------------------------------------------

    async def _run_pod(self, pod: str) -> None:
        """Have the pod wired, however often it takes."""
        wait_s = FIRST_RETRY_S
        while True:
            try:
                await self.call_sandbox(pod)
                return
            except CallFailed:
                await self.context.sleep(wait_s)
                wait_s = min(2 * wait_s, LAST_RETRY_S)

    async def call_sandbox(self, pod: str) -> dict[str, Any]:
        """The pod's network: `address`, `gateway`, `gateway_mac`, `mtu`, `veth`. Fails as the kubelet words it."""
        if pod not in self._turns:
            raise CallFailed(f"{pod} does not run on {self.context.name}")
        async with self._turns[pod]:
            if pod not in self._sandboxes:
                self._sandboxes[pod] = await self._make_sandbox(pod)
        sandbox = self._sandboxes[pod]
        return sandbox.described(mac_for(self.context.name, sandbox.port))

    async def _make_sandbox(self, pod: str) -> Sandbox:
        port = next(port for port, at_its_end in self.config.pods.items() if at_its_end == pod)
        container_id = f"{self.context.random.getrandbits(256):064x}"
        names = {
            "container_id": container_id,
            "netns": f"/run/netns/cni-{container_id[:12]}",
            "ifname": "eth0",
        }
        try:
            result = await self.context.call(self.config.cni, "add", pod=pod, port=port, **names)
        except CallFailed as error:
            result = {
                "code": cni.TRY_AGAIN_LATER,
                "msg": f"add cmd: failed to connect to backend server: {error}",
            }
        if "code" in result:
            message = (
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "
                f'"{container_id}": plugin type="{cni.PLUGIN}" name="{cni.PLUGIN}" failed (add): {result["msg"]}'
            )
            self.context.event("pod.sandbox", pod=pod, reason="FailedCreatePodSandBox", message=message)
            raise CallFailed(message)
        self.context.event(
            "pod.sandbox",
            pod=pod,
            reason="SandboxCreated",
            sandbox=container_id,
            address=result["ips"][0]["address"],
            veth=result["interfaces"][0]["name"],
        )
        return Sandbox(pod, port, result=result, **names)

    # ---- the kernel ----------------------------------------------------------------------------------------

    async def call_netlink(self, changes: list[dict[str, Any]]) -> int:
        """Apply changes (see `protocols.netlink`) in their order; how many there were.

        The first that is refused ends it with an error that says which and why; those before it stay."""
        try:
            return self.kernel.netlink(changes)
        except NetlinkError as error:
            raise CallFailed(f"{self.context.name}: {error}") from None

    async def call_network_state(self) -> dict[str, Any]:
        """What the CNI agent must know: the ENIs, the pods' sandboxes, and what is written in the kernel."""
        sandboxes = [
            {
                "pod": sandbox.pod,
                "port": sandbox.port,
                "container_id": sandbox.container_id,
                "netns": sandbox.netns,
                "ifname": sandbox.ifname,
            }
            for sandbox in self._sandboxes.values()
        ]
        return {**self.kernel.network_state(), "sandboxes": sandboxes}

    def inspect(self) -> dict[str, Any]:
        return {
            "instance_type": self.config.instance_type,
            "availability_zone": self.config.availability_zone,
            "pods": {
                sandbox.pod: sandbox.result["ips"][0]["address"] for sandbox in self._sandboxes.values()
            },
            **self.kernel.inspect(),
        }

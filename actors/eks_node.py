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
from actors.parts.node_forwarding import NodeForwarder, forget
from actors.protocols import cni
from actors.protocols.connection_tracking import ConnectionTracker, Timeouts
from actors.protocols.instance_types import LIMITS
from actors.protocols.netlink import NetlinkError, described, parse
from actors.protocols.node_tables import (
    Effect,
    LinkAdded,
    LinkRemoved,
    NeighbourForgotten,
    NeighbourSet,
    NodeTables,
)
from actors.stack import Stack
from actors.wire.addresses import InterfaceAddress, Prefix, ip_bytes, mac_bytes, mac_for, mac_text

ENI_PORT = "eth0"
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
        self._primary = next(each for each in config.network_interfaces if each.device == 0)
        devices = [f"eth{each.device}" for each in config.network_interfaces]
        self.tables = NodeTables(devices, config.pods)
        self.stack = Stack(context, routes=self.tables.routes)
        tracker = ConnectionTracker(config.conntrack_max, Timeouts(), forget)
        self.forwarder = NodeForwarder(context, self.stack, self.tables, tracker, self._device)
        self.forwarder.enis = set(devices)
        # Every packet comes by here, so the runtime gets the forwarder's own method, not one that calls it.
        self.on_frame = self.forwarder.on_frame  # type: ignore[method-assign]
        self._eni_of = {mac_for(each.eni): f"eth{each.device}" for each in config.network_interfaces}
        self._veth_of: dict[str, str] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._turns = {pod: asyncio.Lock() for pod in config.pods.values()}

    def on_frame(self, port: str, frame: bytes) -> None:
        self.forwarder.on_frame(port, frame)

    async def start(self) -> None:
        for each in self.config.network_interfaces:
            name, own = f"eth{each.device}", InterfaceAddress.parse(each.address)
            # Two ENIs in one subnet must not both have the route to it; the CNI gives the others a table of their own.
            address = str(own) if each.device == 0 else f"{each.address.partition('/')[0]}/32"
            self.stack.add_interface(name, address, mac=mac_for(each.eni), port=self.context.ports[ENI_PORT])
        self.stack.add_route("default", "eth0", self._primary.gateway, origin="dhcp")
        for port, pod in self.config.pods.items():
            self.context.spawn(self._run_pod(pod), f"pod at {port}")

    def on_link(self, port: str, up: bool) -> None:
        devices = self._eni_of.values() if port == ENI_PORT else [self._veth_of.get(port, "")]
        for device in devices:
            self.stack.on_link(device, up)

    def _device(self, port: str, mac: bytes) -> str | None:
        """The interface that a frame at this port is for: an ENI by its MAC, a veth by its cable."""
        return self._eni_of.get(mac, "eth0") if port == ENI_PORT else self._veth_of.get(port)

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
        if not isinstance(changes, list):
            raise CallFailed(f"{self.context.name}: changes is a list")
        for index, change in enumerate(changes):
            try:
                effects = self.tables.apply(parse(change))
            except NetlinkError as error:
                raise CallFailed(f"{self.context.name}: change {index}: {error}") from None
            for effect in effects:
                self._carry_out(effect)
        return len(changes)

    async def call_network_state(self) -> dict[str, Any]:
        """What the CNI agent must know: the ENIs, the pods' sandboxes, and what is written in the kernel."""
        return {
            "interfaces": [
                {
                    "device": each.device,
                    "address": each.address.partition("/")[0],
                    "gateway": each.gateway,
                }
                for each in self.config.network_interfaces
            ],
            "sandboxes": [
                {
                    "pod": sandbox.pod,
                    "port": sandbox.port,
                    "container_id": sandbox.container_id,
                    "netns": sandbox.netns,
                    "ifname": sandbox.ifname,
                }
                for sandbox in self._sandboxes.values()
            ],
            "entries": [described(entry) for entry in self.tables.entries()],
        }

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case LinkAdded(link):
                port = self.context.ports[link.port]
                mac = mac_for(self.context.name, link.port)
                interface = self.stack.add_interface(link.ifname, mac=mac, port=port)
                # A veth has no address; Linux asks and answers ARP there with any address of the host.
                interface.neighbours.addresses.add(ip_bytes(self._primary.address.partition("/")[0]))
                self._veth_of[link.port] = link.ifname
            case LinkRemoved(link):
                interface = self.stack.ip.interfaces.pop(link.ifname)
                interface.carry_out(interface.neighbours.flush())
                del self._veth_of[link.port]
            case NeighbourSet(neighbour):
                self.stack.set_neighbour(neighbour.dev, neighbour.dst, mac_bytes(neighbour.lladdr))
            case NeighbourForgotten(neighbour):
                interface = self.stack.ip.interfaces[neighbour.dev]
                interface.carry_out(interface.neighbours.forget(ip_bytes(neighbour.dst)))

    def inspect(self) -> dict[str, Any]:
        return {
            "instance_type": self.config.instance_type,
            "availability_zone": self.config.availability_zone,
            "pods": {
                sandbox.pod: sandbox.result["ips"][0]["address"] for sandbox in self._sandboxes.values()
            },
            "rules": [str(rule) for rule in self.tables.routes.rules],
            "conntrack": {"entries": len(self.forwarder.tracker), "limit": self.config.conntrack_max},
            **self.stack.inspect(),
        }

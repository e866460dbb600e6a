"""A VPC, a node that is a kernel's tables and no more, and its CNI agent, on the virtual clock."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from actors.element import CallFailed, Context, Element
from actors.parts.aws.client import AwsClient
from actors.protocols.ec2.ids import resource_id
from actors.protocols.instance_types import LIMITS
from actors.protocols.netlink import NetlinkError, described, parse
from actors.protocols.node_tables import NodeTables
from actors.runtime.virtual import VirtualNetwork

Object = dict[str, Any]
ENI = "eni-0c2d"
PRIMARY = "10.0.10.10"
SUBNET = resource_id("subnet", "vpc", "private")
NODES = resource_id("sg", "vpc", "nodes")


class Kernel(Element):
    """A node reduced to its kernel's tables, which can be away or refuse; the kubelet's hands are the test's."""

    def __init__(self, context: Context, max_pods: int | None = None) -> None:
        super().__init__(None, context)
        self.tables = NodeTables()
        self.interfaces: dict[str, Object] = {}
        self.changes: list[Object] = []
        self.max_pods = max_pods
        self.away = self.refuses = False

    async def start(self) -> None:
        while True:
            try:
                told = await self.context.call("vpc", "describe_instance", port="node-1")
                break
            except CallFailed:
                await self.context.sleep(0.01)
        for each in told["network_interfaces"]:
            await self.call_attach_interface(**each)

    def on_frame(self, port: str, frame: bytes) -> None:
        """No packets are sent here."""

    async def call_attach_interface(self, id: str, device: int, address: str, gateway: str) -> None:
        own = address.partition("/")[0]
        self.interfaces[id] = {"id": id, "device": device, "address": own, "gateway": gateway}
        self.tables.add_device(f"eth{device}")

    async def call_detach_interface(self, id: str) -> None:
        self.tables.remove_device(f"eth{self.interfaces.pop(id)['device']}")

    async def call_node_status(self) -> Object:
        return {"status": {"capacity": {"pods": str(self.max_pods)}}} if self.max_pods else {}

    async def call_network_state(self) -> Object:
        if self.away:
            raise CallFailed("the node is away")
        return {
            "boot_id": "b",
            "interfaces": list(self.interfaces.values()),
            "netns": sorted(self.tables.netns),
            "entries": [described(entry) for entry in self.tables.entries()],
        }

    async def call_netlink(self, changes: list[Object]) -> int:
        if self.refuses or self.away:
            raise CallFailed("RTNETLINK answers: Operation not permitted")
        for change in changes:
            try:
                self.tables.apply(parse(change))
            except NetlinkError as error:
                raise CallFailed(str(error)) from None
        self.changes += changes
        return len(changes)


class Bed:
    """`node-1` of some instance type in a subnet of its own."""

    def __init__(
        self,
        directory: Path | None = None,
        *,
        instance_type: str = "m5.large",
        cidr: str = "10.0.10.0/23",
        max_pods: int | None = None,
        seed: int = 1,
        private_ips: tuple[str, ...] = (PRIMARY,),
        vpc: Object | None = None,
        latency: dict[str, str] | None = None,
        **env: Any,
    ) -> None:
        self.net = VirtualNetwork(seed=seed, directory=directory)
        control_plane = {"latency": {"ec2": latency or {}}}
        self.net.add("aws-api", "aws_api", {"control_plane": control_plane})
        self.net.add(
            "vpc",
            "vpc",
            {"aws_api": "aws-api", **vpc_config(instance_type, cidr, private_ips), **(vpc or {})},
        )
        self.net.add_element("node-1", lambda context: Kernel(context, max_pods))
        self.net.add("cni", "cni_agent", {"node": "node-1", "env": env})
        self.net.link("eni", ("vpc", "node-1"), ("node-1", "eth0"), delay="50us", mtu=9001)
        self.slots = LIMITS[instance_type].addresses - 1
        self.number = 0

    def play(self, story: Callable[["Bed"], Awaitable[None]]) -> "Bed":
        self.net.run(story(self))
        return self

    @property
    def agent(self) -> Any:
        return self.net.element("cni")

    @property
    def kernel(self) -> Kernel:
        return self.net.element("node-1")

    @property
    def now_s(self) -> float:
        return self.net.loop.time()

    async def sleep(self, seconds: float) -> None:
        await self.net.host("node-1").sleep(seconds)

    async def ready(self) -> None:
        while not self.agent.ipamd.ready:
            await self.sleep(0.01)

    async def settle(self, loops: int = 40) -> None:
        """Until the pool has not changed for three loops."""
        await self.ready()
        before, quiet = None, 0
        for _ in range(loops):
            now = self.figures()
            quiet = quiet + 1 if now == before else 0
            if quiet == 3:
                return
            before = now
            await self.sleep(5)

    def figures(self) -> tuple[int, int, int]:
        """ENIs, total addresses, available ones."""
        stats = self.agent.ipamd.store.stats(self.net.loop.now_ns)
        return len(self.agent.ipamd.store.enis), stats.total, stats.available

    # ---- what a kubelet does -------------------------------------------------------------------------------

    async def cni(self, command: str, stdin: Object | None = None, **env: str) -> Object:
        whole = {"CNI_COMMAND": command, "CNI_PATH": "/opt/cni/bin", **env}
        return await self.net.host("node-1").call("cni", "cni", env=whole, stdin={**CONF, **(stdin or {})})

    async def add(self, sandbox: str, pod: str = "", stdin: Object | None = None) -> Object:
        """RunPodSandbox's half that is ours: a namespace, and ADD."""
        self.kernel.tables.add_netns(f"cni-{sandbox}")
        return await self.cni("ADD", stdin, **env_of(sandbox, pod))

    async def delete(self, sandbox: str, pod: str = "") -> Object:
        answer = await self.cni("DEL", **env_of(sandbox, pod))
        if answer["code"] == 0:
            self.kernel.tables.remove_netns(f"cni-{sandbox}")
        return answer

    async def pods(self, number: int) -> None:
        """Have so many pods; each ADD is repeated until it works."""
        while self.number < number:
            sandbox = f"s{self.number}"
            while (await self.add(sandbox))["code"]:
                await self.sleep(1)
            self.number += 1
        while self.number > number:
            self.number -= 1
            assert (await self.delete(f"s{self.number}"))["code"] == 0

    async def ec2(self, operation: str, **parameters: Any) -> Object:
        """A request to EC2; raises `AwsError`."""
        return await AwsClient(self.net.host("node-1"), "aws-api", "test").request(
            "ec2", operation, **parameters
        )

    async def imds(self, **arguments: Any) -> Object:
        return await self.net.host("node-1").call("vpc", "describe_instance", **arguments)

    def requests(self, operation: str) -> list[Object]:
        """Requests to EC2, also those that it has refused."""
        return [each for each in self.events("aws.request") if each["operation"] == operation]

    def events(self, kind: str) -> list[Object]:
        return [record for record in self.net.journal if record["kind"] == kind]

    def metrics(self) -> dict[str, float]:
        return self.net.host("cni").metrics.values()


CONF = {"cniVersion": "1.1.0", "name": "aws-cni", "type": "aws-cni", "vethPrefix": "eni", "mtu": "9001"}


def env_of(sandbox: str, pod: str = "") -> dict[str, str]:
    return {
        "CNI_CONTAINERID": sandbox,
        "CNI_NETNS": f"/run/netns/cni-{sandbox}",
        "CNI_IFNAME": "eth0",
        "CNI_ARGS": f"K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod or sandbox};K8S_POD_UID=u",
    }


def vpc_config(instance_type: str, cidr: str, private_ips: tuple[str, ...]) -> Object:
    everything = [{"protocol": "all", "destination": "0.0.0.0/0"}]
    return {
        "cidr": "10.0.0.0/16",
        "subnets": {"private": {"cidr": cidr, "availability_zone": "eu-west-1a", "route_table": "private"}},
        "route_tables": {"private": [{"destination": "10.0.0.0/16", "target": "local"}]},
        "security_groups": {"nodes": {"egress": everything}},
        "network_interfaces": {
            ENI: {
                "port": "node-1",
                "subnet": "private",
                "private_ips": list(private_ips),
                "security_groups": ["nodes"],
            }
        },
        "instances": {"node-1": {"instance_id": "i-0123456789abcdef0", "instance_type": instance_type}},
    }

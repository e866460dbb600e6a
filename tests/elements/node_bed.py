"""A node under an API server on the virtual clock, with a VPC and a CNI plugin that do just enough for it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from actors.element import CallFailed, Context, Element
from actors.parts.kubernetes.client import KubeClient
from actors.protocols import cni
from actors.runtime.virtual import VirtualNetwork
from tests.elements.cards import Card

Object = dict[str, Any]
ENI = "eni-0c2d"
NODE_ADDRESS = "10.0.10.10"
FIRST_POD = 20


class Vpc(Card):
    """The VPC's router as a card, which also knows the node's ENI."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, addresses=("10.0.10.1",))

    async def call_describe_instance(self, instance_id: str) -> Object:
        interface = {"id": ENI, "device": 0, "address": f"{NODE_ADDRESS}/24", "gateway": "10.0.10.1"}
        return {"instance_id": instance_id, "network_interfaces": [interface]}


class Plugin(Element):
    """A CNI plugin with addresses 10.0.10.20 and up, the lowest that is free; it repairs nothing."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.given: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.refusal: str | None = None
        """What ADD says instead of a result."""
        self.ready = True

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")

    async def call_conflist(self) -> Object:
        return cni.CONFLIST

    async def call_cni(self, env: dict[str, str], stdin: Object) -> Object:
        command, container = env["CNI_COMMAND"], env.get("CNI_CONTAINERID", "")
        if command == "STATUS":
            return (
                {"code": 0, "stdout": {}} if self.ready else {"code": 1, "stdout": {"code": 50, "msg": "no"}}
            )
        if command == "GC":
            valid = {each["containerID"] for each in stdin["cni.dev/valid-attachments"]}
            self.given = {
                container: address for container, address in self.given.items() if container in valid
            }
            return {"code": 0, "stdout": {}}
        arguments = dict(each.split("=", 1) for each in env["CNI_ARGS"].split(";"))
        pod = f"{arguments['K8S_POD_NAMESPACE']}/{arguments['K8S_POD_NAME']}"
        self.requests.append((command, pod))
        netns = env["CNI_NETNS"].removeprefix("/run/netns/")
        if command == "DEL":
            return await self._delete(container)
        if self.refusal is not None:
            return {"code": 1, "stdout": {"code": 999, "msg": self.refusal}}
        return await self._add(pod, container, netns)

    async def _add(self, pod: str, container: str, netns: str) -> Object:
        numbers = (number for number in range(FIRST_POD, 250))
        taken = set(self.given.values())
        address = next(f"10.0.10.{number}" for number in numbers if f"10.0.10.{number}" not in taken)
        veth = cni.veth_name(pod)
        changes = [
            {"op": "replace", "object": "link", "ifname": veth, "netns": netns, "mtu": 9001},
            {"op": "replace", "object": "route", "dst": f"{address}/32", "dev": veth},
            {"op": "replace", "object": "rule", "priority": 512, "table": "main", "dst": f"{address}/32"},
        ]
        self.given[container] = address
        await self.context.call("node-1", "netlink", changes=changes)
        return {
            "code": 0,
            "stdout": {
                "cniVersion": "1.0.0",
                "interfaces": [{"name": veth}, {"name": "eth0", "mtu": 9001, "sandbox": netns}],
                "ips": [{"address": f"{address}/32", "interface": 1}],
                "routes": [{"dst": "169.254.1.1/32"}, {"dst": "0.0.0.0/0", "gw": "169.254.1.1"}],
            },
        }

    async def _delete(self, container: str) -> Object:
        address = self.given.get(container)
        if address is not None:
            state = await self.context.call("node-1", "network_state")
            rules = [
                each
                for each in state["entries"]
                if each["object"] == "rule" and each["dst"] == f"{address}/32"
            ]
            await self.context.call("node-1", "netlink", changes=[{"op": "del", **each} for each in rules])
        self.given.pop(container, None)
        return {"code": 0, "stdout": {}}


class Tester(Element):
    """kubectl's hands."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.client = KubeClient(context, "kube-api", "tester")

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")


class Bed:
    """`node-1` of type m5.large and what it needs."""

    def __init__(self, directory: Path | None = None, seed: int = 1, **config: Any) -> None:
        self.directory = directory
        self.net = VirtualNetwork(seed=seed, directory=directory)
        self.net.add("kube-api", "kube_api", {})
        node = {
            "instance_type": "m5.large",
            "availability_zone": "eu-west-1a",
            "instance_id": "i-0123456789abcdef0",
            "cni": "cni",
            "images": {
                "nginx": {"present": True, "service_time": {"distribution": "constant", "value": "1ms"}},
                "busybox": {"program": "command", "pull_time": "3s"},
            },
            **config,
        }
        self.net.add("node-1", "eks_node", node)
        self.surround()
        self.net.add_element("tester", Tester)

    def surround(self) -> None:
        """The VPC and the CNI plugin."""
        self.net.add_element("cni", Plugin)
        self.net.add_element("vpc", Vpc)
        self.net.link("eni", ("node-1", "eth0"), ("vpc", "eth0"), delay="50us", mtu=9001)

    def play(self, story: Callable[["Bed"], Awaitable[None]]) -> "Bed":
        """Run the story when the node is ready."""

        async def whole() -> None:
            await self.until(self.node_ready)
            await story(self)

        self.net.run(whole())
        return self

    # ---- the parts -----------------------------------------------------------------------------------------

    @property
    def client(self) -> KubeClient:
        return self.net.element("tester").client

    @property
    def node(self) -> Any:
        return self.net.element("node-1")

    @property
    def plugin(self) -> Plugin:
        return self.net.element("cni")

    @property
    def now_s(self) -> float:
        return self.net.loop.time()

    async def sleep(self, seconds: float) -> None:
        await self.net.host("tester").sleep(seconds)

    async def until(self, true: Callable[[], Awaitable[bool]], limit_s: float = 120.0) -> float:
        """Wait for it; returns the model time at which it was so."""
        end = self.now_s + limit_s
        while not await true():
            assert self.now_s < end, "it has not come about"
            await self.sleep(0.01)
        return self.now_s

    # ---- the cluster ---------------------------------------------------------------------------------------

    async def node_ready(self) -> bool:
        try:
            return bool(await self.net.host("tester").call("node-1", "settled"))
        except CallFailed:
            return False

    async def create(self, name: str = "web", **changed: Any) -> Object:
        """A pod that is bound to the node."""
        return await self.client.create("Pod", pod(name, **changed))

    async def pod(self, name: str = "web", namespace: str = "default") -> Object | None:
        found = await self.client.list("Pod", namespace, field_selector=f"metadata.name={name}")
        return found.items[0] if found.items else None

    async def status(self, name: str = "web") -> Object:
        found = await self.pod(name)
        assert found is not None
        return found["status"]

    async def ready(self, name: str = "web") -> bool:
        return condition(await self.status(name), "Ready") == "True"

    async def gone(self, name: str = "web") -> bool:
        return await self.pod(name) is None

    async def until_ready(self, name: str = "web", limit_s: float = 120.0) -> float:
        return await self.until(lambda: self.ready(name), limit_s)

    async def until_gone(self, name: str = "web", limit_s: float = 120.0) -> float:
        return await self.until(lambda: self.gone(name), limit_s)

    async def events(self, name: str = "web") -> list[str]:
        """`reason: message` of a pod's events, in order of their first time; with `(x3)` if they were told again."""
        await self.sleep(0.1)
        found = (await self.client.list("Event", "default")).items
        own = [each for each in found if each["involvedObject"]["name"] == name]
        own.sort(key=lambda each: each["metadata"]["creationTimestamp"] + each["metadata"]["name"])
        counts = [f" (x{each['count']})" if each["count"] > 1 else "" for each in own]
        return [
            f"{each['reason']}: {each['message']}{count}" for each, count in zip(own, counts, strict=True)
        ]

    def records(self, kind: str) -> list[Object]:
        return [each for each in self.net.journal if each["kind"] == kind]

    def clean(self) -> None:
        """Nothing is left of any pod: no process, no cable, no veth, no route, no rule, no address."""
        assert not self.net.host("node-1").children
        assert set(self.net.host("node-1").ports) == {"eth0"}
        state = self.node.kernel.network_state()
        assert state["netns"] == []
        assert [each for each in state["entries"] if each["object"] != "snat"] == []
        assert self.plugin.given == {}


def pod(
    name: str = "web", *, container: Object | None = None, metadata: Object | None = None, **spec: Any
) -> Object:
    """A pod for `node-1` with a container `nginx`, changed in parts."""
    nginx = {"name": "nginx", "image": "nginx:1.27", "ports": [{"name": "http", "containerPort": 80}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", **(metadata or {})},
        "spec": {"nodeName": "node-1", "containers": [{**nginx, **(container or {})}], **spec},
    }


def condition(status: Object, kind: str) -> str | None:
    return next((each["status"] for each in status.get("conditions", ()) if each["type"] == kind), None)

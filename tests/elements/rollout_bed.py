"""A Deployment behind a load balancer that the controller has made, with requests that go on meanwhile.

API server, its controllers, AWS's API, the VPC and the load balancer nodes are real; tests play the kubelets: pod `n`
is on a node of its own, has the address 10.0.10.20 + n, and its program is a `Target`.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from actors.element import Context
from actors.parts.aws.client import AwsClient
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.parts.kubernetes.informer import Informer
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from actors.wire.addresses import mac_for
from tests.elements.alb_bed import GET, Talk, Target, say
from tests.elements.controller_bed import CLUSTER, ZONES, ingress, ingress_class, service
from tests.elements.kube_bed import deployment

Object = dict[str, Any]

PODS = 5
SERVES = say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
RATE = 300
START_S = 0.2
CHECKS = {"healthcheck_interval_seconds": "5", "healthcheck_timeout_seconds": "2"}
GATES = "elbv2.k8s.aws/pod-readiness-gate-inject"


class Host(Target):
    """A host in a subnet of the VPC."""

    def __init__(self, context: Context, address: str) -> None:
        super().__init__(context, address)
        self.stack = Stack(context)
        self.stack.add_interface("eth0", f"{address}/24", mac=mac_for(eni(context.name)))
        gateway = address.rpartition(".")[0] + ".1"
        self.stack.add_route("default", "eth0", gateway)
        self.kube = KubeClient(context, "kube-api", "tester")
        self.aws = AwsClient(context, "aws-api", "tester")

    async def start(self) -> None:
        """Nothing listens until a pod runs here."""

    async def serve(self) -> None:
        await super().start()

    def exit(self) -> None:
        """The program ends: its sockets are gone, and whoever talks to it is told so by a RST."""
        self.server.close()
        for serving in self.connections:
            serving.transport.abort()
        self.connections.clear()


class Rollout:
    """Two replicas, with this much time between a pod's deletion and its program's end."""

    def __init__(
        self, *, pre_stop_s: float, gates: bool, registration: str = "2s", deregistration: str = "2s"
    ) -> None:
        self.pre_stop_s, self.gates = pre_stop_s, gates
        self.net = VirtualNetwork(seed=1)
        self.placed: dict[str, int] = {}
        self.free = list(range(PODS))
        self.statuses: Counter[int] = Counter()
        delays = {
            "load_balancer_provisioning": "1s",
            "target_registration": registration,
            "target_deregistration": deregistration,
        }
        self._add_aws({"delays": delays, "latency": {name: {"default": "50ms"} for name in ("elbv2", "ec2")}})
        webhook = {"element": "alb-controller", "namespace_labels": {GATES: "enabled"}}
        self.net.add("kube-api", "kube_api", {"webhooks": {"mpod.elbv2.k8s.aws": webhook}})
        self.net.add("kube-controller-manager", "kube_controller_manager", {})
        self.net.add("alb-controller", "alb_controller", {"cluster_name": CLUSTER})

    def _add_aws(self, control_plane: Object) -> None:
        net = self.net
        net.add("aws-api", "aws_api", {"load_balancer_nodes": ZONES, "control_plane": control_plane})
        net.add("vpc", "vpc", vpc_config())
        for name, zone in ZONES.items():
            net.add(name, "alb", {"availability_zone": zone, "aws_api": "aws-api"})
            net.link(f"vpc-{name}", ("vpc", name), (name, "eth0"), delay="50us")
        for name, address in hosts().items():
            net.add_element(name, lambda context, address=address: Host(context, address))
            net.link(f"vpc-{name}", ("vpc", name), (name, "eth0"), delay="50us")

    @property
    def kube(self) -> KubeClient:
        return self.net.element("tester").kube

    def play(self, story: Callable[["Rollout"], Awaitable[None]]) -> "Rollout":
        async def tell() -> None:
            await self._prepare()
            await self.settle()
            requests = [self._spawn(self._ask_on(), "requests") for _ in ZONES]
            await story(self)
            for each in requests:
                each.cancel()

        self.net.run(tell())
        return self

    # ---- the cluster ---------------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        if self.gates:
            await self.kube.patch("Namespace", "default", {"metadata": {"labels": {GATES: "enabled"}}})
        for number in range(PODS):
            node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{number}"}}
            await self.kube.create(
                "Node", {**node, "spec": {"providerID": f"aws:///eu-west-1a/{instance(number)}"}}
            )
            status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            await self.kube.patch("Node", f"n{number}", status, subresource="status")
        self._pods = Informer(self.net.host("tester"), self.kube, "Pod", self._pod_changed)
        self._pods.start()
        await self.kube.create("IngressClass", ingress_class())
        await self.kube.create("Service", service("web"))
        await self.kube.create("Ingress", ingress(scheme="internal", **CHECKS))
        await self._bound()
        made = deployment("web", replicas=2)
        made["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 80}]
        await self.kube.create("Deployment", made)

    async def _bound(self) -> None:
        """Until there is a binding: gates come with it."""
        for _ in range(100):
            if (await self.kube.list("TargetGroupBinding")).items:
                return
            await asyncio.sleep(0.1)
        events = [each["message"] for each in (await self.kube.list("Event")).items]
        raise AssertionError(f"there is no binding: {events}")

    def _pod_changed(self, before: Any, now: Any) -> None:
        if before is None and now is not None:
            self._spawn(self._run(now["metadata"]["name"]), "kubelet")
        elif now is not None and "deletionTimestamp" in now["metadata"].keys() - before["metadata"].keys():
            self._spawn(self._end(now["metadata"]["name"]), "kubelet")
        elif now is not None and now["status"].get("podIP"):
            self._spawn(self._tell_ready(now), "kubelet")

    def _spawn(self, work: Any, name: str) -> Any:
        return self.net.host("tester").spawn(work, name)

    async def _run(self, name: str) -> None:
        number = self.placed[name] = self.free.pop(0)
        bind = {
            "kind": "Binding",
            "target": {"kind": "Node", "name": f"n{number}"},
            "metadata": {"name": name},
        }
        await self.kube.request("POST", f"/api/v1/namespaces/default/pods/{name}/binding", bind)
        await asyncio.sleep(START_S)
        host = self.net.element(f"p{number}")
        host.answer = host.probe = SERVES
        await host.serve()
        address = hosts()[f"p{number}"]
        conditions = [{"type": "ContainersReady", "status": "True"}]
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": conditions}
        await self._patch(name, status)

    async def _tell_ready(self, pod: Object) -> None:
        """`Ready` is that the containers are, and that all gates are open."""
        conditions = {each["type"]: each["status"] for each in pod["status"]["conditions"]}
        gates = [each["conditionType"] for each in pod["spec"].get("readinessGates") or ()]
        is_ready = all(conditions.get(each) == "True" for each in ("ContainersReady", *gates))
        wanted = "True" if is_ready else "False"
        if conditions.get("Ready") != wanted:
            await self._patch(
                pod["metadata"]["name"], {"conditions": [{"type": "Ready", "status": wanted}]}, "strategic"
            )

    async def _patch(self, name: str, status: Object, type: str = "merge") -> None:
        try:
            await self.kube.patch("Pod", name, {"status": status}, "default", subresource="status", type=type)
        except ApiError as error:
            if error.code != 404:
                raise

    async def _end(self, name: str) -> None:
        await asyncio.sleep(self.pre_stop_s)
        number = self.placed.pop(name)
        self.net.element(f"p{number}").exit()
        self.free.append(number)
        await self.kube.delete("Pod", name, "default", grace_period_seconds=0)

    # ---- what tests do -------------------------------------------------------------------------------------

    async def settle(self, limit_s: float = 120) -> None:
        """Until everything that is asked for is there, and healthy."""
        waited_s = 0.0
        while waited_s < limit_s:
            await asyncio.sleep(0.2)
            waited_s += 0.2
            hands = self.net.host("tester")
            if await hands.call("kube-api", "settled") and await hands.call("alb-controller", "settled"):
                return
        raise AssertionError(f"never settled: {self.net.element('alb-controller').inspect()}")

    async def roll(self) -> None:
        """`kubectl rollout restart`, until nothing is left of the old pods."""
        before = set(self.placed)
        change = {"spec": {"template": {"metadata": {"annotations": {"restartedAt": "now"}}}}}
        await self.kube.patch("Deployment", "web", change, "default")
        await asyncio.sleep(0.5)
        await self.settle()
        while before & set(self.placed):
            await asyncio.sleep(0.2)
        await asyncio.sleep(1)
        assert len(self.placed) == 2

    async def _ask_on(self) -> None:
        """Half of the requests: to one node after the other, each on a new connection when the last was closed."""
        addresses = [each.split("/")[0] for each in self._addresses()]
        talks: dict[str, Talk] = {}
        while True:
            for address in addresses:
                talk = talks.get(address)
                if talk is None or talk.lost.is_set():
                    stack = self.net.element("tester").stack
                    _, talk = await stack.create_connection(Talk, address, 80)
                    talks[address] = talk
                self.statuses[(await talk.ask(HOSTED)).status] += 1
                await asyncio.sleep(len(ZONES) / RATE - 0.0008)

    def _addresses(self) -> list[str]:
        topics = self.net.element("aws-api").plane.topics
        return [topics.topic(f"load-balancer-node/{node}").items["interface"]["address"] for node in ZONES]

    async def causes(self) -> Counter[str]:
        """Why the load balancer's nodes have answered with errors."""
        found: Counter[str] = Counter()
        for node in ZONES:
            for each in await self.net.host("tester").call(node, "errors", limit=100_000):
                found[f"{each['status']} {each['cause']}"] += 1
        return found


HOSTED = GET.replace(b"example.com", b"web.example")


def hosts() -> dict[str, str]:
    """Names and addresses of the VPC's hosts."""
    return {"tester": "10.0.10.100", **{f"p{number}": f"10.0.10.{20 + number}" for number in range(PODS)}}


def eni(host: str) -> str:
    return f"eni-0c2d000000000{list(hosts()).index(host):04}"


def instance(number: int) -> str:
    return f"i-0c2d0000000000{number:03}"


def vpc_config() -> Object:
    tags = {"kubernetes.io/role/internal-elb": "1"}
    zones = {name: f"10.0.{number}.0/24" for number, name in enumerate(ZONES.values())}
    subnets = {
        zone: {"cidr": cidr, "availability_zone": zone, "route_table": "main", "tags": tags}
        for zone, cidr in zones.items()
    }
    subnets["pods"] = {"cidr": "10.0.10.0/24", "availability_zone": "eu-west-1a", "route_table": "main"}
    everything = [{"protocol": "all", "destination": "0.0.0.0/0"}]
    return {
        "cidr": "10.0.0.0/16",
        "aws_api": "aws-api",
        "ports": list(ZONES),
        "subnets": subnets,
        "route_tables": {"main": [{"destination": "10.0.0.0/16", "target": "local"}]},
        "security_groups": {"nodes": {"ingress": [], "egress": everything}, "tester": {"egress": everything}},
        "network_interfaces": {
            eni(name): {
                "port": name,
                "subnet": "pods",
                "private_ips": [address],
                "security_groups": ["tester" if name == "tester" else "nodes"],
            }
            for name, address in hosts().items()
        },
        "instances": {
            f"p{number}": {"instance_id": instance(number), "instance_type": "m5.large"}
            for number in range(PODS)
        },
    }

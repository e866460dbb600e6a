"""A whole small cluster on the virtual clock: VPC, nodes with their CNI agents, API server, controllers, scheduler.

There is no Internet and no load balancer here. Everything that has a name can be killed with `net.restart(name)`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from actors.element import CallFailed, Context, Element
from actors.parts.kubelet.http_get import http_get
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.parts.kubernetes.informer import Informer
from actors.protocols.ipam import state_file
from actors.protocols.kubernetes.workloads.pods import is_ready
from actors.runtime.virtual import VirtualNetwork
from actors.runtime.virtual_host import VirtualHost
from actors.wire.addresses import ip_text
from orchestrator.journal.pod_checks import MOVES

Object = dict[str, Any]

KUBECTL_RETRY_S = 0.1
FIRST_POLL_S, LAST_POLL_S = 0.05, 1.0
DEPLOYMENT = "web"
LOOKING = {"watch", "settled", "inspect", "network_state", "node_status", "describe_instance", "conflist"}
LOOKING |= {"adopt_vpc", "adopt_edge", "caught_up"}
"""Verbs that change nothing."""


class Kubectl(Element):
    """Somebody with a client, who also watches the pods: what becomes of their phases."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.client = KubeClient(context, "kube-api", "kubernetes-admin")
        self.wrong_moves: list[str] = []
        self._pods = Informer(context, self.client, "Pod", self._see)

    async def start(self) -> None:
        self._pods.start()

    def _see(self, before: Object | None, now: Object | None) -> None:
        if before is None or now is None or before["metadata"]["uid"] != now["metadata"]["uid"]:
            return
        was, is_now = before["status"].get("phase"), now["status"].get("phase")
        if was != is_now and is_now not in MOVES[was]:
            self.wrong_moves.append(f"{now['metadata']['name']} was {was} and is {is_now}")

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("kubectl is on no link")


class Cluster:
    """Nodes `node-1`, `node-2`, ... of one instance type in a subnet, each with its agent `cni-node-N`."""

    def __init__(
        self,
        directory: Path | None,
        *,
        seed: int = 1,
        nodes: int = 2,
        instance_type: str = "t3.medium",
        cidr: str = "10.0.16.0/22",
        env: Object | None = None,
        node: Object | None = None,
    ) -> None:
        self.net = VirtualNetwork(seed=seed, directory=directory)
        self.nodes = [f"node-{number}" for number in range(1, nodes + 1)]
        self.net.add("aws-api", "aws_api", {})
        self.net.add("vpc", "vpc", {"aws_api": "aws-api", **vpc_config(self.nodes, instance_type, cidr)})
        self.net.add("kube-api", "kube_api", {})
        self.net.add("kube-controller-manager", "kube_controller_manager", {})
        self.net.add("kube-scheduler", "kube_scheduler", {})
        for name in self.nodes:
            config = node_config(name, instance_type) | (node or {})
            self.net.add(name, "eks_node", config)
            self.net.add(f"cni-{name}", "cni_agent", {"node": name, "env": env or {}})
            self.net.link(f"vpc-{name}", ("vpc", name), (name, "eth0"), delay="50us", mtu=9001)
        self.net.add_element("kubectl", Kubectl)

    def play(self, story: Callable[["Cluster"], Awaitable[None]]) -> "Cluster":
        """Run the story when all nodes are ready."""

        async def whole() -> None:
            await self.until(self.nodes_ready)
            await story(self)

        self.net.run(whole(), limit_s=1e6)
        return self

    # ---- time ----------------------------------------------------------------------------------------------

    @property
    def now_s(self) -> float:
        return self.net.loop.time()

    async def sleep(self, seconds: float) -> None:
        await self.net.host("kubectl").sleep(seconds)

    async def until(
        self,
        true: Callable[[], Awaitable[bool]],
        limit_s: float = 120.0,
        why: Callable[[], Any] = lambda: "it has not come about",
    ) -> float:
        """Wait for it, at most so long (model time); returns when it was found so."""
        end, wait_s = self.now_s + limit_s, FIRST_POLL_S
        while not await true():
            assert self.now_s < end, why()
            await self.sleep(wait_s)
            wait_s = min(1.5 * wait_s, LAST_POLL_S)
        return self.now_s

    # ---- kubectl -------------------------------------------------------------------------------------------

    @property
    def client(self) -> KubeClient:
        return self.net.element("kubectl").client

    async def insist(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask until the API server is there to answer."""
        while True:
            try:
                return await ask()
            except CallFailed:
                await self.sleep(KUBECTL_RETRY_S)

    async def apply(self, value: Object) -> Object:
        """Server-side apply, which may be said again."""
        name, namespace = value["metadata"]["name"], value["metadata"].get("namespace", "default")
        return await self.insist(
            lambda: self.client.patch(value["kind"], name, value, namespace, type="apply", force=True)
        )

    async def patch(self, spec: Object, name: str = DEPLOYMENT) -> Object:
        """Change a deployment's spec."""
        return await self.insist(lambda: self.client.patch("Deployment", name, {"spec": spec}, "default"))

    async def objects(self, kind: str, **selection: str) -> list[Object]:
        return (await self.insist(lambda: self.client.list(kind, "default", **selection))).items

    async def delete_pod(self, name: str) -> None:
        try:
            await self.insist(lambda: self.client.delete("Pod", name, "default"))
        except ApiError as error:
            assert error.code == 404

    async def events(self, reason: str) -> list[str]:
        """The messages of the events with a reason."""
        return [each["message"] for each in await self.objects("Event") if each["reason"] == reason]

    # ---- faults --------------------------------------------------------------------------------------------

    async def request_without_answer(self, host: VirtualHost, within_s: float) -> bool:
        """Returns when an element has carried out a request that changes something and is about to answer, which it
        never will; False if none came in this time."""
        done, never, answer = asyncio.Event(), asyncio.Event(), host.answer

        async def deaf(verb: str, arguments: Object) -> Any:
            result = await answer(verb, arguments)
            looks = arguments.get("method") == "GET" or arguments.get("operation", "").startswith("Describe")
            if verb in LOOKING or looks:
                return result
            done.set()
            return await never.wait()

        host.answer = deaf
        try:
            async with asyncio.timeout(within_s):
                await done.wait()
        except TimeoutError:
            pass
        finally:
            del host.answer
        return done.is_set()

    # ---- how things stand ----------------------------------------------------------------------------------

    async def nodes_ready(self) -> bool:
        return all([await self.ask(name, "settled") for name in self.nodes])

    async def ask(self, name: str, verb: str, **arguments: Any) -> Any:
        """A call that a dead element answers with None."""
        try:
            return await self.net.host("kubectl").call(name, verb, **arguments)
        except CallFailed:
            return None

    async def rolled_out(self, name: str = DEPLOYMENT) -> bool:
        """As `kubectl rollout status` has it, and old pods are gone."""
        try:
            deployment = await self.client.get("Deployment", name, "default")
            pods = (await self.client.list("Pod", "default")).items
        except CallFailed:
            return False
        status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        return (
            status.get("observedGeneration") == deployment["metadata"]["generation"]
            and all(status.get(count, 0) == wanted for count in counts)
            and len(pods) == wanted
            and all(is_ready(pod) for pod in pods)
        )

    async def explain(self) -> str:
        """What a failed test shows."""
        lines = [f"at {self.now_s:.3f} s:"]
        for pod in await self.objects("Pod"):
            metadata, status = pod["metadata"], pod.get("status", {})
            on, going = pod["spec"].get("nodeName"), metadata.get("deletionTimestamp", "")
            said = [f"{status.get('phase')} {on} {status.get('podIP')} {going}"]
            said += [str(each["state"]) for each in status.get("containerStatuses", ())]
            lines.append(f"  {metadata['name']}: {' '.join(said)}")
        for deployment in await self.objects("Deployment"):
            lines.append(f"  {deployment['spec']['replicas']} wanted, {deployment.get('status')}")
        lines += [f"  {each['element']} {each['kind']} {each}" for each in self.net.journal[-12:]]
        return "\n".join(lines)

    async def get(self, from_node: str, address: str) -> str:
        """GET / of a pod from a node's own stack: "" or why it failed."""
        stack = self.net.element(from_node).kernel.stack
        result = await http_get(stack, {"port": 80}, {}, address, 2.0, "test")
        return "" if result.passed else result.output

    def sandboxes(self) -> dict[str, Object]:
        """Live sandboxes by their ids, as the kubelets have them: `pod`, `node`, `ip`, `process`, ..."""
        found = {}
        for node in self.nodes:
            if (element := self.net.element(node)) is not None:
                for worker in element.kubelet.workers.values():
                    shown = worker.inspect()
                    if "sandbox" in shown:
                        found[shown["sandbox"]] = {"pod": worker.name, "node": node, **shown}
        return found

    def processes(self) -> list[str]:
        """Pods' processes that run."""
        return sorted(name for node in self.nodes for name in self.net.host(node).children)

    def held(self, node: str) -> dict[str, str]:
        """Addresses that the node's ipamd has given away, with the pods that have them."""
        store = self.net.element(f"cni-{node}").ipamd.store
        return {assigned.address: holder.pod for holder, assigned in store.holders()}

    def of_pods(self, node: str) -> list[Object]:
        """What stands in the node's kernel for pods: veths, routes through them, rules about their addresses."""
        entries = self.net.element(node).kernel.network_state()["entries"]
        veths = {each["ifname"] for each in entries if each["object"] == "link"}
        return [
            each
            for each in entries
            if each["object"] == "link"
            or each.get("dev") in veths
            or (each["object"] == "rule" and each["priority"] in (512, 1536))
        ]

    def unattached(self) -> list[str]:
        """Network interfaces that no instance has."""
        return [interface.id for interface in self._interfaces() if interface.attachment is None]

    def written_down(self, node: str) -> list[str]:
        """Addresses in ipamd's state file."""
        path = self.net.directory / f"cni-{node}.ipam.json"
        if not path.exists():
            return []
        return [each.address for each in state_file.decode(path.read_text()).allocations]

    def _interfaces(self) -> list[Any]:
        return list(self.net.element("aws-api").plane.services["ec2"].core.state.interfaces.by_id.values())

    def in_ec2(self) -> dict[str, str]:
        """Private addresses of the VPC's interfaces that are attached, with the nodes that these are at."""
        found = {}
        for interface in self._interfaces():
            if interface.attachment is not None:
                for address in map(ip_text, interface.held()):
                    assert address not in found, f"{address} is on two interfaces"
                    found[address] = interface.attachment.port
        return found


def deployment(replicas: int, *, name: str = DEPLOYMENT, version: str = "1", **pod_spec: Any) -> Object:
    container = {
        "name": "nginx",
        "image": "nginx:1.27",
        "env": [{"name": "VERSION", "value": version}],
        "ports": [{"name": "http", "containerPort": 80}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 10},
    }
    spec = {"terminationGracePeriodSeconds": 5, "containers": [container], **pod_spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
        },
    }


def instance_id(node: str) -> str:
    return f"i-{int(node.rpartition('-')[2]):017x}"


def vpc_config(nodes: list[str], instance_type: str, cidr: str) -> Object:
    first = cidr.rpartition(".")[0]
    everything = [{"protocol": "all", "destination": "0.0.0.0/0"}]
    return {
        "cidr": "10.0.0.0/16",
        "subnets": {"private": {"cidr": cidr, "availability_zone": "eu-west-1a", "route_table": "private"}},
        "route_tables": {"private": [{"destination": "10.0.0.0/16", "target": "local"}]},
        "security_groups": {
            "nodes": {"ingress": [{"protocol": "all", "source": "nodes"}], "egress": everything}
        },
        "network_interfaces": {
            f"eni-{number:017x}": {
                "port": name,
                "subnet": "private",
                "private_ips": [f"{first}.{number + 3}"],
                "security_groups": ["nodes"],
            }
            for number, name in enumerate(nodes, 1)
        },
        "instances": {
            name: {"instance_id": instance_id(name), "instance_type": instance_type} for name in nodes
        },
    }


def node_config(name: str, instance_type: str) -> Object:
    nginx = {"present": True, "service_time": {"distribution": "constant", "value": "1ms"}}
    return {
        "instance_type": instance_type,
        "availability_zone": "eu-west-1a",
        "instance_id": instance_id(name),
        "cni": f"cni-{name}",
        "images": {"nginx": nginx},
        "kube_reserved_cpu": 0,
        "kube_reserved_memory": 0,
    }

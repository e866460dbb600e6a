"""The load balancer controller between a real API server and two real ALB nodes, on the virtual clock."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.element import Context
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.runtime.virtual import VirtualNetwork
from tests.elements.alb_bed import Target, alb_config
from tests.elements.hub import join

ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web-group/73e2d6bc24d8a067"
NODES = {"alb-1a": "10.0.0.10", "alb-1b": "10.0.0.11"}
PODS = 4
Object = dict[str, Any]


class Hands(Target):
    """Somebody with a client, who plays the cluster's other controllers."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "10.0.0.100")
        self.client = KubeClient(context, "kube-api", "tester")


class World:
    """Pods `p0` (10.0.0.20) to `p3`, two ALB nodes with a target group without targets, and the controller."""

    def __init__(self, **group_attributes: Any) -> None:
        self.net = VirtualNetwork(seed=1)
        self.net.add("kube-api", "kube_api", {})
        for name, address in NODES.items():
            config = alb_config([], group_attributes=group_attributes)
            config["interface"] = {"eni": f"eni-{name}", "address": f"{address}/24", "gateway": "10.0.0.1"}
            self.net.add(name, "alb", config)
        self.net.add_element("tester", Hands)
        for number in range(PODS):
            self.net.add_element(
                f"p{number}", lambda context, address=f"10.0.0.{20 + number}": Target(context, address)
            )
        join(self.net, *((name, "eth0") for name in self.net.hosts if name != "kube-api"), delay="50us")
        self.net.add(
            "alb-controller", "alb_controller", {"kube_api": "kube-api", "load_balancer_nodes": list(NODES)}
        )
        self.endpoints: dict[str, Object] = {}

    @property
    def client(self) -> KubeClient:
        return self.net.element("tester").client

    async def prepare(self) -> None:
        """A Service with a named port, its empty slice, two nodes, and the binding."""
        for node in ("n0", "n1"):
            await self.client.create("Node", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
            await self.node(node, "True")
        await self.client.create("Service", service())
        await self.client.create("EndpointSlice", slice_of([]))
        await self.client.create("TargetGroupBinding", binding())

    async def node(self, name: str, ready: str) -> None:
        status = {"status": {"conditions": [{"type": "Ready", "status": ready}]}}
        await self.client.patch("Node", name, status, subresource="status")

    async def pod(
        self, number: int, *, node: str = "n0", containers_ready: str = "True", **conditions: Any
    ) -> None:
        """The pod is there, its containers ready or not, and so is its endpoint with these conditions."""
        name = f"p{number}"
        try:
            await self.client.create("Pod", pod(name, node))
        except ApiError:
            pass
        ready = {"type": "ContainersReady", "status": containers_ready}
        await self.client.patch(
            "Pod", name, {"status": {"conditions": [ready]}}, "default", subresource="status"
        )
        conditions = {"ready": True, "serving": True, "terminating": False, **conditions}
        self.endpoints[name] = endpoint(name, f"10.0.0.{20 + number}", node, conditions)
        await self.put_slice()

    async def without(self, number: int) -> None:
        del self.endpoints[f"p{number}"]
        await self.put_slice()

    async def put_slice(self) -> None:
        change = {"endpoints": list(self.endpoints.values())}
        await self.client.patch("EndpointSlice", "web-abcde", change, "default")

    async def targets(self, node: str = "alb-1a") -> dict[str, str]:
        """States by the last number of the address."""
        answer = await self.net.host("tester").call(node, "describe_target_health", target_group=ARN)
        return {
            each["Target"]["Id"].rpartition(".")[2]: each["TargetHealth"]["State"]
            for each in answer["TargetHealthDescriptions"]
        }

    async def everywhere(self, **wanted: str) -> None:
        """Wait a moment; then both nodes have these targets: `_20="healthy"`."""
        await asyncio.sleep(0.3)
        for node in NODES:
            assert await self.targets(node) == {key.strip("_"): state for key, state in wanted.items()}, node

    async def settled(self) -> bool:
        return bool(await self.net.host("tester").call("alb-controller", "settled"))

    async def events(self) -> list[tuple[str, str, str]]:
        await asyncio.sleep(0.1)
        events = (await self.client.list("Event", "default")).items
        return [(each["type"], each["reason"], each["message"]) for each in events]


def service(port: str = "http") -> Object:
    ports = [
        {"name": "http", "port": 80, "targetPort": "http"},
        {"name": "metrics", "port": 9113, "targetPort": 9113},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": ports},
    }


def slice_of(endpoints: list[Object]) -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "web-abcde",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "addressType": "IPv4",
        "ports": [
            {"name": "metrics", "port": 9113, "protocol": "TCP"},
            {"name": "http", "port": 80, "protocol": "TCP"},
        ],
        "endpoints": endpoints,
    }


def endpoint(name: str, address: str, node: str, conditions: Object) -> Object:
    reference = {"kind": "Pod", "namespace": "default", "name": name}
    return {"addresses": [address], "conditions": conditions, "targetRef": reference, "nodeName": node}


def pod(name: str, node: str) -> Object:
    containers = [{"name": "web", "image": "nginx:1.27", "ports": [{"name": "http", "containerPort": 80}]}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"nodeName": node, "containers": containers},
    }


def binding(name: str = "web", **spec: Any) -> Object:
    service_ref = {"name": "web", "port": "http"}
    return {
        "apiVersion": "elbv2.k8s.aws/v1beta1",
        "kind": "TargetGroupBinding",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"serviceRef": service_ref, "targetGroupARN": ARN, "targetType": "ip", **spec},
    }


def play(story: Callable[[World], Awaitable[None]], **group_attributes: Any) -> World:
    world = World(**group_attributes)

    async def prepare_and_tell() -> None:
        await world.prepare()
        await story(world)

    world.net.run(prepare_and_tell())
    return world


def test_ready_endpoints_become_targets_at_every_node_and_cease_to_be():
    async def story(world: World) -> None:
        await world.everywhere()
        await world.pod(0)
        await world.pod(1, node="n1")
        await world.everywhere(_20="healthy", _21="healthy")
        assert await world.settled()
        await world.without(0)
        await world.everywhere(_20="draining", _21="healthy")
        assert await world.settled()
        await asyncio.sleep(300)
        await world.everywhere(_21="healthy")

    world = play(story)
    registered = [
        (entry["element"], entry["kind"], entry["targets"])
        for entry in world.net.journal
        if entry["kind"].startswith("target.") and "targets" in entry
    ]
    assert len(registered) == 6
    assert registered[-2:] == [(node, "target.deregistered", ["10.0.0.20:80"]) for node in NODES]


def test_a_terminating_endpoint_is_deregistered_while_it_still_serves():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.pod(1)
        await world.everywhere(_20="healthy", _21="healthy")
        await world.pod(0, ready=False, serving=True, terminating=True)
        await world.everywhere(_20="draining", _21="healthy")

    play(story)


@pytest.mark.parametrize(
    ("containers_ready", "node_ready", "expected"),
    [("True", "True", True), ("False", "True", False), ("True", "False", False), ("True", "Unknown", False)],
)
def test_an_endpoint_that_is_not_ready_is_one_if_its_containers_and_node_are(
    containers_ready, node_ready, expected
):
    """That is how pods whose readiness gate waits for the load balancer become ready."""

    async def story(world: World) -> None:
        await world.pod(0)
        await world.node("n1", node_ready)
        await world.pod(1, node="n1", containers_ready=containers_ready, ready=False, serving=False)
        await world.everywhere(_20="healthy", **({"_21": "healthy"} if expected else {}))

    play(story)


def test_endpoints_on_lost_nodes_are_targets_when_there_are_no_others():
    async def story(world: World) -> None:
        await world.pod(0, node="n0")
        await world.pod(1, node="n1")
        await world.everywhere(_20="healthy", _21="healthy")
        await world.node("n0", "Unknown")
        await world.pod(0, node="n0", ready=False, serving=False)
        await world.everywhere(_20="draining", _21="healthy")
        await world.node("n1", "Unknown")
        await world.pod(1, node="n1", ready=False, serving=False)
        await world.everywhere(_20="healthy", _21="healthy")
        await world.node("n1", "True")
        await world.everywhere(_20="draining", _21="healthy")

    play(story)


def test_an_endpoint_becomes_a_target_when_its_pod_is_heard_of():
    async def story(world: World) -> None:
        world.endpoints["p0"] = endpoint("p0", "10.0.0.20", "n0", {"ready": True})
        await world.put_slice()
        await world.everywhere()
        await world.client.create("Pod", pod("p0", "n0"))
        await world.everywhere(_20="healthy")

    play(story)


def test_the_port_is_that_of_the_slice_and_unready_slices_of_others_do_not_matter():
    async def story(world: World) -> None:
        await world.pod(0)
        other = slice_of([endpoint("p1", "10.0.0.21", "n0", {"ready": True})])
        other["metadata"].update(name="other-abcde", labels={"kubernetes.io/service-name": "other"})
        await world.client.create("EndpointSlice", other)
        second = slice_of([endpoint("p0", "10.0.0.20", "n0", {"ready": True})])
        second["metadata"]["name"] = "web-zzzzz"
        second["ports"] = [{"name": "http", "port": 8080, "protocol": "TCP"}]
        await world.client.create("EndpointSlice", second)
        await asyncio.sleep(0.3)
        answer = await world.net.host("tester").call("alb-1a", "describe_target_health", target_group=ARN)
        assert [each["Target"] for each in answer["TargetHealthDescriptions"]] == [
            {"Id": "10.0.0.20", "Port": 80},
            {"Id": "10.0.0.20", "Port": 8080},
        ]

    play(story)


def test_deregistering_comes_before_registering():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.everywhere(_20="healthy")
        world.endpoints.clear()
        await world.pod(1)
        await world.everywhere(_20="draining", _21="healthy")

    world = play(story)
    kinds = [
        entry["kind"] for entry in world.net.journal if entry["element"] == "alb-1a" and "targets" in entry
    ]
    assert kinds == ["target.registered", "target.deregistered", "target.registered"]


def test_a_draining_target_that_is_wanted_again_is_registered_again():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.everywhere(_20="healthy")
        await world.without(0)
        await world.everywhere(_20="draining")
        await world.pod(0)
        await world.everywhere(_20="healthy")

    play(story)


def test_what_it_says_about_a_binding():
    async def story(world: World) -> None:
        await world.pod(0)
        await asyncio.sleep(0.3)
        found = await world.client.get("TargetGroupBinding", "web", "default")
        assert found["status"] == {"observedGeneration": found["metadata"]["generation"]}
        assert found["metadata"]["finalizers"] == ["elbv2.k8s.aws/resources"]
        assert set(await world.events()) == {("Normal", "SuccessfullyReconciled", "Successfully reconciled")}

    play(story)


def test_without_its_service_a_group_has_no_targets():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.everywhere(_20="healthy")
        await world.client.delete("Service", "web", "default")
        await world.everywhere(_20="draining")
        gone = ("Warning", "BackendNotFound", 'backend not found: Service "web" not found')
        assert (await world.events())[-1] == gone
        await world.client.create("Service", service())
        await world.everywhere(_20="healthy")

    play(story)


@pytest.mark.parametrize(
    ("changed", "reason", "message"),
    [
        (
            {"serviceRef": {"name": "web", "port": "https"}},
            "BackendNotFound",
            "unable to find port https on service default/web",
        ),
        (
            {"targetGroupARN": ARN + "x"},
            "FailedReconcile",
            f"TargetGroupNotFound: Target groups '{ARN}x' not found",
        ),
        ({"targetType": "instance"}, "FailedReconcile", "targetType instance is not emulated"),
        ({"ipAddressType": "ipv6"}, "FailedReconcile", "ipAddressType ipv6 is not emulated"),
        ({"targetGroupProtocol": "TCP"}, "FailedReconcile", "targetGroupProtocol TCP is not emulated"),
    ],
)
def test_bindings_that_cannot_be_reconciled(changed, reason, message):
    async def story(world: World) -> None:
        await world.client.delete("TargetGroupBinding", "web", "default")
        await asyncio.sleep(0.2)
        await world.client.create("TargetGroupBinding", binding("odd", **changed))
        await asyncio.sleep(0.2)
        type_, told, words = (await world.events())[-1]
        assert (type_, told) == ("Warning", reason)
        assert words.startswith(message)

    play(story)


def test_security_groups_are_not_its_business_and_it_says_so():
    async def story(world: World) -> None:
        await world.pod(0)
        source = [{"securityGroup": {"groupID": "sg-1"}}]
        rule = {"from": source, "ports": [{"port": 80, "protocol": "TCP"}]}
        change = {"spec": {"networking": {"ingress": [rule]}}}
        await world.client.patch("TargetGroupBinding", "web", change, "default")
        await world.everywhere(_20="healthy")
        words = "spec.networking is not emulated: security groups are as the world file has them"
        assert ("Warning", "FailedNetworkReconcile", words) in await world.events()

    play(story)


def test_of_two_bindings_of_one_group_the_older_has_it():
    async def story(world: World) -> None:
        await world.pod(0)
        await asyncio.sleep(1)
        await world.client.create(
            "TargetGroupBinding", binding("aaa", serviceRef={"name": "web", "port": "metrics"})
        )
        await world.everywhere(_20="healthy")
        bound = f"TargetGroup {ARN} is already bound to TargetGroupBinding default/web"
        assert ("Warning", "FailedReconcile", bound) in await world.events()
        await world.client.delete("TargetGroupBinding", "web", "default")
        await asyncio.sleep(0.5)
        answer = await world.net.host("tester").call("alb-1a", "describe_target_health", target_group=ARN)
        ports = {
            each["Target"]["Port"]: each["TargetHealth"]["State"]
            for each in answer["TargetHealthDescriptions"]
        }
        assert ports == {80: "draining", 9113: "initial"}

    play(story)


def test_a_binding_that_is_deleted_takes_its_targets_with_it_even_if_nobody_looked():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.everywhere(_20="healthy")
        await world.net.host("alb-controller").die()
        await world.client.delete("TargetGroupBinding", "web", "default")
        await world.everywhere(_20="healthy")
        assert (
            "deletionTimestamp"
            in (await world.client.get("TargetGroupBinding", "web", "default"))["metadata"]
        )
        await world.net.bring_up(world.net.host("alb-controller"))
        await world.everywhere(_20="draining")
        with pytest.raises(ApiError, match="not found"):
            await world.client.get("TargetGroupBinding", "web", "default")

    play(story)


def test_a_killed_node_gets_its_targets_again():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.pod(1)
        await world.everywhere(_20="healthy", _21="healthy")
        await world.net.restart("alb-1b")
        assert not await world.settled()
        await asyncio.sleep(1)
        await world.everywhere(_20="healthy", _21="healthy")
        assert await world.settled()

    play(story)


def test_a_node_that_is_away_holds_up_no_other():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.everywhere(_20="healthy")
        await world.net.host("alb-1b").die()
        await world.pod(1)
        await world.without(0)
        await asyncio.sleep(0.3)
        assert await world.targets("alb-1a") == {"20": "draining", "21": "healthy"}
        await world.net.bring_up(world.net.host("alb-1b"))
        await asyncio.sleep(1)
        assert await world.targets("alb-1b") == {"21": "healthy"}

    play(story)


def test_a_killed_controller_changes_nothing_and_takes_up_what_happened_meanwhile():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.pod(1)
        await world.everywhere(_20="healthy", _21="healthy")
        await world.net.restart("alb-controller")
        await asyncio.sleep(2)
        await world.everywhere(_20="healthy", _21="healthy")
        await world.net.host("alb-controller").die()
        await world.pod(2)
        await world.without(0)
        await world.net.bring_up(world.net.host("alb-controller"))
        await world.everywhere(_20="draining", _21="healthy", _22="healthy")

    world = play(story)
    deregistered = [entry["targets"] for entry in world.net.journal if entry["kind"] == "target.deregistered"]
    assert deregistered == [["10.0.0.20:80"]] * 2


def test_without_the_api_server_targets_stay_and_none_is_given_up_for_a_list_that_is_late():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.everywhere(_20="healthy")
        await world.net.host("kube-api").die()
        await world.net.restart("alb-controller")
        await world.net.restart("alb-1a")
        await asyncio.sleep(30)
        assert await world.targets("alb-1b") == {"20": "healthy"}
        assert not await world.settled()

    world = play(story)
    assert not [entry for entry in world.net.journal if entry["kind"] == "target.deregistered"]


def test_it_is_settled_when_ready_pods_are_healthy_targets():
    async def story(world: World) -> None:
        await world.pod(0)
        await world.everywhere(_20="healthy")
        assert await world.settled()
        world.net.element("p1").probe = lambda serving, request: None
        await world.pod(1)
        await asyncio.sleep(0.3)
        assert not await world.settled()  # its target is initial
        await world.without(1)
        await asyncio.sleep(0.3)
        assert await world.settled()
        await world.client.create("Pod", pod("p2", "n0"))
        ready = {
            "podIP": "10.0.0.22",
            "podIPs": [{"ip": "10.0.0.22"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        await world.client.patch("Pod", "p2", {"status": ready}, "default", subresource="status")
        assert not await world.settled()  # no slice has it yet

    play(story)


def test_what_inspect_shows():
    async def story(world: World) -> None:
        await world.pod(0)
        await asyncio.sleep(0.3)
        assert world.net.element("alb-controller").inspect() == {
            "synced": True,
            "bindings": {
                "default/web": {
                    "target_group": ARN,
                    "targets": ["10.0.0.20:80"],
                    "applied": ["alb-1a", "alb-1b"],
                    "last_event": "SuccessfullyReconciled",
                }
            },
        }

    play(story)

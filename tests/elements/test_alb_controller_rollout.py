"""A Deployment's pods as targets, with the real controllers and requests that go on meanwhile; tests are the node."""

import asyncio
from typing import Any

from actors.parts.kubernetes.informer import Informer
from tests.elements.alb_bed import GET, Talk, say
from tests.elements.kube_bed import deployment
from tests.elements.test_alb_controller import NODES, PODS, World, binding, service

GONE = say(b"", close=True)
SERVES = say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
PRE_STOP_S = 1.0


class Cluster(World):
    """Pods are bound to `n0` at once, get one of four addresses, and serve until a while after they were deleted."""

    def __init__(self, **group_attributes: Any) -> None:
        super().__init__(**group_attributes)
        self.net.add("kube-controller-manager", "kube_controller_manager", {})
        self.free = list(range(PODS))
        self.placed: dict[str, int] = {}
        self.statuses: list[int] = []

    async def prepare(self) -> None:
        await self.client.create("Node", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n0"}})
        await self.node("n0", "True")
        hands = self.net.host("tester")
        self.pods = Informer(hands, self.client, "Pod", self._pod_changed)
        self.pods.start()
        await self.client.create("Service", service())
        await self.client.create("TargetGroupBinding", binding())
        template = deployment("web", replicas=2)
        template["spec"]["template"]["spec"]["containers"][0]["ports"] = [
            {"name": "http", "containerPort": 80}
        ]
        await self.client.create("Deployment", template)

    def _pod_changed(self, before: Any, now: Any) -> None:
        hands = self.net.host("tester")
        if before is None and now is not None:
            hands.spawn(self._run(now["metadata"]["name"]), "kubelet")
        elif now is not None and "deletionTimestamp" in now["metadata"].keys() - before["metadata"].keys():
            hands.spawn(self._end(now["metadata"]["name"]), "kubelet")

    async def _run(self, name: str) -> None:
        bind = {"target": {"kind": "Node", "name": "n0"}, "metadata": {"name": name}}
        await self.client.request(
            "POST", f"/api/v1/namespaces/default/pods/{name}/binding", {"kind": "Binding", **bind}
        )
        number = self.placed[name] = self.free.pop(0)
        target = self.net.element(f"p{number}")
        target.answer = target.probe = SERVES
        await asyncio.sleep(0.2)
        address = f"10.0.0.{20 + number}"
        ready = [{"type": type_, "status": "True"} for type_ in ("ContainersReady", "Ready")]
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": ready}
        await self.client.patch("Pod", name, {"status": status}, "default", subresource="status")

    async def _end(self, name: str) -> None:
        await asyncio.sleep(PRE_STOP_S)
        number = self.placed.pop(name)
        target = self.net.element(f"p{number}")
        target.answer = target.probe = GONE
        self.free.append(number)
        await self.client.delete("Pod", name, "default", grace_period_seconds=0)

    async def settle(self) -> None:
        for _ in range(400):
            api = await self.net.host("tester").call("kube-api", "settled")
            if api and await self.settled():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("never settled")

    async def serving(self) -> set[str]:
        """The addresses that get requests, the same at both nodes."""
        by_node = [await self.targets(node) for node in NODES]
        healthy = [{key for key, state in each.items() if state != "draining"} for each in by_node]
        assert healthy[0] == healthy[1] and all("initial" not in each.values() for each in by_node)
        return healthy[0]

    def requests(self) -> list["asyncio.Task[None]"]:
        """Requests to both nodes, one after another, for ever."""
        hands = self.net.host("tester")
        return [hands.spawn(self._ask_on(address), f"requests to {address}") for address in NODES.values()]

    async def _ask_on(self, address: str) -> None:
        stack = self.net.element("tester").stack
        _, talk = await stack.create_connection(Talk, address, 80)
        while True:
            self.statuses.append((await talk.ask(GET)).status)
            await asyncio.sleep(0.005)


def play(story: Any, **group_attributes: Any) -> Cluster:
    world = Cluster(**group_attributes)

    async def prepare_and_tell() -> None:
        await world.prepare()
        await world.settle()
        requests = world.requests()
        await story(world)
        for each in requests:
            each.cancel()

    world.net.run(prepare_and_tell())
    return world


def test_a_deployment_that_is_scaled_up_and_down_under_load():
    async def story(world: Cluster) -> None:
        for replicas in (4, 1, 3):
            await world.client.patch(
                "Deployment", "web", {"spec": {"replicas": replicas}}, "default", subresource="scale"
            )
            await world.settle()
            assert len(await world.serving()) == replicas
            await asyncio.sleep(2 * PRE_STOP_S)

    world = play(story)
    assert set(world.statuses) == {200} and len(world.statuses) > 500


def test_a_rolling_restart_under_load_replaces_every_target_without_an_error():
    async def story(world: Cluster) -> None:
        before = set(world.placed)
        change = {"spec": {"template": {"metadata": {"annotations": {"restartedAt": "now"}}}}}
        await world.client.patch("Deployment", "web", change, "default")
        await asyncio.sleep(0.1)
        await world.settle()
        assert len(await world.serving()) == 2
        await asyncio.sleep(2 * PRE_STOP_S)
        assert len(world.placed) == 2 and not before & set(world.placed)

    world = play(story)
    assert set(world.statuses) == {200}


def test_killed_in_the_middle_of_a_scale_the_controller_ends_in_the_same_state():
    async def story(world: Cluster) -> None:
        await world.client.patch(
            "Deployment", "web", {"spec": {"replicas": 4}}, "default", subresource="scale"
        )
        for pause_s in (0.05, 0.1, 0.15, 0.02):
            await asyncio.sleep(pause_s)
            await world.net.restart("alb-controller")
        await world.settle()
        assert await world.serving() == {"20", "21", "22", "23"}

    world = play(story)
    assert set(world.statuses) == {200}
    assert not [entry for entry in world.net.journal if entry["kind"] == "target.deregistered"]

"""The API server as elements see it: requests and watches over the management network, on the virtual clock."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from actors.element import Context, Element
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.parts.kubernetes.informer import Informer
from actors.runtime.virtual import VirtualNetwork

Object = dict[str, Any]


class Bystander(Element):
    """Somebody with a client."""

    def __init__(self, context: Context) -> None:
        super().__init__(None, context)
        self.client = KubeClient(context, "kube-api", "tester")

    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")


class World:
    """An API server and somebody who asks it."""

    def __init__(self, directory: Path | None = None, **config: Any) -> None:
        self.net = VirtualNetwork(seed=1, directory=directory)
        self.net.add("kube-api", "kube_api", config)
        self.net.add_element("tester", Bystander)

    @property
    def client(self) -> KubeClient:
        return self.net.element("tester").client

    async def sleep(self, seconds: float) -> None:
        await self.net.host("tester").sleep(seconds)

    def informer(self, kind: str, **selection: Any) -> tuple[Informer, list[str]]:
        """A running informer, and what it has told, as `+name`, `~name`, `-name`."""
        told: list[str] = []

        def changed(before: Object | None, now: Object | None) -> None:
            sign = "+" if before is None else "-" if now is None else "~"
            told.append(sign + (now or before or {})["metadata"]["name"])

        informer = Informer(self.net.host("tester"), self.client, kind, changed, **selection)
        informer.start()
        return informer, told


def play(story: Callable[[World], Awaitable[None]], directory: Path | None = None, **config: Any) -> World:
    world = World(directory, **config)
    world.net.run(story(world))  # type: ignore[arg-type]
    return world


def pod(name: str, **changed: Any) -> Object:
    spec = {"containers": [{"name": "nginx", "image": "nginx:1.27"}], **changed.pop("spec", {})}
    metadata = {"name": name, "namespace": "default", **changed}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def deployment(name: str, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": name}}, "spec": pod("x")["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


async def refused(work: Awaitable[Any], code: int, words: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await work
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message
    return caught.value


def test_a_created_pod_is_pending_and_can_be_read_listed_and_deleted():
    async def story(world: World) -> None:
        made = await world.client.create("Pod", pod("one"))
        assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
        assert await world.client.get("Pod", "one", "default") == made
        listing = await world.client.list("Pod")
        assert listing.items == [made]
        assert int(listing.resource_version) >= int(made["metadata"]["resourceVersion"])
        await world.client.delete("Pod", "one", "default")
        await refused(world.client.get("Pod", "one", "default"), 404, 'pods "one" not found')

    play(story)


def test_an_update_of_an_old_version_is_refused():
    async def story(world: World) -> None:
        old = await world.client.create("Deployment", deployment("nginx"))
        new = await world.client.patch("Deployment", "nginx", {"spec": {"replicas": 5}}, "default")
        assert new["metadata"]["generation"] == 2
        words = 'Operation cannot be fulfilled on deployments.apps "nginx": the object has been modified; please apply'
        await refused(world.client.update("Deployment", old), 409, words)

    play(story)


def test_what_changes_nothing_is_no_new_version():
    async def story(world: World) -> None:
        old = await world.client.create("Deployment", deployment("nginx"))
        assert await world.client.update("Deployment", old) == old
        assert await world.client.patch("Deployment", "nginx", {"spec": {"replicas": 3}}, "default") == old

    play(story)


def test_status_and_spec_are_written_apart():
    async def story(world: World) -> None:
        value = await world.client.create("Deployment", deployment("nginx"))
        value = {**value, "spec": {**value["spec"], "replicas": 9}, "status": {"replicas": 2}}
        value = await world.client.update("Deployment", value, "status")
        assert (value["spec"]["replicas"], value["status"]["replicas"]) == (3, 2)
        value = {**value, "spec": {**value["spec"], "replicas": 9}, "status": {}}
        value = await world.client.update("Deployment", value)
        assert (value["spec"]["replicas"], value["status"]["replicas"]) == (9, 2)
        assert value["metadata"]["generation"] == 2

    play(story)


def test_a_bound_pod_goes_when_its_node_says_so():
    async def story(world: World) -> None:
        await world.client.create("Pod", pod("one"))
        binding = {"kind": "Binding", "target": {"kind": "Node", "name": "node-1"}}
        path = "/api/v1/namespaces/default/pods/one/binding"
        await world.client.request("POST", path, binding)
        await refused(world.client.request("POST", path, binding), 409, 'already assigned to node "node-1"')
        going = await world.client.delete("Pod", "one", "default")
        assert going["metadata"]["deletionGracePeriodSeconds"] == 30
        await world.client.get("Pod", "one", "default")
        await world.client.delete("Pod", "one", "default", grace_period_seconds=0)
        await refused(world.client.get("Pod", "one", "default"), 404, "not found")

    play(story)


def test_an_informer_follows_and_survives_the_servers_death(tmp_path: Path):
    async def story(world: World) -> None:
        informer, told = world.informer("Pod")
        await world.client.create("Pod", pod("one"))
        await world.sleep(1)
        await world.net.restart("kube-api")
        await world.client.create("Pod", pod("two"))
        await world.client.delete("Pod", "one", "default")
        await world.sleep(20)
        assert told == ["+one", "+two", "~one", "-one"]
        assert list(informer.objects) == ["default/two"]

    play(story, tmp_path)


def test_scale_is_a_view_of_the_replicas():
    async def story(world: World) -> None:
        await world.client.create("Deployment", deployment("nginx"))
        scale = await world.client.patch(
            "Deployment", "nginx", {"spec": {"replicas": 5}}, "default", subresource="scale"
        )
        assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == (
            "Scale",
            {"replicas": 5},
            "app=nginx",
        )
        assert (await world.client.get("Deployment", "nginx", "default"))["metadata"]["generation"] == 2

    play(story)

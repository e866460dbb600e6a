"""Watches of the API server: what followers are told, through selectors, restarts and forgetting."""

from collections.abc import AsyncGenerator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.parts.kubernetes.apiserver import store as store_module
from actors.parts.kubernetes.apiserver.selection import News
from actors.parts.kubernetes.apiserver.streaming import StreamOptions, stream
from actors.parts.kubernetes.client import ApiError, CallFailed
from actors.protocols.kubernetes.resources import BY_KIND
from tests.elements.kube_bed import World, config_map, play, pod, refused


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


@pytest.mark.parametrize("seed", range(5))
def test_no_acknowledged_write_is_lost_and_no_event_is_missed(tmp_path: Path, seed: int):
    """Somebody writes, somebody watches, and the server is killed at random moments."""

    async def story(world: World) -> None:
        dice = Random(seed)
        acknowledged: dict[str, str | None] = {}
        informer, told = world.informer("ConfigMap")

        async def write() -> None:
            for number in range(500):
                name = f"c{dice.randrange(10)}"
                try:
                    if dice.random() < 0.3:
                        await world.client.delete("ConfigMap", name, "default")
                        acknowledged[name] = None
                    else:
                        patch = {"data": {"n": str(number)}, "apiVersion": "v1", "kind": "ConfigMap"}
                        await world.client.patch(
                            "ConfigMap", name, patch, "default", type="apply", force=True
                        )
                        acknowledged[name] = str(number)
                except CallFailed:
                    acknowledged.pop(name, None)  # who knows
                    await world.sleep(0.002)
                except ApiError as error:
                    assert error.code == 404
                    acknowledged[name] = None

        writing = world.spawn(write())
        for _ in range(20):
            await world.sleep(dice.random() * 0.01)
            await world.net.restart("kube-api")
        await writing
        await world.sleep(2)
        listed = await world.client.list("ConfigMap")
        there = {each["metadata"]["name"]: each["data"]["n"] for each in listed.items}
        assert {name: there.get(name) for name in acknowledged} == acknowledged
        assert {each["metadata"]["name"]: each for each in informer.all()} == {
            each["metadata"]["name"]: each for each in listed.items
        }
        for name in there:
            signs = [each[0] for each in told if each[1:] == name]
            assert signs.count("+") - signs.count("-") == 1

    play(story, tmp_path, seed)


def test_an_object_that_leaves_a_selection_is_deleted_for_who_looks_through_it():
    async def story(world: World) -> None:
        _, by_label = world.informer("ConfigMap", label_selector="a=b")
        _, by_field = world.informer("Pod", field_selector="spec.nodeName=node-1")
        _, by_space = world.informer("ConfigMap", namespace="kube-system")
        await world.client.create("ConfigMap", config_map("one"))
        for labels in ({"a": "b"}, {"a": "b", "c": "d"}, {"a": "x"}):
            await world.client.patch("ConfigMap", "one", {"metadata": {"labels": labels}}, "default")
        await world.client.create("ConfigMap", config_map("two", namespace="kube-system"))
        await world.client.create("Pod", pod("p"))
        binding = {"kind": "Binding", "target": {"kind": "Node", "name": "node-1"}}
        await world.client.request("POST", "/api/v1/namespaces/default/pods/p/binding", binding)
        await world.client.delete("Pod", "p", "default", grace_period_seconds=0)
        await world.sleep(0.1)
        assert by_label == ["+one", "~one", "-one"]
        assert by_field == ["+p", "~p", "-p"]
        assert by_space == ["+two"]

    play(story)


async def poll(world: World, version: str, **query: str) -> Any:
    return await world.net.host("tester").call(
        "kube-api",
        "watch",
        path="/api/v1/configmaps",
        resource_version=version,
        timeout_s=1.0,
        user="t",
        query=query,
    )


def test_a_poll_waits_for_news_but_not_for_ever():
    async def story(world: World) -> None:
        version = (await world.client.list("ConfigMap")).resource_version
        before_ns = world.net.host("tester").now_ns()
        await world.client.create("Pod", pod("other"))
        answer = await poll(world, version)
        assert answer["events"] == [] and int(answer["resource_version"]) == int(version) + 1
        assert world.net.host("tester").now_ns() - before_ns > 1e9
        await world.client.create("ConfigMap", config_map("one"))
        answer = await poll(world, version)
        assert [(each["type"], each["object"]["metadata"]["name"]) for each in answer["events"]] == [
            ("ADDED", "one")
        ]

    play(story)


def test_a_poll_without_a_version_begins_with_what_there_is():
    async def story(world: World) -> None:
        await world.client.create("ConfigMap", config_map("one"))
        for version in ("", "0"):
            answer = await poll(world, version)
            assert [each["type"] for each in answer["events"]] == ["ADDED"]
            assert answer["resource_version"] == str(world.server.store.revision)

    play(story)


def test_a_place_that_is_forgotten_is_gone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "KEEP_AT_LEAST", 5)
    monkeypatch.setattr(store_module, "FORGET_EVERY", 5)

    async def story(world: World) -> None:
        await world.client.create("ConfigMap", config_map("one"))
        informer, _ = world.informer("ConfigMap")
        await world.sleep(301)
        for number in range(20):
            await world.client.patch("ConfigMap", "one", {"data": {"n": str(number)}}, "default")
        answer = await poll(world, "3")
        assert (answer["code"], answer["body"]["reason"]) == (410, "Expired")
        assert answer["body"]["message"].startswith("too old resource version: 3 (")
        await world.sleep(1)
        assert informer.objects["default/one"]["data"] == {"n": "19"}

    play(story)


@pytest.mark.parametrize(
    ("version", "query", "code", "words"),
    [
        ("x", {}, 400, "resourceVersion: Invalid value"),
        ("99999", {}, 504, "Too large resource version: 99999"),
        ("1", {"fieldSelector": "spec.x=y"}, 400, "field label not supported"),
        ("1", {"sendInitialEvents": "true"}, 422, "requires setting resourceVersionMatch to NotOlderThan"),
    ],
)
def test_watches_that_cannot_be(version: str, query: dict[str, str], code: int, words: str):
    async def story(world: World) -> None:
        answer = await poll(world, version, **query)
        assert answer["code"] == code and words in answer["body"]["message"]

    play(story)


# ---- streams, as HTTP has them -------------------------------------------------------------------------------


def opened(world: World, **query: str) -> AsyncGenerator[list[News], None]:
    request = world.request("/api/v1/configmaps", watch="true", **query)
    options = StreamOptions.of(request, world.server.context)
    watch, first = world.server.open_watch(request)
    return stream(world.server.context, BY_KIND["ConfigMap"], watch, first, options)


async def collected(world: World, **query: str) -> list[tuple[float, str]]:
    """Each event's type, and how many seconds after the beginning it came."""
    start_ns, events = world.net.host("tester").now_ns(), []
    async for batch in opened(world, **query):
        after_s = (world.net.host("tester").now_ns() - start_ns) / 1e9
        events += [(round(after_s, 3), news.type) for news in batch]
    return events


def test_bookmarks_come_every_minute_and_before_the_end():
    async def story(world: World) -> None:
        told = await collected(world, timeoutSeconds="150", allowWatchBookmarks="true")
        assert told == [(60.0, "BOOKMARK"), (120.0, "BOOKMARK"), (148.0, "BOOKMARK")]
        assert await collected(world, timeoutSeconds="150") == []

    play(story)


def test_a_stream_begins_with_what_there_is_and_goes_on():
    async def story(world: World) -> None:
        await world.client.create("ConfigMap", config_map("one"))
        version = str(world.server.store.revision)

        async def later() -> None:
            await world.sleep(5)
            await world.client.create("ConfigMap", config_map("two"))

        world.spawn(later())
        assert await collected(world, timeoutSeconds="10") == [(0.0, "ADDED"), (5.0, "ADDED")]
        assert await collected(world, timeoutSeconds="10", resourceVersion=version) == [(0.0, "ADDED")]

    play(story)


def test_a_stream_ends_by_itself_between_half_an_hour_and_an_hour():
    async def story(world: World) -> None:
        start_ns = world.net.host("tester").now_ns()
        assert await collected(world) == []
        assert 1800 <= (world.net.host("tester").now_ns() - start_ns) / 1e9 < 3601

    play(story)


def test_a_stream_too_old_ends_with_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "KEEP_AT_LEAST", 1)
    monkeypatch.setattr(store_module, "FORGET_EVERY", 5)

    async def story(world: World) -> None:
        await world.sleep(301)
        for number in range(10):
            await world.client.create("ConfigMap", config_map(f"c{number}"))
        batches = [batch async for batch in opened(world, resourceVersion="1")]
        [[error]] = batches
        assert (error.type, error.object["code"], error.object["reason"]) == ("ERROR", 410, "Expired")

    play(story)


def test_an_informer_asks_ever_more_rarely_while_the_server_is_away(tmp_path: Path):
    async def story(world: World) -> None:
        informer, _ = world.informer("ConfigMap")
        await world.sleep(1)
        api, asked = world.net.host("kube-api"), []
        await api.die()
        answer = api.answer
        api.answer = lambda verb, arguments: asked.append(verb) or answer(verb, arguments)
        await world.sleep(60)
        assert 55 < len(asked) < 70
        del api.answer
        await world.net.bring_up(api)
        await world.client.create("ConfigMap", config_map("late"))
        await world.sleep(1.1)
        assert "default/late" in informer.objects

    play(story, tmp_path)


def test_a_watch_of_a_subresource_is_none():
    async def story(world: World) -> None:
        path = "/api/v1/namespaces/default/pods/x/status"
        call = world.net.host("tester").call(
            "kube-api", "watch", path=path, resource_version="1", timeout_s=1.0, user="t"
        )
        assert (await call)["code"] == 404
        await refused(
            world.client.request("GET", "/api/v1/nothing"), 404, "could not find the requested resource"
        )

    play(story)


def test_who_waits_long_is_not_left_behind(monkeypatch: pytest.MonkeyPatch):
    """What does not concern a watch moves it on, so that it never has to read old events."""
    monkeypatch.setattr(store_module, "IN_MEMORY", 10)
    monkeypatch.setattr(store_module, "FORGET_EVERY", 5)

    def never(store: Any, revision: int) -> None:
        raise AssertionError("old events are read")

    async def story(world: World) -> None:
        _, told = world.informer("ConfigMap", label_selector="a=b")
        await world.sleep(1)
        monkeypatch.setattr(store_module.Store, "_read_from_disk", never)
        for round in range(5):
            for number in range(30):
                await world.client.create("ConfigMap", config_map(f"c{round}-{number}"))
            await world.sleep(7)
        await world.client.create("ConfigMap", config_map("mine", labels={"a": "b"}))
        await world.sleep(1)
        assert told == ["+mine"]

    play(story)

"""The queue of keys, expectations, and events that are written in the background."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.element import CallFailed, Context, Element
from actors.parts.kubernetes.client import ApiError, KubeClient
from actors.parts.kubernetes.controllers.expectations import Expectations
from actors.parts.kubernetes.events import EventRecorder
from actors.parts.kubernetes.work_queue import WorkQueue
from actors.runtime.virtual import VirtualNetwork
from actors.units import SECOND

Object = dict[str, Any]


class Somebody(Element):
    def on_frame(self, port: str, frame: bytes) -> None:
        raise AssertionError("there are no links here")


def play(story: Callable[[Context], Awaitable[None]]) -> None:
    net = VirtualNetwork()
    host = net.add_element("somebody", lambda context: Somebody(None, context))
    net.run(story(host))  # type: ignore[arg-type]


def test_a_key_is_in_the_queue_once_and_in_one_hand_only():
    async def story(context: Context) -> None:
        queue = WorkQueue(context, "test")
        for key in ("a", "b", "a"):
            queue.add(key)
        assert len(queue) == 2
        assert await queue.get() == "a"
        queue.add("a")
        assert len(queue) == 1, "somebody has it"
        queue.done("a")
        assert [await queue.get(), await queue.get()] == ["b", "a"]

    play(story)


def test_who_waits_for_a_key_gets_it():
    async def story(context: Context) -> None:
        queue, got = WorkQueue(context, "test"), []

        async def take() -> None:
            got.append(await queue.get())

        for number in range(2):
            context.spawn(take(), f"taker {number}")
        await context.sleep(1)
        queue.add_all(("a", "b"))
        await context.sleep(0.001)
        assert got == ["a", "b"]

    play(story)


def test_the_soonest_of_several_wishes_holds():
    async def story(context: Context) -> None:
        queue = WorkQueue(context, "test")
        queue.add_after("a", 5)
        queue.add_after("a", 2)
        queue.add_after("a", 9)
        assert await queue.get() == "a"
        assert context.now_ns() == pytest.approx(2 * SECOND, abs=1000)
        queue.done("a")
        await context.sleep(10)
        assert len(queue) == 0

    play(story)


def test_failures_wait_longer_and_longer_until_one_works():
    async def story(context: Context) -> None:
        queue, waits = WorkQueue(context, "test"), []
        for _ in range(4):
            begun = context.now_ns()
            queue.again("a")
            await queue.get()
            queue.done("a")
            waits.append(round((context.now_ns() - begun) / 1e6))
        assert waits == [5, 10, 20, 40]
        queue.forget("a")
        begun = context.now_ns()
        queue.again("a")
        await queue.get()
        assert round((context.now_ns() - begun) / 1e6) == 5
        for _ in range(40):
            queue.again("b", 1.0)
        assert queue.failures("b") == 40

    play(story)


def test_what_is_expected_until_it_is_seen():
    now = [0]
    expectations = Expectations(lambda: now[0])
    assert expectations.fulfilled("x")
    expectations.expect("x", 2, ["u1"])
    expectations.created("x")
    expectations.deleted("x", "u1")
    assert not expectations.fulfilled("x")
    expectations.created("x")
    assert expectations.fulfilled("x")
    expectations.expect("x", 0, ["u1"])
    expectations.deleted("x", "another")
    assert not expectations.fulfilled("x")
    now[0] = 301 * SECOND
    assert expectations.fulfilled("x"), "it takes too long"


# ---- events ------------------------------------------------------------------------------------------------

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default", "uid": "u"},
}


class Api(KubeClient):
    """Keeps what is written; while it is away nothing is."""

    def __init__(self) -> None:
        self.away = False
        self.written: list[tuple[str, Object]] = []
        self.gone = False

    async def create(self, kind: str, value: Object, namespace: str | None = None) -> Object:
        return self._write("create", value)

    async def patch(self, kind: str, name: str, patch: Any, *more: Any, **others: Any) -> Object:
        if self.gone:
            raise ApiError(404, "not found")
        return self._write("patch", patch)

    def _write(self, how: str, value: Object) -> Object:
        if self.away:
            raise CallFailed("away")
        self.written.append((how, value))
        return value


def test_events_are_written_in_order_also_after_the_server_was_away():
    async def story(context: Context) -> None:
        api = Api()
        recorder = EventRecorder(context, api, "kubelet", "node-1")
        api.away = True
        recorder.event(POD, "Normal", "Pulled", "one")
        recorder.event(POD, "Normal", "Created", "two")
        await context.sleep(2)
        assert api.written == []
        api.away = False
        await context.sleep(1)
        assert [(how, event["message"]) for how, event in api.written] == [
            ("create", "one"),
            ("create", "two"),
        ]
        recorder.event(POD, "Normal", "Pulled", "one")
        await context.sleep(1)
        how, patch = api.written[-1]
        assert (how, patch["count"]) == ("patch", 2)
        api.gone = True
        recorder.event(POD, "Normal", "Pulled", "one")
        await context.sleep(1)
        how, event = api.written[-1]
        assert (how, event["count"], event["reason"]) == ("create", 3, "Pulled")

    play(story)


def test_events_that_cannot_be_written_are_dropped_and_counted():
    async def story(context: Context) -> None:
        api = Api()
        recorder = EventRecorder(context, api, "kubelet")
        api.away = True
        recorder.event(POD, "Normal", "Pulled", "lost")
        await context.sleep(30)
        api.away = False
        recorder.event(POD, "Normal", "Created", "told")
        await context.sleep(1)
        assert [event["message"] for _, event in api.written] == ["told"]
        dropped = context.metrics.counter("journey_kube_events_dropped_total", component="kubelet")
        assert dropped.value == 1

    play(story)

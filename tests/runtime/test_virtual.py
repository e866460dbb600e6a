"""The virtual clock: exact, instant, and the same for the same seed."""

import asyncio
import time
from typing import Any

import pytest

from actors.element import JOURNEY, CallFailed, Context, Element
from actors.runtime.virtual import VirtualNetwork
from actors.runtime.virtual_host import VirtualHost
from actors.runtime.virtual_loop import Deadlock, VirtualLoop
from actors.wire import arp, ethernet
from actors.wire.addresses import ip_bytes


class Echo(Element):
    """Sends every frame back."""

    def on_frame(self, port: str, frame: bytes) -> None:
        self.context.record("echo", bytes=len(frame))
        self.context.ports[port].send(frame)


class Caller(Element):
    """Remembers what came and when."""

    def __init__(self, config: object, context: Context) -> None:
        super().__init__(config, context)
        self.seen: list[tuple[int, bytes]] = []
        self.arrived = asyncio.Event()

    def on_frame(self, port: str, frame: bytes) -> None:
        self.seen.append((self.context.now_ns(), frame))
        self.arrived.set()

    async def call_ping(self, journey: str | None = None) -> int:
        JOURNEY.set(journey)
        self.context.ports["eth0"].send(b"\x00" * 64)
        await self.arrived.wait()
        return self.context.now_ns()


def pair(seed: int = 1, **link: str) -> VirtualNetwork:
    net = VirtualNetwork(seed=seed)
    net.add_element("caller", lambda context: Caller(None, context))
    net.add_element("echo", lambda context: Echo(None, context))
    net.link("wire", ("caller", "eth0"), ("echo", "eth0"), **link)
    return net


def test_a_frame_takes_exactly_the_delay_there_and_back():
    net = pair(delay="5ms")
    net.run(net.host("caller").answer("ping", {}))
    assert net.element("caller").seen == [(10_000_000, bytes(64))]


def test_serialisation_takes_length_over_rate():
    net = pair(rate="1mbit")
    net.run(net.host("caller").answer("ping", {}))
    assert net.element("caller").seen[0][0] == 2 * 64 * 8 * 1000


def test_an_hour_of_sleep_costs_no_time_and_timers_are_exact():
    net = pair()

    async def story() -> list[int]:
        host, moments = net.host("caller"), []
        for seconds in (0.0001, 1, 3600):
            await host.sleep(seconds)
            moments.append(host.now_ns())
        return moments

    began = time.monotonic()
    assert net.run(story()) == [100_000, 1_000_100_000, 3_601_000_100_000]
    assert time.monotonic() - began < 5


def test_frames_and_timers_happen_in_the_order_of_their_times():
    net = pair(delay="5ms")
    order: list[str] = []

    async def story() -> None:
        host = net.host("caller")
        host.call_at(9_999_999, order.append, "timer before")
        host.call_at(10_000_001, order.append, "timer after")
        await host.answer("ping", {})
        order.append("frame")
        await host.sleep(1)

    net.run(story())
    assert order == ["timer before", "frame", "timer after"]


def test_a_journey_marks_frames_and_what_they_cause():
    net = pair(delay="1ms")
    net.run(net.host("caller").answer("ping", {"journey": "ab" * 16}))
    assert [(r["element"], r["kind"]) for r in net.journal] == [
        ("caller", "link.transmit"),
        ("echo", "echo"),
        ("echo", "link.transmit"),
    ]
    assert {r["journey"] for r in net.journal} == {"ab" * 16}


def test_without_a_journey_nothing_is_recorded():
    net = pair(delay="1ms")
    net.run(net.host("caller").answer("ping", {}))
    assert net.journal == []


def test_equal_seeds_give_equal_runs_and_others_differ():
    def run(seed: int) -> list[tuple[int, bytes]]:
        net = pair(seed, delay="5ms", jitter="2ms")
        net.run(net.host("caller").answer("ping", {}))
        return net.element("caller").seen

    assert run(1) == run(1) != run(2)


def test_waiting_for_what_never_comes_is_told():
    loop = VirtualLoop()
    try:
        with pytest.raises(Deadlock):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()


def test_an_element_that_raises_ends_the_run_with_its_error():
    class Broken(Element):
        """Raises."""

        def on_frame(self, port: str, frame: bytes) -> None:
            raise ZeroDivisionError("on purpose")

    net = VirtualNetwork()
    net.add_element("caller", lambda context: Caller(None, context))
    net.add_element("broken", lambda context: Broken(None, context))
    net.link("wire", ("caller", "eth0"), ("broken", "eth0"))

    async def story() -> None:
        net.host("caller").ports["eth0"].send(b"x" * 60)
        await net.host("caller").sleep(1)

    with pytest.raises(ZeroDivisionError):
        net.run(story())


class Parent(Element):
    """Launches others, and writes down what becomes of them."""

    def __init__(self, config: object, context: Context) -> None:
        super().__init__(config, context)
        self.seen: list[object] = []

    def on_frame(self, port: str, frame: bytes) -> None:
        self.seen.append((port, frame))

    def on_link(self, port: str, up: bool) -> None:
        self.seen.append((port, up))

    def on_exit(self, name: str, status: int) -> None:
        self.seen.append((name, status))

    async def launch(self, name: str) -> None:
        await self.context.launch(
            name, "isp_as", ROUTER, port=f"to-{name}", link={"delay": "5us", "mtu": 9001}
        )


ROUTER = {"asn": 64500, "interfaces": {"eth0": "192.0.2.1/24"}, "routes": []}


def parent() -> tuple[VirtualNetwork, VirtualHost]:
    network = VirtualNetwork()
    return network, network.add_element("parent", lambda context: Parent(None, context))


def test_a_launched_element_is_linked_to_its_parent_and_its_end_is_told():
    network, host = parent()

    async def story() -> list[Any]:
        element = network.element("parent")
        await element.launch("kid")
        assert host.ports["to-kid"].mtu == 9001 and network.host("kid").ready
        request = arp.Packet(arp.REQUEST, bytes(6), ip_bytes("192.0.2.9"), bytes(6), ip_bytes("192.0.2.1"))
        frame = ethernet.Frame(b"\xff" * 6, b"\2" * 6, ethernet.ARP, arp.encode(request))
        host.ports["to-kid"].send(ethernet.encode(frame))
        await host.sleep(1)
        assert element.seen[-1][0] == "to-kid"
        await host.signal("kid", 15)
        await element.launch("kid")
        await host.signal("kid", 9)
        assert "kid" not in network.hosts and not host.ports
        return element.seen

    news = [one for one in network.run(story()) if not isinstance(one[1], bytes)]
    assert news[:3] == [("to-kid", True), ("to-kid", False), ("kid", 0)]
    assert news[3:] == [("to-kid", True), ("to-kid", False), ("kid", -9)]


def test_launched_elements_die_with_their_parent_and_names_are_not_given_twice():
    network, host = parent()

    async def story() -> None:
        element = network.element("parent")
        await element.launch("kid")
        with pytest.raises(CallFailed, match="there is an element 'kid' already"):
            await element.launch("kid")
        with pytest.raises(CallFailed, match="launched no 'parent'"):
            await host.signal("parent", 9)
        await network.restart("parent")
        assert list(network.hosts) == ["parent"] and not host.children
        await network.element("parent").launch("kid")

    network.run(story())


def test_what_cannot_be_launched_is_explained_and_leaves_nothing():
    network, host = parent()

    async def story() -> None:
        for kind, what in (("isp_as", "asn"), ("no_such_kind", "there is no actors/no_such_kind.py")):
            with pytest.raises(CallFailed, match=what):
                await host.launch("kid", kind, {}, port="x", link={})
        assert list(network.hosts) == ["parent"] and not host.ports

    network.run(story())

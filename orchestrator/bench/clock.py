"""Packet hops a second on the virtual clock, in one process, against SimPy moving packets through the same chain."""

import asyncio
import itertools
import time
from typing import Any

from actors.element import Element
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from orchestrator.bench.figures import Figure, in_turn
from orchestrator.bench.hops import ROUTERS, SINK, packet_for_chain, router_config

DELAY_S = 0.001
BURST = 20
PAUSE_S = 0.0005
SERVICE_S = 1e-6


class Sink(Element):
    """Counts what reaches it, and answers ARP."""

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__(config, context)
        self.stack = Stack(context)
        self.stack.add_interface("eth0", f"{SINK}/31")
        self.taken = 0

    def on_frame(self, port: str, frame: bytes) -> None:
        self.taken += 1
        self.stack.on_frame(port, frame)


class Source(Element):
    """Sends what it is told to, and listens to nothing."""

    def on_frame(self, port: str, frame: bytes) -> None: ...


def _chain() -> VirtualNetwork:
    network = VirtualNetwork(seed=1)
    network.add_element("source", lambda context: Source(None, context))
    network.add_element("sink", lambda context: Sink(None, context))
    for number in range(ROUTERS):
        network.add(f"router-{number}", "isp_as", router_config(number))
    ends = [("source", "eth0")]
    for number in range(ROUTERS):
        ends += [(f"router-{number}", "left"), (f"router-{number}", "right")]
    ends.append(("sink", "eth0"))
    for number in range(ROUTERS + 1):
        network.link(f"link-{number}", ends[2 * number], ends[2 * number + 1], delay=f"{DELAY_S * 1e6:.0f}us")
    return network


def routers_hops_per_s(packets: int) -> float:
    """Our routers, on our clock."""
    network, frame = _chain(), packet_for_chain()

    async def story() -> float:
        host, sink = network.host("source"), network.element("sink")
        port = host.ports["eth0"]
        while not sink.taken:  # until every router knows its neighbour
            port.send(frame)
            await asyncio.sleep(1)
        taken, began = sink.taken, time.perf_counter()
        for _ in range(packets // BURST):
            for _ in range(BURST):
                port.send(frame)
            await asyncio.sleep(PAUSE_S)
        await asyncio.sleep(1)
        return (sink.taken - taken) * (ROUTERS + 1) / (time.perf_counter() - began)

    return network.run(story())


def simpy_hops_per_s(packets: int) -> float:
    """The same chain as SimPy processes with a Store each: a packet is an object that waits and is handed on."""
    import simpy

    env = simpy.Environment()
    stores = [simpy.Store(env) for _ in range(ROUTERS + 2)]
    taken = 0

    def hop(source: Any, target: Any) -> Any:
        while True:
            packet = yield source.get()
            yield env.timeout(SERVICE_S)
            target.put(packet)

    def source() -> Any:
        for number in range(packets // BURST):
            for _ in range(BURST):
                stores[0].put(number)
            yield env.timeout(PAUSE_S)

    def sink() -> Any:
        nonlocal taken
        while True:
            yield stores[-1].get()
            taken += 1

    for one, other in itertools.pairwise(stores):
        env.process(hop(one, other))
    env.process(source())
    env.process(sink())
    began = time.perf_counter()
    env.run(until=packets / BURST * PAUSE_S + 1)
    return taken * (ROUTERS + 1) / (time.perf_counter() - began)


def measure(packets: int, rounds: int) -> Figure:
    """Our clock against SimPy's, in turn."""
    value, reference = in_turn(rounds, lambda: routers_hops_per_s(packets), lambda: simpy_hops_per_s(packets))
    return Figure(
        "virtual_hops_per_s", "hops, virtual clock", "/s", value, reference, "SimPy, same chain", 0.7
    )

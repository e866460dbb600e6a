"""A rehearsal before the fork: the code that every element runs is run once where all will share the result.

CPython adapts bytecode to what it meets, in place. Done after the fork this makes each process its own copy of the
pages that the code lies in, a megabyte and more; done before, they stay shared, and the first packets are not slow.
"""

import asyncio
from typing import Any

from actors.element import Context, Element
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from actors.wire.addresses import mac_for, mac_text

POD_KIND = "nginx_pod"
POD, GATEWAY = "10.0.0.2", "169.254.1.1"
CONNECTIONS, REQUESTS = 16, 3
"""CPython looks at code again after some eight calls."""
REQUEST = b"GET / HTTP/1.1\r\nHost: 10.0.0.2\r\nUser-Agent: rehearsal\r\n\r\n"


class Stage(Element):
    """Plays the node that a pod asks for its sandbox, and a client on it."""

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context)
        self.stack.add_interface("pod", f"{GATEWAY}/32")
        self.stack.add_route(f"{POD}/32", "pod")

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)

    async def call_sandbox(self, pod: str) -> dict[str, Any]:
        gateway_mac = mac_text(mac_for("stage", "pod"))
        return {"address": f"{POD}/32", "gateway": GATEWAY, "gateway_mac": gateway_mac, "mtu": 1500}

    async def call_play(self) -> None:
        """Ask the pod for its page, on one connection after another."""
        for _ in range(CONNECTIONS):
            await self._visit()

    async def _visit(self) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await self.stack.create_connection(
            lambda: asyncio.StreamReaderProtocol(reader), POD, 80
        )
        for _ in range(REQUESTS):
            transport.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
        transport.close()
        await self.context.sleep(1)


def rehearse() -> None:
    """A pod, its node and a client, on the virtual clock: pods are what a world has hundreds of. Takes some 20 ms."""
    network = VirtualNetwork()
    service_time = {"distribution": "constant", "value": "1ms"}
    network.add("pod", POD_KIND, {"node": "stage", "pod": "default/rehearsal", "service_time": service_time})
    network.add_element("stage", lambda context: Stage(None, context))
    network.link("veth", ("stage", "pod"), ("pod", "eth0"), delay="5us")
    network.run(network.host("stage").answer("play", {}))

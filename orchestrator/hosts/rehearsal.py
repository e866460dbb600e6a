"""A rehearsal before the fork: the code that every element runs is run once where all will share the result.

CPython adapts bytecode to what it meets, in place, and counts references to whatever it calls. After the fork this
makes each process its own copy of the pages that the code lies in. So code is run before, and what is used of it is
moved together: fewer pages are copied, and the first packets are not slow.
"""

import asyncio
import contextlib
import gc
import marshal
import os
import selectors
import signal
import sys
from asyncio import runners, selector_events
from types import CodeType, FunctionType
from typing import Any

from zmq.sugar import attrsettr, context, socket

from actors.element import Context, Element
from actors.links import impairments, port, zeromq
from actors.runtime import control_line, costs, host, join, metrics, open_calls, port_metrics, process
from actors.runtime.virtual import VirtualNetwork
from actors.stack import Stack
from actors.wire.addresses import mac_for, mac_text

RUNTIME = {
    module.__name__
    for module in (
        *(attrsettr, context, socket, impairments, port, zeromq),
        *(control_line, costs, host, join, metrics, open_calls, port_metrics, process),
        *(runners, selector_events, selectors),
    )
}
"""What the virtual clock does without."""

POD_KIND = "nginx_pod"
POD, GATEWAY = "10.0.0.2", "169.254.1.1"
CONNECTIONS, REQUESTS = 10, 3
"""CPython looks at code again after some eight calls."""
REQUEST = b"GET / HTTP/1.1\r\nHost: 10.0.0.2\r\nUser-Agent: rehearsal\r\n\r\n"


class Stage(Element):
    """Plays the node that runs a pod, and a client on it."""

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.stack = Stack(context)
        self.stack.add_interface("pod", f"{GATEWAY}/32")
        self.stack.add_route(f"{POD}/32", "pod")

    def on_frame(self, port: str, frame: bytes) -> None:
        self.stack.on_frame(port, frame)

    async def call_play(self, connections: int, image: dict[str, Any]) -> None:
        """Have the pod start nginx, and ask it for its page, on one connection after another."""
        gateway_mac = mac_text(mac_for("stage", "pod"))
        network = {"address": f"{POD}/32", "gateway": GATEWAY, "gateway_mac": gateway_mac, "mtu": 1500}
        await self.context.call("pod", "set_up_network", **network)
        run: dict[str, Any] = {"command": [], "args": [], "env": {}, "log_path": "logs/rehearsal.log"}
        await self.context.call("pod", "start_container", name="nginx", container_id="0", image=image, **run)
        for _ in range(connections):
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
    """A pod, its node and a client, on the virtual clock: pods are what a world has hundreds of. Takes some 50 ms."""
    used: set[CodeType] = set()
    sys.setprofile(lambda frame, event, argument: used.add(frame.f_code))
    try:
        _play(connections=1)
        asyncio.run(_wait())
    finally:
        sys.setprofile(None)
    _move_together(used)
    _play(CONNECTIONS)
    for _ in range(CONNECTIONS):
        asyncio.run(_wait())


async def _wait() -> None:
    """What processes do of which the virtual clock knows nothing: signals, descriptors, and waiting in real time."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, int)
    read, write = os.pipe()
    loop.add_reader(read, int)
    never = loop.create_task(asyncio.Event().wait())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.0001):
            await asyncio.wait({never}, return_when=asyncio.FIRST_COMPLETED)
    never.cancel()
    loop.remove_reader(read)
    loop.remove_signal_handler(signal.SIGHUP)
    os.close(read)
    os.close(write)


def _move_together(used: set[CodeType]) -> None:
    """Copy code that is in use to fresh memory, side by side. Each call writes to it (reference counts, caches), so
    where it lies scattered among code that is never called, every process gets its own copy of all those pages."""
    for function in gc.get_objects():
        if type(function) is FunctionType and (function.__code__ in used or function.__module__ in RUNTIME):
            function.__code__ = _copy(function.__code__)


def _copy(code: CodeType) -> CodeType:
    """The same code in fresh memory, with its constants: each time one is used its references are counted, too."""
    return code.replace(co_consts=tuple(_fresh(constant) for constant in code.co_consts))


def _fresh(constant: Any) -> Any:
    return _copy(constant) if type(constant) is CodeType else marshal.loads(marshal.dumps(constant))


def _play(connections: int) -> None:
    network = VirtualNetwork()
    image = {"program": "nginx", "service_time": {"distribution": "constant", "value": "1ms"}}
    network.add("pod", POD_KIND, {"node": "stage", "pod": "default/rehearsal"})
    network.add_element("stage", lambda context: Stage(None, context))
    network.link("veth", ("stage", "pod"), ("pod", "eth0"), delay="5us")
    network.run(network.host("stage").answer("play", {"connections": connections, "image": image}))

"""How an element joins a world, whoever started it: it knows its name and the orchestrator's control address.

    element                          orchestrator
    hello(name, pid)            ->
                                <-   welcome(kind, config, seed, links, endpoints, directory, ...)
    bound(endpoint)             ->                                        (its inbox is open)
                                <-   start(endpoints)                     (all inboxes are open; where, if over tcp)
    listening                   ->                                        (the element takes frames)
                                <-   carrier(port, up) for each neighbour that listens, and to each neighbour
    ready | failed(why)         ->
    call launch, signal         ->                    (with no element named: the orchestrator answers)
                                <-   plug(port, link, ...) as its inbox opens, exited(name, status)
                                <-   moved(peer, endpoint)                (a neighbour's inbox is elsewhere now)
    address(name, url)          ->                    (it serves real programs there)
    beat(metrics) each second, records, frames, call, result  <->  call, result, carrier, tap, flush, stop

Messages are msgpack maps with the key `t`, over a DEALER socket here and a ROUTER socket there; what is said in one
turn of the event loop goes out as one array. A call's arguments and its value are packed once more, so that the
orchestrator passes them on without looking inside. What is malformed is counted and dropped.
"""

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path
from typing import Any

import msgpack
import zmq

from actors.element import CallFailed, load_kind
from actors.links.curve import Keys, keys_for
from actors.links.impairments import LinkConfig
from actors.runtime.control_line import BEAT_S, HELLO_S, hear
from actors.runtime.element_line import ElementLine, OverTheLine
from actors.runtime.process import Doors, ProcessHost

log = logging.getLogger("actors")

CONNECT_S = 0.5
"""How long to wait for neighbours; who is not there then is met later."""

MAX_SOCKETS = 16_384
"""A node has one for each of its pods, and libzmq would stop at 1,023. It sets memory aside for each, so that others
do with less."""


class Member:
    """This process's membership in a world: one element, and its line to the orchestrator."""

    def __init__(self, name: str, control: str, keys: Keys | None = None) -> None:
        """Raises `NoKeys` for a control address that needs some."""
        self.name = name
        self._keys = keys_for(control, keys)
        self._loop = asyncio.get_running_loop()
        self._line = ElementLine(control, self._keys, self._on_message)
        self._others = OverTheLine(self._line)
        self._post = self._others.post
        self._link_context = self._line.context
        self._host: ProcessHost | None = None
        self._welcome: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._started: asyncio.Future[dict[str, str]] = self._loop.create_future()
        self._over = asyncio.Event()
        self._answers: set[asyncio.Task[None]] = set()
        self.malformed = 0

    # ---- life -----------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Join, be the element until told to stop; returns the process's exit code."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._loop.add_signal_handler(number, self._over.set)
        with contextlib.suppress(asyncio.CancelledError):
            welcome = await self._be_welcomed()
            if welcome is None:
                return 0
            try:
                host = self._settle_in(welcome)
                await self._first_of(self._started)
                for neighbour, endpoint in self._started.result().items() if self._started.done() else ():
                    host.connect(neighbour, endpoint)
                await host.meet(CONNECT_S)
                config_class, element_class = load_kind(welcome["kind"])
                config = config_class.model_validate(welcome["config"])
                host.make(lambda context: element_class(config, context))
                host.listen()
                starting = self._loop.create_task(host.start())
                await asyncio.sleep(0)
                self._line.say({"t": "listening"})
                await self._first_of(starting)
            except Exception as error:
                log.exception("%s could not start", self.name)
                self._line.say({"t": "failed", "why": f"{type(error).__name__}: {error}"})
                return await self._leave(1)
            if not self._over.is_set():
                self._line.say({"t": "ready"})
                beats = self._loop.create_task(self._beat())
                await self._over.wait()
                beats.cancel()
        return await self._leave(0)

    async def _be_welcomed(self) -> dict[str, Any] | None:
        while not self._over.is_set():
            self._line.say({"t": "hello", "name": self.name, "pid": os.getpid()})
            with contextlib.suppress(asyncio.TimeoutError):
                async with asyncio.timeout(HELLO_S):
                    await self._first_of(self._welcome)
            if self._welcome.done():
                return self._welcome.result()
        return None

    async def _first_of(self, future: "asyncio.Future[Any]") -> None:
        """Wait for it, or for the end."""
        over = self._loop.create_task(self._over.wait())
        await asyncio.wait({future, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if future.done():
            future.result()

    def _settle_in(self, welcome: dict[str, Any]) -> ProcessHost:
        if load_kind(welcome["kind"])[1].launches:
            self._link_context = zmq.Context()
            self._link_context.set(zmq.MAX_SOCKETS, MAX_SOCKETS)
        host = ProcessHost(
            self.name,
            welcome["seed"],
            Path(welcome["directory"]),
            welcome["unix_offset_ns"],
            self._link_context,
            self._others,
            Doors(self._keys, **welcome.get("doors", {})),
        )
        bound = host.bind(welcome["bind"])
        for link in welcome["links"]:
            config = LinkConfig.model_construct(**link["config"])
            host.attach(link["port"], link["link"], config, tuple(link["peer"]), link["endpoint"])
        for link, faults in welcome.get("faults", {}).items():
            for fault, fields in faults.items():
                host.suffer(link, fault, fields)
        self._host = host
        self._line.say({"t": "bound", "endpoint": bound})
        return host

    async def _leave(self, code: int) -> int:
        if self._host is not None:
            await self._host.close()
        for task in self._answers:
            task.cancel()
        self._post.send_records()
        self._line.say({"t": "left"})
        self._line.close()
        self._link_context.term()
        return code

    async def _beat(self) -> None:
        while True:
            self._beat_now()
            due_s = self._loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            assert self._host is not None
            self._host.note_loop_lag(self._loop.time() - due_s)

    def _beat_now(self) -> None:
        assert self._host is not None
        self._host.metrics.counter("journey_runtime_malformed_control_total").value = self.malformed
        self._line.say({"t": "beat", "metrics": self._host.metrics.deltas()})

    # ---- what the orchestrator says --------------------------------------------------------------------------

    def _on_message(self, data: bytes) -> None:
        hear(self, data)

    def _on_welcome(self, message: dict[str, Any]) -> None:
        if not self._welcome.done():
            self._welcome.set_result(message)

    def _on_start(self, message: dict[str, Any]) -> None:
        if not self._started.done():
            self._started.set_result(message.get("endpoints", {}))

    def _on_stop(self, message: dict[str, Any]) -> None:
        self._over.set()

    def _on_call(self, message: dict[str, Any]) -> None:
        arguments = msgpack.unpackb(message["arguments"])
        task = self._loop.create_task(self._answer(message["id"], message["verb"], arguments))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, number: int, verb: str, arguments: dict[str, Any]) -> None:
        try:
            if self._host is None:
                raise CallFailed(f"{self.name} is not up yet")
            value = await self._host.answer(verb, arguments)
            self._post.send_records()
            self._line.say({"t": "result", "id": number, "value": msgpack.packb(value)})
        except CallFailed as error:
            self._line.say({"t": "result", "id": number, "error": str(error)})

    def _on_result(self, message: dict[str, Any]) -> None:
        self._others.calls.settle(message)

    def _on_flush(self, message: dict[str, Any]) -> None:
        self._post.send_records()
        self._post.send_frames()
        if self._host is not None and self._host.ready:
            self._beat_now()
        self._line.say({"t": "flushed", "id": message["id"]})

    def _on_carrier(self, message: dict[str, Any]) -> None:
        if self._host is not None:
            self._host.set_carrier(message["port"], bool(message["up"]))

    def _on_plug(self, message: dict[str, Any]) -> None:
        """An element that was launched from here has opened its inbox."""
        assert self._host is not None
        config = LinkConfig.model_construct(**message["config"])
        host, peer = self._host, tuple(message["peer"])
        port = host.attach(message["port"], message["link"], config, peer, message["endpoint"])
        self._post.tap(port)

    def _on_moved(self, message: dict[str, Any]) -> None:
        """A neighbour was started again, in a container that has another address."""
        if self._host is not None:
            self._host.connect(message["peer"], message["endpoint"])

    def _on_exited(self, message: dict[str, Any]) -> None:
        """An element that was launched from here has ended."""
        if self._host is not None:
            self._host.child_ended(message["name"], message["status"])

    def _on_tap(self, message: dict[str, Any]) -> None:
        assert self._host is not None
        self._post.look_at(message["links"])
        for port in self._host.ports.values():
            self._post.tap(port)


def log_to_stderr() -> None:
    """Where an element logs; a fork server has this done before it forks."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")


def run_element(name: str, control: str, keys: Keys | None = None) -> int:
    """Be the element of this name in the world behind the control address, until told to stop."""
    log_to_stderr()
    with asyncio.Runner() as runner:
        return runner.run(_member(name, control, keys))


async def _member(name: str, control: str, keys: Keys | None) -> int:
    return await Member(name, control, keys).run()

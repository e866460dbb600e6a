"""A container (or another machine) as a place where elements run: it offers itself, and forks what it is told to.

    outpost                              orchestrator
    outpost.offer(element | kind, host)  ->                         (again and again until there is an answer)
                                         <-   accepted(kind)            (whose code is loaded before it is wanted)
                                         <-   fork(name)
    outpost.forked(name, pid)            ->
                                         <-   signal(pid, number)
    outpost.exited(pid, status)          ->
    outpost.beat                         ->   each second; an orchestrator that does not know us says stop
    outpost.leaving                      ->   (told to end: may what runs here be moved first?)
                                         <-   stop                      (end what runs here; then offer anew)

What is forked joins the world by itself, as every element does (`join.py`). An offer for one element by name is for
that one alone; one for a kind is for whatever of that kind other elements launch: a pod, for a node's kubelet.
"""

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import msgpack
import zmq

from actors.element import load_kind
from actors.links.curve import Keys, keys_for
from actors.links.zeromq import DrainedSocket
from actors.runtime.join import BEAT_S, HELLO_S, hear, run_element

log = logging.getLogger("actors")

PR_SET_PDEATHSIG = 1
LEAVE_S = 20.0
"""How long what runs here may take to be moved elsewhere before the outpost ends regardless."""
STOP_S = 3.0
"""How long elements may take to go down in order."""


class Outpost:
    """Runs elements in child processes of this one, on the orchestrator's word."""

    def __init__(
        self, offer: dict[str, Any], control: str, keys: Keys | None, alive: Path | None = None
    ) -> None:
        """`offer` is `{"element": NAME}` or `{"kind": KIND}`; `alive` is touched as long as all is well."""
        self._offer, self._control, self._keys, self._alive = offer, control, keys, alive
        self._loop = asyncio.get_running_loop()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        socket = self._context.socket(zmq.DEALER)
        if (known := keys_for(control, keys)) is not None:
            known.call(socket, known.orchestrator)
        socket.connect(control)
        self._line = DrainedSocket(socket, self._on_message)
        self._children: dict[int, str] = {}
        self._accepted = self._leaving = self._stopping = False
        self._over = asyncio.Event()
        self._resetting: asyncio.Task[None] | None = None
        self.malformed = 0

    async def run(self) -> int:
        """Until told to stop, by the orchestrator or by a signal; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._leave)
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)
        pulse = self._loop.create_task(self._pulse())
        await self._over.wait()
        pulse.cancel()
        await self._end_children()
        self._line.close(linger_ms=200)
        self._context.term()
        return 0

    async def _pulse(self) -> None:
        while True:
            if not self._accepted:
                self._say("outpost.offer", **self._offer, host=socket.gethostname())
                await asyncio.sleep(HELLO_S)
                continue
            self._say("outpost.beat")
            if self._alive is not None and (self._children or "kind" in self._offer):
                self._alive.touch()
            await asyncio.sleep(BEAT_S)

    def _leave(self) -> None:
        """Whoever runs this container wants its end. Pods get the time to be replaced, other elements just end."""
        if self._leaving or not self._accepted or not self._children or "kind" not in self._offer:
            self._over.set()
            return
        self._leaving = True
        self._say("outpost.leaving")
        self._loop.call_later(LEAVE_S, self._over.set)

    async def _end_children(self) -> None:
        self._stopping = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            with contextlib.suppress(asyncio.TimeoutError):
                async with asyncio.timeout(STOP_S):
                    while self._children:
                        await asyncio.sleep(0.01)

    # ---- children ----------------------------------------------------------------------------------------------

    def _fork(self, name: str) -> None:
        if self._stopping:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become(name, self._control, self._keys)
        self._children[pid] = name
        self._say("outpost.forked", name=name, pid=pid)

    def _reap(self) -> None:
        for pid in list(self._children):
            with contextlib.suppress(ChildProcessError):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    del self._children[pid]
                    self._say("outpost.exited", pid=pid, status=os.waitstatus_to_exitcode(status))
        if self._leaving and not self._children:
            self._over.set()

    # ---- what the orchestrator says ------------------------------------------------------------------------------

    def _say(self, what: str, /, **message: Any) -> None:
        with contextlib.suppress(zmq.Again):
            self._line.socket.send(msgpack.packb([{"t": what, **message}]), zmq.NOBLOCK)
        self._line.look_again()

    def _on_message(self, data: bytes) -> None:
        hear(self, data)

    def _on_accepted(self, message: dict[str, Any]) -> None:
        if not self._accepted:
            load_kind(message["kind"])
            gc.collect()
            gc.freeze()
        self._accepted = True

    def _on_fork(self, message: dict[str, Any]) -> None:
        self._fork(str(message["name"]))

    def _on_signal(self, message: dict[str, Any]) -> None:
        pid, number = int(message["pid"]), int(message["number"])
        if pid in self._children:
            os.kill(pid, number)

    def _on_stop(self, message: dict[str, Any]) -> None:
        """The world ends, or is another one now. The container stays: its engine knows when its time has come."""
        if self._leaving:
            self._over.set()
        elif not self._stopping:
            self._resetting = self._loop.create_task(self._reset())

    async def _reset(self) -> None:
        await self._end_children()
        self._stopping = self._accepted = False


def _become(name: str, control: str, keys: Keys | None) -> None:
    """The child's whole life: an element that ends with its outpost. Nothing of the parent's is closed in order here,
    for its sockets are the parent's; their descriptors alone are let go of."""
    code = 1
    try:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        code = run_element(name, control, keys)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def run_outpost(offer: dict[str, Any], control: str, keys: Keys | None, alive: Path | None = None) -> int:
    """Be an outpost of the world behind the control address, until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    with asyncio.Runner() as runner:
        return runner.run(_outpost(offer, control, keys, alive))


async def _outpost(offer: dict[str, Any], control: str, keys: Keys | None, alive: Path | None) -> int:
    return await Outpost(offer, control, keys, alive).run()

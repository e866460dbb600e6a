"""A container (or another machine) as a place where elements run: it offers itself, and forks what it is told to.

    outpost                              orchestrator
    outpost.offer(element | kind, host)  ->                         (again and again until there is an answer)
                                         <-   accepted(kind)            (a child loads its code, and stands by)
                                         <-   fork(name)
    outpost.forked(name, pid)            ->
                                         <-   signal(pid, number)
    outpost.exited(pid, status)          ->
    outpost.beat                         ->   each second; an orchestrator that does not know us says stop
    outpost.leaving                      ->   (told to end: may what runs here be moved first?)
                                         <-   stop                      (end what runs here; then offer anew)

What is forked joins the world by itself, as every element does (`join.py`). An offer for one element by name is for
that one alone; one for a kind is for whatever of that kind other elements launch: a pod, for a node's kubelet.

There is one outpost for each container, so it is small: no asyncio, no logging, nothing that only elements need.
"""

import contextlib
import os
import signal
import socket
import time
from typing import Any

import msgpack
import zmq

from actors.links.curve import Keys, keys_for
from actors.runtime.children import Children
from actors.runtime.control_line import BEAT_S, HELLO_S, hear

LEAVE_S = 20.0
"""How long what runs here may take to be moved elsewhere before the outpost ends regardless."""


class Outpost:
    """Runs elements in child processes of this one, on the orchestrator's word."""

    def __init__(
        self, offer: dict[str, Any], control: str, keys: Keys | None, alive: str | None = None
    ) -> None:
        """`offer` is `{"element": NAME}` or `{"kind": KIND}`; `alive` is touched as long as all is well."""
        self._offer, self._alive = offer, alive
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._line = self._context.socket(zmq.DEALER)
        if (known := keys_for(control, keys)) is not None:
            known.call(self._line, known.orchestrator)
        self._line.connect(control)
        self._children = Children(control, keys)
        self._kind: str | None = None
        """What runs here, once the offer has been accepted."""
        self._leaving = self._over = False
        self._leave_by = self._speak_at = time.monotonic()
        self._signals = _signals_of(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        self.malformed = 0

    def run(self) -> int:
        """Until told to stop, by the orchestrator or by a signal; returns the exit code."""
        poller = zmq.Poller()
        poller.register(self._line, zmq.POLLIN)
        poller.register(self._signals, zmq.POLLIN)
        while not self._over:
            now = time.monotonic()
            if now >= self._speak_at:
                self._speak(now)
            poller.poll(int(max(self._speak_at - now, 0) * 1000) + 1)
            self._take_signals()
            self._listen()
            if self._leaving and (not self._children.running or now >= self._leave_by):
                self._over = True
        self._end_children()
        self._line.close(linger=200)
        self._context.term()
        return 0

    def _speak(self, now: float) -> None:
        self._speak_at = now + (HELLO_S if self._kind is None else BEAT_S)
        if self._kind is None:
            self._say("outpost.offer", **self._offer, host=socket.gethostname())
            return
        if self._alive is not None and (self._children.running or "kind" in self._offer):
            with open(self._alive, "ab"):
                os.utime(self._alive)
        self._say("outpost.beat")

    def _take_signals(self) -> None:
        numbers = b""
        with contextlib.suppress(BlockingIOError):
            numbers = os.read(self._signals, 4096)
        if signal.SIGCHLD in numbers:
            for pid, status in self._children.reap():
                self._say("outpost.exited", pid=pid, status=status)
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._leave()

    def _leave(self) -> None:
        """Whoever runs this container wants its end. Pods get the time to be replaced, other elements just end."""
        if self._leaving or self._kind is None or not self._children.running or "kind" not in self._offer:
            self._over = True
            return
        self._leaving = True
        self._leave_by = time.monotonic() + LEAVE_S
        self._say("outpost.leaving")

    def _end_children(self) -> None:
        for pid, status in self._children.end():
            self._say("outpost.exited", pid=pid, status=status)

    # ---- what the orchestrator says ------------------------------------------------------------------------------

    def _say(self, what: str, /, **message: Any) -> None:
        with contextlib.suppress(zmq.Again):
            self._line.send(msgpack.packb([{"t": what, **message}]), zmq.NOBLOCK)

    def _listen(self) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                hear(self, self._line.recv(zmq.NOBLOCK))

    def _on_accepted(self, message: dict[str, Any]) -> None:
        if self._kind is None:
            self._kind = str(message["kind"])
            self._children.stand_by(self._kind)

    def _on_fork(self, message: dict[str, Any]) -> None:
        if self._kind is not None:
            name = str(message["name"])
            self._say("outpost.forked", name=name, pid=self._children.run(self._kind, name))

    def _on_signal(self, message: dict[str, Any]) -> None:
        self._children.signal(int(message["pid"]), int(message["number"]))

    def _on_stop(self, message: dict[str, Any]) -> None:
        """The world ends, or is another one now. The container stays: its engine knows when its time has come."""
        if self._leaving:
            self._over = True
        elif self._kind is not None:
            self._end_children()
            self._kind = None


def _signals_of(*numbers: signal.Signals) -> int:
    """A descriptor from which to read a byte for each of these signals that comes."""
    read, write = os.pipe()
    for end in (read, write):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(write)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return read


def run_outpost(offer: dict[str, Any], control: str, keys: Keys | None, alive: str | None = None) -> int:
    """Be an outpost of the world behind the control address, until told to stop."""
    return Outpost(offer, control, keys, alive).run()

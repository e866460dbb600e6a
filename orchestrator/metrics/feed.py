"""The orchestrator's side of the exporter: starts its process once somebody wants metrics, and feeds it deltas.

Messages are msgpack maps, written to a pipe one after another: `who` (an element, with the fields of `Who`), `deltas`
(as elements report them, each second), `ended` (its process; its `heir` if it is gone for good), and once `caught_up`:
what was known before has been told, so that scrapes can be answered without looking like a restart.
The socket that Prometheus comes to is opened here, so its address is known before there is anybody to answer; an
exporter that dies is started again on the same socket, and told everything that is known.
"""

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgpack

from orchestrator.directory import WorldFailed
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.merging import Who

log = logging.getLogger("orchestrator")

HOST, PORT = "127.0.0.1", 9464
"""OpenTelemetry's port for Prometheus exporters."""

OFF = "off"
"""In place of an address: nowhere."""

TRIES = 100
MOST_UNREAD = 64 << 20
"""Bytes that an exporter may be behind before it is given up and started anew."""

LAUNCH_S = 1.0
"""The exporter starts, or starts again, so much later: a world that has just come up has a first request to answer.
Whoever asks meanwhile is answered then."""


class PortTaken(WorldFailed):
    """Somebody listens already where something was to be served."""


def listen(address: str | None) -> socket.socket:
    """A listening socket there, `HOST:PORT`; None is 127.0.0.1:9464 or the next free port.

    Raises `PortTaken`."""
    host, _, port = (address or f"{HOST}:{PORT}").rpartition(":")
    tries = TRIES if address is None else 1
    for each in range(int(port), int(port) + tries):
        opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host.strip("[]"), each))
        except OSError as error:
            opened.close()
            problem = error
            continue
        opened.listen(128)
        if each != int(port):
            log.warning("port %s is taken: metrics are at %s:%d", port, host, each)
        return opened
    raise PortTaken(f"metrics cannot be served at {host}:{port}: {problem.strerror}")


class Feed:
    """One exporter process, and what it is told."""

    def __init__(self, directory: Path, ledger: Ledger, known: dict[str, Who]) -> None:
        """`ledger` and `known` are the world's: what a new exporter is told first."""
        self._directory, self._ledger, self._known = directory, ledger, known
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: asyncio.WriteTransport | None = None
        self._watch: asyncio.Task[None] | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The exporter's process, if there is one."""
        return self._process.pid if self._process else None

    async def start(self, address: str | None) -> str:
        """Have metrics served; returns the address. Raises `PortTaken`."""
        self._socket = listen(address)
        host, port = self._socket.getsockname()[:2]
        self._watch = asyncio.create_task(self._keep(), name="exporter")
        return f"http://{host}:{port}/metrics"

    async def stop(self) -> None:
        """End the exporter, and wait until it is gone."""
        if self._watch is not None:
            self._watch.cancel()
        if self._socket is not None:
            self._socket.close()
        await self._end()

    # ---- what is told --------------------------------------------------------------------------------------------

    def who(self, who: Who) -> None:
        """An element has joined."""
        self._tell({"t": "who", **asdict(who)})

    def deltas(self, element: str, deltas: dict[str, Any]) -> None:
        """An element has reported."""
        self._tell({"t": "deltas", "element": element, "deltas": deltas})

    def ended(self, element: str, heir: str | None) -> None:
        """An element's process has ended; see `Ledger.ended`."""
        self._tell({"t": "ended", "element": element, "heir": heir})

    def _tell(self, message: dict[str, Any]) -> None:
        pipe = self._pipe
        if pipe is None or pipe.is_closing():
            return
        if pipe.get_write_buffer_size() > MOST_UNREAD:
            log.warning("the metrics exporter does not read; it is started anew")
            pipe.abort()
            if self._process is not None:
                self._process.kill()  # it may hang for good, and would take connections that its heir could answer
            return
        pipe.write(msgpack.packb(message))

    # ---- its process ---------------------------------------------------------------------------------------------

    def _spawn(self, read_fd: int) -> "subprocess.Popen[bytes]":
        assert self._socket is not None
        socket_fd = self._socket.fileno()
        with open(self._directory / "logs" / "exporter.log", "ab") as log_file:
            return subprocess.Popen(
                [sys.executable, "-m", "orchestrator.metrics.exporter", str(socket_fd), str(read_fd)],
                pass_fds=[socket_fd, read_fd],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,
            )

    async def _launch(self) -> None:
        read_fd, write_fd = os.pipe()
        self._process = self._spawn(read_fd)
        os.close(read_fd)
        loop = asyncio.get_running_loop()
        self._pipe, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(write_fd, "wb", 0))
        self.starts += 1
        for who in self._known.values():
            self.who(who)
        for element in self._ledger.elements():
            self.deltas(element, self._ledger.everything(element))
        self._tell({"t": "caught_up", "element": ""})

    async def _keep(self) -> None:
        """Start the exporter, and again when it has ended."""
        while True:
            await asyncio.sleep(LAUNCH_S)
            if self._process is not None and self._process.poll() is not None:
                code = self._process.returncode
                log.warning("the metrics exporter has ended with %s; it is started again", code)
                await self._end()
            if self._process is None:
                await self._launch()

    async def _end(self) -> None:
        if self._pipe is not None and not self._pipe.is_closing():  # asyncio fails to close one twice
            self._pipe.abort()
        self._pipe = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, 2)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._process = None

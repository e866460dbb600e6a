"""This machine as a host for elements: talks to the fork server."""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from actors.links.curve import Keys
from orchestrator.directory import inbox

MOST_FILES = 65_536


def allow_many_files() -> None:
    """As many open files as the system lets this process have, and those it starts: a world has many sockets."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class HostFailed(RuntimeError):
    """The fork server could not be started, or has died."""


class LocalHost:
    """Starts elements on this machine through a fork server, and tells at once when one ends."""

    keys: Keys | None = None
    start_s = 30.0
    doors: dict[str, Any] = {}

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self._spawned: dict[str, asyncio.Future[int]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._ours: socket.socket | None = None
        self.on_exit: Callable[[int, int], None] = lambda pid, status: None
        """Called with the process id and exit status (negative: the signal) of each element that ends."""
        self.on_loss: Callable[[], None] = lambda: None
        """Called when the fork server itself has died, and every element with it."""

    def launch(self) -> None:
        """Start the fork server, unless it is started already; it loads what every element needs meanwhile."""
        if self._process is not None:
            return
        self._ours, theirs = socket.socketpair()  # known first: the fork server ends when this end is closed
        self._ours.setblocking(False)
        with theirs, open(self.directory / "logs" / "forkserver.log", "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "orchestrator.hosts", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def warm_up(self, kinds: Iterable[str]) -> None:
        """Have the fork server load these kinds of elements, while its owner does other things."""
        assert self._ours is not None
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._ours)
        self._say(owns=str(self.directory))
        self._say(warm=list(kinds))

    async def ready(self) -> None:
        """Wait until elements can be spawned. Raises `HostFailed`."""
        assert self._reader is not None
        try:
            hello = await self._reader.readline()
        except ConnectionError:
            hello = b""
        if not hello:
            words = (self.directory / "logs" / "forkserver.log").read_text(errors="replace").strip()
            raise HostFailed(f"the fork server did not start: {words.rpartition(chr(10))[2]}")
        self._watch = asyncio.create_task(self._listen(), name="fork server")

    def abandon(self) -> None:
        """There will be no world after all: end the fork server and remove the directory."""
        if self._ours is not None:
            self._ours.close()
        if self._process is not None:
            self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def control(self) -> str:
        return f"ipc://{self.directory}/control.sock"

    def inbox(self, element: str) -> str:
        return inbox(self.directory, element)

    def attach(self, registry: Any) -> None:
        """Elements join by themselves, and a pid says all."""

    def told(self, pid: int) -> dict[str, Any]:
        """What `ps` shows of a process."""
        return {"pid": pid}

    async def spawn(self, name: str, control: str, launched_kind: str | None = None) -> int:
        """Start the element of this name; returns its process id."""
        future = self._spawned[name] = asyncio.get_running_loop().create_future()
        self._say(spawn=name, control=control, log=str(self.directory / "logs" / f"{name}.log"))
        return await future

    def kill(self, pid: int, number: int) -> None:
        """Send a signal to an element's process."""
        os.kill(pid, number)

    async def close(self) -> None:
        """End every element and the fork server, and wait until they are gone."""
        if self._writer is not None:
            self._writer.close()
        elif self._ours is not None:
            self._ours.close()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)
        if self._watch is not None:
            self._watch.cancel()

    def _say(self, **message: Any) -> None:
        assert self._writer is not None
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def _listen(self) -> None:
        assert self._reader is not None
        async for line in self._reader:
            message = json.loads(line)
            if "spawned" in message:
                self._spawned.pop(message["spawned"]).set_result(message["pid"])
            else:
                self.on_exit(message["exited"], message["status"])
        for future in self._spawned.values():
            future.set_exception(HostFailed("the fork server has died"))
        self.on_loss()

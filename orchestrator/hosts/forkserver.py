"""The fork server: imports what the world's elements need once, then forks an element whenever it is asked to.

Run as `python -m orchestrator.hosts.forkserver FD`, FD being a connected Unix socket. Lines of JSON come in,
`{"warm": [KIND, ...]}` and then `{"spawn": NAME, "control": ADDRESS, "log": FILE}`, and go out, `{"ready": PID}` once
those kinds are loaded, `{"spawned": NAME, "pid": N}`, `{"exited": PID, ...}`.
When the other end is closed, however that came about, all elements are ended and the run directory is removed if it
was named in a `{"owns": DIRECTORY}`: nothing outlives the orchestrator. Elements ask the kernel to end them should the
fork server itself be killed.

Before it is told which kinds a world has it loads all that there are, and rehearses a pod, while the orchestrator reads
the world's file.
It has one thread and no event loop, ZeroMQ context or open file besides that socket: a fork is a clean copy.
"""

import contextlib
import ctypes
import gc
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from actors.element import load_kind
from actors.runtime.join import log_to_stderr, run_element
from orchestrator.config.kinds import kind_names
from orchestrator.hosts.rehearsal import POD_KIND, rehearse

PR_SET_PDEATHSIG = 1
GRACE_S = 1.5
COLLECT = (20_000, 20, 20)
"""When elements look for cyclic garbage: they make little of it, and what they were forked with is frozen."""


class ForkServer:
    """Forks elements on demand and tells of their ends."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._buffer = b""
        self._elements: set[int] = set()
        self._owned: str | None = None
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.setblocking(False)

    def serve(self) -> None:
        """Work until the line is closed; then end everything."""
        signal.set_wakeup_fd(self._wake_write.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self._line.shutdown(socket.SHUT_RD))
        with selectors.DefaultSelector() as selector:
            selector.register(self._line, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._wake_read:
                        self._reap()
                    elif not self._listen():
                        self._end()
                        return

    def _listen(self) -> bool:
        data = self._line.recv(65536)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "spawn" in request:
                self._spawn(request["spawn"], request["control"], request["log"])
            elif "warm" in request:
                warm_up(request["warm"])
                self._say({"ready": os.getpid()})
            else:
                self._owned = request["owns"]
        return bool(data)

    def _spawn(self, name: str, control: str, log: str) -> None:
        pid = os.fork()
        if pid == 0:
            self._become(name, control, log)
        self._elements.add(pid)
        self._say({"spawned": name, "pid": pid})

    def _become(self, name: str, control: str, log: str) -> None:
        code = 1
        try:
            parent = os.getppid()
            if self._libc is not None:
                self._libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:
                    os._exit(1)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            for end in (self._line, self._wake_read, self._wake_write):
                end.close()
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(file, 1)
            os.dup2(file, 2)
            os.close(file)
            set_process_name(self._libc, name)
            gc.set_threshold(*COLLECT)
            code = run_element(name, control)
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            with contextlib.suppress(OSError):
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_read.recv(4096):
                pass
        for pid, status in finished():
            self._elements.discard(pid)
            self._say({"exited": pid, "status": status})

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._line.sendall(json.dumps(message).encode() + b"\n")

    def _end(self) -> None:
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while self._elements and time.monotonic() < deadline:
            for pid, _ in finished():
                self._elements.discard(pid)
            time.sleep(0.01)
        self._signal_all(signal.SIGKILL)
        while self._elements:
            self._elements.discard(os.wait()[0])
        if self._owned is not None:
            shutil.rmtree(self._owned, ignore_errors=True)

    def _signal_all(self, number: int) -> None:
        for pid in self._elements:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def finished() -> list[tuple[int, int]]:
    """Children that have ended since the last call, with their exit codes (minus the signal's number if killed)."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended.append((pid, os.waitstatus_to_exitcode(status)))
    return ended


def set_process_name(libc: ctypes.CDLL | None, name: str) -> None:
    """Show the element's name in `ps` and `top` (Linux: 15 bytes)."""
    if libc is not None:
        libc.prctl(15, name.encode()[:15], 0, 0, 0)


def warm_up(kinds: Iterable[str]) -> None:
    """Load these kinds of elements and all that they need, so that a forked one starts with everything there."""
    for kind in kinds:
        load_kind(kind)
    gc.collect()
    gc.freeze()
    _FILLING.extend(fill_holes())


_FILLING: list[bytes] = []


def fill_holes() -> Iterator[bytes]:
    """Objects that fill what is free in CPython's pools of small objects. A forked element would put its own there, one
    here and one there, and get a copy of each page; so its objects lie together on pages of their own."""
    header = sys.getsizeof(b"")
    for size in range(48, 513, 16):
        for _ in range((160_000 if size <= 64 else 40_000) // size + 50):
            yield bytes(size - header)


def prepare() -> None:
    """Load every kind that there is, and rehearse what pods run; what does not load matters only to worlds that want
    it, and they are told by `warm_up`."""
    log_to_stderr()
    loaded = set()
    for kind in kind_names():
        with contextlib.suppress(Exception):
            load_kind(kind)
            loaded.add(kind)
    if POD_KIND in loaded:
        rehearse()


def main() -> None:
    prepare()
    ForkServer(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()

"""Between a shell's TUN device and the laptop: packets of the kernel one way, of the emulated Internet the other."""

import contextlib
import errno
import json
import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.shell.namespace import Forbidden, Guest

RECONNECT_S = 0.2
WELCOME_S = 20.0
MOST_PACKETS = 64
"""Of one turn, after which the other direction has its turn."""
Door = Callable[[], Path]
"""Has the laptop open its door for shells, if it is not open; where it is. Raises OSError while it cannot be asked."""

MAX_PACKET = 65_536
MOST_WAITING_BYTES = 1 << 20
"""Towards the laptop; while more waits the kernel's own queue fills, and drops."""


def join(path: Path, address: str | None = None) -> tuple[socket.socket, Guest, bytes]:
    """Come to the laptop's door, with the address that one had before: the tunnel, what one is given, and what has come
    behind that. Raises OSError, and `Forbidden` when the laptop has no place."""
    tunnel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        tunnel.settimeout(WELCOME_S)
        tunnel.connect(str(path))
        tunnel.sendall(json.dumps({} if address is None else {"address": address}).encode() + b"\n")
        heard = b""
        while b"\n" not in heard:
            data = tunnel.recv(65_536)
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, "the laptop has hung up")
            heard += data
        line, _, rest = heard.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            raise Forbidden(told["error"])
        tunnel.setblocking(False)
        return tunnel, Guest.of(told), rest
    except BaseException:
        tunnel.close()
        raise


class Relay:
    """Carries packets until the shell has ended. A laptop that dies and comes back is joined again."""

    def __init__(self, tun: int, tunnel: socket.socket, heard: bytes, door: Door, guest: Guest) -> None:
        self._tun, self._door, self._guest = tun, door, guest
        self._tunnel: socket.socket | None = tunnel
        self._heard = heard
        self._out = b""
        self._retry_s = 0.0

    def run(self, ended: int) -> None:
        """Until the file descriptor `ended` is readable."""
        while True:
            poll = select.poll()
            poll.register(ended, select.POLLIN)
            if len(self._out) < MOST_WAITING_BYTES:
                poll.register(self._tun, select.POLLIN)
            if self._tunnel is not None:
                poll.register(self._tunnel, select.POLLIN | (select.POLLOUT if self._out else 0))
            ready = {fd for fd, _ in poll.poll(None if self._tunnel is not None else RECONNECT_S * 1000)}
            if ended in ready:
                return
            if self._tun in ready:
                self._from_kernel()
            self._with_tunnel(ready)

    def close(self) -> None:
        if self._tunnel is not None:
            self._tunnel.close()
        os.close(self._tun)

    def _with_tunnel(self, ready: set[int]) -> None:
        if self._tunnel is None:
            self._join_again()
            return
        try:
            if self._tunnel.fileno() in ready:
                self._from_laptop(self._tunnel)
            self._flush(self._tunnel)
        except OSError:
            self._tunnel.close()
            self._tunnel, self._out, self._heard = None, b"", b""

    def _join_again(self) -> None:
        now_s = time.monotonic()
        if now_s < self._retry_s:
            return
        self._retry_s = now_s + RECONNECT_S
        self._out = b""  # of whoever sends while nobody is there, nothing arrives
        with contextlib.suppress(OSError, Forbidden):
            tunnel, guest, self._heard = join(self._door(), self._guest.address)
            if guest.address != self._guest.address:
                tunnel.close()  # somebody else has it now, until they leave
                return
            self._tunnel = tunnel

    def _from_kernel(self) -> None:
        out: list[bytes] = []
        with contextlib.suppress(BlockingIOError):
            for _ in range(MOST_PACKETS):
                packet = os.read(self._tun, MAX_PACKET)
                out += (len(packet).to_bytes(2), packet)
        self._out += b"".join(out)

    def _flush(self, tunnel: socket.socket) -> None:
        if self._out:
            with contextlib.suppress(BlockingIOError):
                self._out = self._out[tunnel.send(self._out) :]

    def _from_laptop(self, tunnel: socket.socket) -> None:
        try:
            data = tunnel.recv(MOST_PACKETS * 1502)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the laptop has hung up")
        heard, at = self._heard + data, 0
        end = len(heard)
        while end - at >= 2:
            size = (heard[at] << 8) | heard[at + 1]
            if end - at - 2 < size:
                break
            with contextlib.suppress(OSError):  # a packet that the kernel does not take, or has no room for
                os.write(self._tun, heard[at + 2 : at + 2 + size])
            at += 2 + size
        self._heard = heard[at:]

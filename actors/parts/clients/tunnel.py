"""The tunnel between a shell's namespace and the laptop: IP packets over a byte stream, each behind its length.

shell    laptop
hello             ->        one line of JSON: {"address": "192.168.122.2"}, the one that it had before, or {}
         <-    welcome      one line: {"address", "prefix_length", "router", "dns_servers", "mtu"}, or {"error"}
packets          <->        two bytes of length each, and the packet
"""

import asyncio
import json
from typing import Any

from actors.parts.clients.guests import Guests, NoNetwork
from actors.wire.addresses import ip_bytes, ip_text
from actors.wire.malformed import Malformed

MAX_HELLO = 1024
MOST_WAITING_BYTES = 1 << 20
"""Of packets that the shell has not taken yet; more are dropped, as by a full queue (txqueuelen)."""


class Tunnel(asyncio.Protocol):
    """The laptop's end of one shell's tunnel."""

    def __init__(self, guests: Guests, dns_servers: Any) -> None:
        """`dns_servers()` gives those that the laptop uses."""
        self._guests, self._dns_servers = guests, dns_servers
        self._address: bytes | None = None
        self._buffer = b""
        self._transport: Any = None
        self._out: list[bytes] = []
        self.dropped = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._address is not None:
            self._guests.leave(self._address)
            self._address = None

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if self._address is None:
            line, newline, buffer = buffer.partition(b"\n")
            if not newline:
                self._buffer = line
                if len(line) > MAX_HELLO:
                    self._transport.abort()
                return
            if not self._welcome(line):
                return
        assert self._address is not None
        at, end, take, address = 0, len(buffer), self._guests.from_guest, self._address
        while end - at >= 2:
            size = (buffer[at] << 8) | buffer[at + 1]
            if end - at - 2 < size:
                break
            take(address, buffer[at + 2 : at + 2 + size])
            at += 2 + size
        self._buffer = buffer[at:]

    def _welcome(self, line: bytes) -> bool:
        try:
            wish = ip_bytes(json.loads(line)["address"])
        except (ValueError, KeyError, TypeError, Malformed):
            wish = None
        try:
            self._address = self._guests.join(self._deliver, wish)
        except NoNetwork as error:
            self._say(error=str(error))
            self._transport.close()
            return False
        network = self._guests.address
        self._say(
            address=ip_text(self._address),
            prefix_length=network.prefix.length,
            router=ip_text(network.address),
            dns_servers=[ip_text(server) for server in self._dns_servers()],
            mtu=self._guests.cable.mtu,
        )
        return True

    def _say(self, **fields: Any) -> None:
        self._transport.write(json.dumps(fields).encode() + b"\n")

    def _deliver(self, packet: bytes) -> None:
        """A packet for the shell; what comes in one turn of the loop goes out as one."""
        if self._transport.get_write_buffer_size() > MOST_WAITING_BYTES:
            self.dropped += 1
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out += (len(packet).to_bytes(2), packet)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if not self._transport.is_closing():
            self._transport.write(b"".join(out))

"""SOCKS version 5 as a server speaks it (RFC 1928): bytes in, what to answer and where to connect out.

How this works. `Greeting` is first: methods are offered, of which only "no authentication" is taken. Then comes one
request; CONNECT to an IPv4 address or a name leads to a `Wanted`, all else to a `Refused`, whose `answer` says why.
"""

from enum import IntEnum
from typing import NamedTuple

from actors.wire.addresses import ip_text

VERSION = 5
NO_AUTHENTICATION, NONE_ACCEPTABLE = 0x00, 0xFF
_CONNECT, _BIND, _UDP_ASSOCIATE = 1, 2, 3
_IPV4, _NAME, _IPV6 = 1, 3, 4
_COMMANDS = {_BIND: "BIND", _UDP_ASSOCIATE: "UDP ASSOCIATE"}

MOST_BYTES = 2 + 255 + 4 + 1 + 255 + 2
"""A greeting and a request are never longer together."""


class Reply(IntEnum):
    """The REP field (section 6)."""

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


class Wanted(NamedTuple):
    """A connection to this host (a name, or an IPv4 address) and port."""

    host: str
    port: int


class Refused(NamedTuple):
    """The client is answered so and the connection is closed; `why` is for people."""

    answer: bytes
    why: str


def reply(code: Reply, address: bytes = bytes(4), port: int = 0) -> bytes:
    """The answer to a request; address and port are those that the connection has on our side."""
    return bytes((VERSION, code, 0, _IPV4)) + address + port.to_bytes(2)


class SocksServer:
    """The server's side of one connection, until it knows what is wanted."""

    def __init__(self) -> None:
        self.buffer = b""
        """After a `Wanted`: what the client has sent behind its request, which is not ours any more."""
        self._greeted = False

    def feed(self, data: bytes) -> tuple[bytes, Wanted | Refused | None]:
        """What to answer now, and what came of it, if that is known yet."""
        self.buffer += data
        answer = b""
        if not self._greeted:
            outcome = self._greeting()
            if outcome is None or isinstance(outcome, Refused):
                return b"", outcome
            answer = outcome
        return answer, self._request()

    def _greeting(self) -> bytes | Refused | None:
        buffer = self.buffer
        if buffer[:1] != bytes((VERSION,)) and buffer:
            return Refused(b"", f"SOCKS version {buffer[0]}; this is version 5")
        if len(buffer) < 2 or len(buffer) < 2 + buffer[1]:
            return None
        methods, self.buffer = buffer[2 : 2 + buffer[1]], buffer[2 + buffer[1] :]
        if NO_AUTHENTICATION not in methods:
            return Refused(
                bytes((VERSION, NONE_ACCEPTABLE)), "wants to authenticate, which nobody has to here"
            )
        self._greeted = True
        return bytes((VERSION, NO_AUTHENTICATION))

    def _request(self) -> Wanted | Refused | None:
        buffer = self.buffer
        if len(buffer) < 5:
            return None
        version, command, _, kind, first = buffer[:5]
        if version != VERSION:
            return Refused(reply(Reply.GENERAL_FAILURE), f"a request of version {version}")
        size = {_IPV4: 4, _NAME: 1 + first, _IPV6: 16}.get(kind)
        if size is None:
            return Refused(reply(Reply.ADDRESS_TYPE_NOT_SUPPORTED), f"address type {kind} is not known")
        if len(buffer) < 6 + size:
            return None
        address, port = buffer[4 : 4 + size], int.from_bytes(buffer[4 + size : 6 + size])
        self.buffer = buffer[6 + size :]
        return _wanted(command, kind, address, port)


def _wanted(command: int, kind: int, address: bytes, port: int) -> Wanted | Refused:
    if command != _CONNECT:
        name = _COMMANDS.get(command, f"command {command}")
        return Refused(reply(Reply.COMMAND_NOT_SUPPORTED), f"{name} is not served, CONNECT is")
    if kind == _IPV6:
        why = "an IPv6 address, and this Internet has IPv4 only"
        return Refused(reply(Reply.ADDRESS_TYPE_NOT_SUPPORTED), why)
    if kind == _IPV4:
        return Wanted(ip_text(address), port)
    host = address[1:]
    if not host or not host.isascii() or not host.decode().isprintable():
        return Refused(reply(Reply.GENERAL_FAILURE), "a name that is none")
    return Wanted(host.decode(), port)

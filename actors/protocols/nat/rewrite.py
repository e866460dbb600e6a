"""What translation does to a frame's bytes. Checksums are adjusted by the difference (RFC 1624), never summed anew.

A TCP or UDP checksum of 0 is left to the card, and stays 0. Offsets are those of a frame without IP options:

    14 IPv4 header | 24 its checksum | 26 source, 30 destination | 34 ports | 40 UDP checksum | 50 TCP checksum
    ICMP echo: 34 type, code | 36 checksum | 38 identifier
"""

from typing import Any

from actors.protocols.connection_tracking import Connection
from actors.protocols.nat.ports import Mapping
from actors.wire import ipv4, udp
from actors.wire.addresses import ip_text
from actors.wire.checksum import adjust, word_sum


class Session:
    """One inside endpoint talking to one remote endpoint; `alive` until it is forgotten.

    `told` is its owner's to use: which journey knows of it."""

    __slots__ = (
        "alive",
        "connection",
        "hairpin",
        "mapping",
        "opened_ns",
        "outside",
        "remote",
        "remote_port",
        "told",
    )

    def __init__(
        self, mapping: Mapping, outside: bytes, remote: bytes, remote_port: int, connection: Connection
    ) -> None:
        self.mapping = mapping
        self.outside = outside
        self.remote = remote
        self.remote_port = remote_port
        self.connection = connection
        self.opened_ns = connection.seen_ns
        self.alive = True
        self.hairpin = remote == outside
        """Whether both ends are inside, and meet at the outside address."""
        self.told: dict[str, str] = {}

    def described(self) -> dict[str, Any]:
        """As plain values, for records and `inspect`; what follows an ICMP address is the echo's identifier."""
        mapping = self.mapping
        return {
            "protocol": ipv4.NAMES[mapping.protocol],
            "inside": f"{ip_text(mapping.inside)}:{mapping.port}",
            "outside": f"{ip_text(self.outside)}:{mapping.outside_port}",
            "remote": f"{ip_text(self.remote)}:{self.remote_port}",
        }


class Rewrite:
    """One direction of a TCP or UDP session: `apply(frame)` gives the translated frame."""

    __slots__ = (
        "_checksum_at",
        "_ends",
        "_header_difference",
        "_payload_difference",
        "_zero",
        "connection",
        "session",
    )

    def __init__(self, session: Session, old_ends: bytes, new_ends: bytes) -> None:
        self.session = session
        self.connection = session.connection
        self._ends = new_ends
        self._header_difference = word_sum(new_ends[:8]) - word_sum(old_ends[:8])
        self._payload_difference = word_sum(new_ends) - word_sum(old_ends)
        self._checksum_at = 40 if session.mapping.protocol == udp.PROTOCOL else 50
        self._zero = b"\xff\xff" if session.mapping.protocol == udp.PROTOCOL else b"\0\0"

    def apply(self, frame: bytes) -> bytes:
        header = (0xFFFF - (frame[24] << 8) - frame[25] + self._header_difference) % 0xFFFF
        header = 0xFFFF - header if header else 0
        at = self._checksum_at
        old = frame[at : at + 2]
        if old == b"\0\0":
            return frame[:24] + header.to_bytes(2) + self._ends + frame[38:]
        new = adjust(int.from_bytes(old), self._payload_difference).to_bytes(2)
        if new == b"\0\0":
            new = self._zero
        return frame[:24] + header.to_bytes(2) + self._ends + frame[38:at] + new + frame[at + 2 :]


class EchoRewrite:
    """One direction of an echo session. An ICMP checksum has no pseudo header, and is always real."""

    __slots__ = (
        "_addresses",
        "_header_difference",
        "_identifier",
        "_payload_difference",
        "connection",
        "session",
    )

    def __init__(self, session: Session, old_ends: bytes, new_ends: bytes) -> None:
        self.session = session
        self.connection = session.connection
        self._addresses = new_ends[:8]
        self._identifier = new_ends[8:10]
        self._header_difference = word_sum(new_ends[:8]) - word_sum(old_ends[:8])
        self._payload_difference = word_sum(new_ends[8:10]) - word_sum(old_ends[8:10])

    def apply(self, frame: bytes) -> bytes:
        header = adjust(int.from_bytes(frame[24:26]), self._header_difference).to_bytes(2)
        payload = adjust(int.from_bytes(frame[36:38]), self._payload_difference).to_bytes(2)
        parts = (frame[:24], header, self._addresses, frame[34:36], payload, self._identifier, frame[40:])
        return b"".join(parts)


class Ready:
    """An ICMP error about a packet of a session, translated already."""

    __slots__ = ("_frame", "session")

    def __init__(self, session: Session, frame: bytes) -> None:
        self.session = session
        self._frame = frame

    def apply(self, frame: bytes) -> bytes:
        return self._frame

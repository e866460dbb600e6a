"""What a connection asks of whoever holds it: a transport, or a test."""

from typing import Protocol

from actors.wire import tcp as wire


class ConnectionObserver(Protocol):
    """What a connection tells of itself; nothing depends on anybody listening."""

    def on_retransmit(self, what: str, size_bytes: int, why: str) -> None:
        """A segment (SYN, data, ...) is sent again, because of a "timeout", a "fast retransmit", ..."""

    def on_recovery(self, cause: str, in_flight_bytes: int, lost_bytes: int) -> None:
        """A loss was found, by what is told in `cause`; so much of what is in flight is thought to be lost."""

    def on_recovered(self, outcome: str) -> None:
        """All that was in flight then has arrived ("complete"), or nothing was lost after all ("undone")."""

    def on_probe(self, what: str, attempt: int) -> None:
        """The peer is asked for an answer: a "zero window", "tail loss" or "keepalive" probe."""

    def on_reset(self, direction: str, reason: str) -> None:
        """A RST was "sent" or "received"."""

    def on_protocol_error(self, reason: str) -> None:
        """The peer sent what this state does not allow; it was answered as the RFC demands."""


class ConnectionHost(Protocol):
    """What a connection needs of whoever holds it."""

    @property
    def observer(self) -> ConnectionObserver:
        """Who is told what happened."""

    def transmit(self, segment: bytes) -> None:
        """Send a TCP segment (checksum offloaded) to the peer."""

    def wake_at(self, when_ns: int) -> None:
        """Call `on_deadline` at that time; earlier wishes stand."""

    def admit(self) -> bool:
        """The handshake of a passively opened connection ends: may it? False as if its last ACK was lost."""

    def on_established(self) -> None:
        """The handshake is over."""

    def on_data(self, data: bytes) -> None:
        """The next bytes of the peer's stream; never empty."""

    def on_end(self) -> None:
        """The peer has ended its stream."""

    def on_room(self) -> None:
        """No more than `room_below_bytes` of what was written are still unsent."""

    def on_fin_sent(self) -> None:
        """All that was written, and the end of it, has been sent once."""

    def on_closed(self, error: OSError | None) -> None:
        """The connection is CLOSED, in order or for this reason. Comes once, and last."""

    def on_successor(self, segment: wire.Segment) -> None:
        """This SYN has ended the TIME_WAIT: it opens the next connection between the same ports."""

"""What has arrived while the application does not read: it waits here, and the window offered shrinks by it."""

from typing import TYPE_CHECKING

from actors.protocols.tcp.states import State

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection


class Unread:
    """The data in pieces, as it came, and whether the stream has ended behind it. True while some waits, or would."""

    __slots__ = ("ended", "freed_bytes", "paused", "pieces", "size_bytes")

    def __init__(self) -> None:
        self.paused = self.ended = False
        self.pieces: list[bytes] = []
        self.size_bytes = 0
        self.freed_bytes = 0
        """So much has been read since the peer was last told that its window has opened."""

    def __bool__(self) -> bool:
        return self.paused or self.size_bytes > 0

    def keep(self, payload: bytes) -> None:
        self.pieces.append(payload)
        self.size_bytes += len(payload)

    def take(self) -> bytes:
        """All of it, in one piece."""
        data = b"".join(self.pieces)
        self.pieces.clear()
        self.size_bytes = 0
        self.freed_bytes += len(data)
        return data


def hand_over(c: "Connection", now_ns: int) -> None:
    """The application reads again: it gets what was kept, and the peer hears when that opens the window well."""
    unread = c.unread
    unread.paused = False
    if unread.pieces:
        c.host.on_data(unread.take())
    if c.state is State.CLOSED:
        return
    if unread.ended and not unread.paused:
        unread.ended = False
        c.host.on_end()
    c.update_window()
    c.predict()
    # RFC 9293 section 3.8.6.2.2: no silly little steps
    if unread.freed_bytes >= min(c.receive_buffer_bytes // 2, c.ack_threshold_bytes):
        unread.freed_bytes = 0
        c.unacknowledged_bytes = c.ack_threshold_bytes
        c.flush(now_ns)

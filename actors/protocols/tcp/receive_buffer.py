"""Receive buffers that grow with what the path can bring (Linux's tcp_moderate_rcvbuf, "dynamic right-sizing").

A sender can have no more under way than the window that we offer: 128 KiB in each round trip. So when half of the
buffer has come in less than a round trip, and the application has taken it, the buffer is what holds the sender back,
or soon will be, and is doubled. It ends between two and four times what the path carries in a round trip.

This is looked at when an acknowledgment is sent, so the expected segment pays nothing for it.
"""

from typing import TYPE_CHECKING

from actors.protocols.tcp.sequence import MASK

if TYPE_CHECKING:
    from actors.protocols.tcp.connection import Connection


def adjust(c: "Connection", now_ns: int) -> None:
    """Half of the buffer has come since the last look: was it quick, and is it read?"""
    quick = now_ns - c.measured_from_ns <= c.round_trip.srtt_ns
    if quick and c.rcv_shift and not c.unread and c.settings.moderate_receive_buffer:
        c.receive_buffer_bytes = max(
            min(2 * c.receive_buffer_bytes, c.settings.maximum_receive_buffer_bytes), c.receive_buffer_bytes
        )
        c.update_window()
    begin(c, now_ns)


def begin(c: "Connection", now_ns: int) -> None:
    """Measure from here."""
    c.measured_from_ns = now_ns
    c.measured_to = (c.rcv_nxt + c.receive_buffer_bytes // 2) & MASK

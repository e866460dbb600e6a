"""What was written and is not acknowledged yet."""


class SendBuffer:
    """`data[0]` has the sequence number `snd_una` (the one after our SYN while that is unacknowledged).

    A bytearray: CPython drops its front in constant time, and a retransmission may cut it into other pieces than
    the first time. `data` is for the connection's fast path; everybody else asks for pieces."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = bytearray()

    def __len__(self) -> int:
        return len(self.data)

    def piece(self, offset: int, size: int) -> bytearray:
        """`size` bytes that begin `offset` after the first unacknowledged one."""
        return self.data[offset : offset + size]

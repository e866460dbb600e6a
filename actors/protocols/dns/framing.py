"""DNS messages on a TCP connection: each has its length before it, as two bytes (RFC 7766 section 8)."""


def framed(message: bytes) -> bytes:
    """A message of at most 65,535 bytes with its length before it, to be written at once."""
    return len(message).to_bytes(2) + message


class MessageReader:
    """Takes bytes as they come and gives whole messages."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete."""
        buffer, messages, at = self._buffer + data, [], 0
        while (end := at + 2 + int.from_bytes(buffer[at : at + 2])) <= len(buffer) and at + 2 <= len(buffer):
            messages.append(buffer[at + 2 : end])
            at = end
        self._buffer = buffer[at:]
        return messages

    @property
    def inside(self) -> bool:
        """Whether a message has begun, and not ended."""
        return bool(self._buffer)

"""A host's way to one destination, with the headers that go there ready made."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.element import JOURNEY

if TYPE_CHECKING:
    from actors.stack.sending import Sender

_MAX_HEADS = 512


class Path:
    """Where packets from a source (None: whichever suits) to a destination go. `send` is all that one needs.

    How this works. Packets of one length on one path begin with the same 34 bytes: Ethernet and IP headers, with
    don't-fragment set and therefore an identification of 0 (RFC 6864 section 4.1). They are kept by payload length,
    so that sending is a lookup and a concatenation. When routes, neighbours or addresses change the IP layer empties
    them all, and the next packet is routed anew. A path stays good for ever; hold it as long as you like."""

    __slots__ = (
        "__weakref__", "_heads", "_sender", "_transmit", "destination", "interface", "protocol", "source", "told",
        "ttl",
    )  # fmt: skip

    def __init__(
        self,
        sender: "Sender",
        source: bytes | None,
        destination: bytes,
        protocol: int,
        ttl: int,
        interface: str | None,
    ) -> None:
        self.source = source
        self.destination = destination
        self.protocol = protocol
        self.ttl = ttl
        self.interface = interface
        self.told: str | None = None
        """The journey in whose records the route already stands."""
        self._sender = sender
        self._heads: dict[int, bytes] = {}
        self._transmit: Callable[[bytes], Any] = _nowhere

    def send(self, payload: bytes) -> None:
        """Send a packet with this payload. Never raises: what cannot be delivered is reported to its protocol."""
        head = self._heads.get(len(payload))
        if head is None or JOURNEY.get() not in (None, self.told):
            self._sender.send(self, payload)
        else:
            self._transmit(head + payload)

    def remember(self, transmit: Callable[[bytes], Any], head: bytes, payload_bytes: int) -> None:
        if len(self._heads) >= _MAX_HEADS:
            self._heads.clear()
        self._transmit = transmit
        self._heads[payload_bytes] = head

    def forget(self) -> None:
        self._heads.clear()


def _nowhere(frame: bytes) -> None:
    raise AssertionError("a path without heads has nowhere to send to")

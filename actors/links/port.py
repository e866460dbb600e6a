"""An element's end of a link: stamps what is sent with its time and its journey, and hands it to a carrier."""

from collections.abc import Callable
from typing import Protocol

from actors.element import JOURNEY
from actors.links.impairments import Impairments, Lost

Tap = Callable[[str, str, int, bytes, str | None], None]
"""Sees `(link, sending element, departure in ns, frame, journey)` of every frame that is put on the wire."""

ETHERNET_HEADER = 14


class Carrier(Protocol):
    """Moves a frame to the other end of the link."""

    def carry(self, port: "LinkPort", arrive_ns: int, journey: str | None, frame: bytes) -> bool:
        """Take the frame; False when it could not be taken (nobody there, or the queue is full)."""
        ...


class Witness(Protocol):
    """Writes down what happens to the frames of a recorded journey, and tells the time."""

    def now_ns(self) -> int: ...

    def saw_frame(
        self, port: "LinkPort", depart_ns: int, arrive_ns: int, queued_ns: int, frame: bytes
    ) -> None: ...

    def saw_drop(self, port: "LinkPort", depart_ns: int, reason: str, frame: bytes) -> None: ...


class LinkPort:
    """The sending half of a link's end. Counters are plain numbers that the runtime collects."""

    __slots__ = (
        "_carrier", "_now_ns", "_witness", "drops", "element", "impairments", "link", "mtu", "name", "octets",
        "packets", "peer", "peer_port", "tap", "up",
    )  # fmt: skip

    def __init__(
        self,
        element: str,
        name: str,
        link: str,
        peer: tuple[str, str],
        mtu: int,
        impairments: Impairments,
        carrier: Carrier,
        witness: Witness,
    ) -> None:
        self.element, self.name, self.link, self.mtu = element, name, link, mtu
        self.peer, self.peer_port = peer
        self.impairments = impairments
        self.up = True
        self.tap: Tap | None = None
        self.packets = self.octets = 0
        self.drops: dict[str, int] = {}
        self._carrier, self._witness = carrier, witness
        self._now_ns = witness.now_ns

    def send(self, frame: bytes, after_ns: int = 0) -> None:
        """Put a frame on the wire `after_ns` from now (the model time that the element spends on it)."""
        depart_ns = self._now_ns() + after_ns
        journey = JOURNEY.get()
        if len(frame) > self.mtu + ETHERNET_HEADER:
            self._drop(depart_ns, "mtu", frame)
            return
        if not self.up:
            self._drop(depart_ns, "no_carrier", frame)
            return
        queued_ns = self.impairments.queued_ns(depart_ns) if journey is not None else 0
        try:
            arrive_ns = self.impairments.arrival_ns(depart_ns, len(frame))
        except Lost as lost:
            self._drop(depart_ns, lost.args[0], frame)
            return
        if self.tap is not None:
            self.tap(self.link, self.element, depart_ns, frame, journey)
        if not self._carrier.carry(self, arrive_ns, journey, frame):
            self._drop(depart_ns, "no_carrier", frame)
            return
        self.packets += 1
        self.octets += len(frame)
        if journey is not None:
            self._witness.saw_frame(self, depart_ns, arrive_ns, queued_ns, frame)

    def _drop(self, depart_ns: int, reason: str, frame: bytes) -> None:
        self.drops[reason] = self.drops.get(reason, 0) + 1
        if JOURNEY.get() is not None:
            self._witness.saw_drop(self, depart_ns, reason, frame)

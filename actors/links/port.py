"""An element's end of a link: stamps what is sent with its time and its journey, and hands it to a carrier."""

from collections.abc import Callable
from typing import Protocol

from actors.element import JOURNEY
from actors.links.impairments import Impairments, LinkConfig, Lost
from actors.wire.baggage import mark_of

Tap = Callable[[str, str, int, bytes, str | None], None]
"""Sees `(link, sending element, departure in ns, frame, journey)` of every frame that is put on the wire."""

ETHERNET_HEADER = 14

MOST_TOLD = 500
"""Frames of one journey that are told of at one end of a link: a story of 700 kB. What follows goes its way untold,
lest a long download fill the journal and slow down what it tells of."""
MOST_JOURNEYS = 1000
"""Whose frames are counted at a time."""


Way = Callable[[int, str | None, bytes], None]
"""Takes `(arrival in ns, journey, frame)` to the other end; raises `Lost` when nobody is there to take it."""


class Carrier(Protocol):
    """Moves frames to the other ends of links."""

    def way(self, port: "LinkPort") -> Way:
        """The way from this port to the other end of its link."""
        ...


class Witness(Protocol):
    """Writes down what happens to the frames of a recorded journey, and tells the time."""

    frame_ns: int
    """The time while a frame is handled, else 0: a shortcut for the most frequent question that `now_ns` answers."""
    came_by: str
    """The link that the frame came by that is handled now, while somebody wants to know; else empty."""

    def now_ns(self) -> int: ...

    def saw_frame(
        self, port: "LinkPort", depart_ns: int, arrive_ns: int, queued_ns: int, frame: bytes
    ) -> None: ...

    def saw_drop(self, port: "LinkPort", depart_ns: int, reason: str, frame: bytes) -> None: ...


class LinkPort:
    """The sending half of a link's end. Counters are plain numbers that the runtime collects."""

    __slots__ = (
        "_longest", "_now_ns", "_special", "_tap", "_told", "_up", "_way", "_witness", "drops", "element",
        "impairments", "inhabited", "link", "mtu", "name", "octets", "packets", "peer", "peer_port", "spent_ns",
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
        self._up = True
        self.inhabited = True
        """Whether there is somebody at the other end."""
        self._tap: Tap | None = None
        self._special = False
        self.packets = self.octets = self.spent_ns = 0
        self.drops: dict[str, int] = {}
        self._witness = witness
        self._now_ns = witness.now_ns
        self._longest = mtu + ETHERNET_HEADER
        self._way = carrier.way(self)
        self._told: dict[str, int] = {}

    @property
    def config(self) -> LinkConfig:
        """The link as it is when nothing is wrong with it."""
        return self.impairments.config

    @property
    def up(self) -> bool:
        """Whether the link has a carrier: there is somebody at the other end, and the cable is not out."""
        return self._up

    @up.setter
    def up(self, up: bool) -> None:
        self._up = up
        self.look()

    def look(self) -> None:
        """See anew which frames need a closer look than most; to be called when the weather has changed."""
        self._special = not self._up or self._tap is not None or bool(self.impairments.parts_from)

    @property
    def tap(self) -> Tap | None:
        """Who looks at the frames that are sent here, if anybody does."""
        return self._tap

    @tap.setter
    def tap(self, tap: Tap | None) -> None:
        self._tap = tap
        self.look()

    def send(self, frame: bytes, after_ns: int = 0) -> None:
        """Put a frame on the wire `after_ns` from now (the model time that the element spends on it)."""
        depart_ns = self._witness.frame_ns or self._now_ns()
        if after_ns:
            depart_ns += after_ns
            self.spent_ns += after_ns
        octets = len(frame)
        if self._special or octets > self._longest or JOURNEY.get() is not None:
            self._send_watched(depart_ns, frame)
            return
        weather = self.impairments
        try:
            if weather.plain:
                self._way(depart_ns + weather.delay_ns, None, frame)
            else:
                self._way(weather.arrival_ns(depart_ns, octets), None, frame)
                if weather.duplicate:
                    self._send_again(depart_ns, frame)
        except Lost as lost:
            self._drop(depart_ns, lost.args[0], frame)
        else:
            self.packets += 1
            self.octets += octets

    def _send_watched(self, depart_ns: int, frame: bytes) -> None:
        """As `send`, for a frame that somebody looks at, or that cannot go."""
        journey = self._journey_told()
        queued_ns = self.impairments.queued_ns(depart_ns)
        try:
            if not self.up:
                raise Lost("no_carrier")
            if self._witness.came_by in self.impairments.parts_from:
                raise Lost("partition")
            if len(frame) > self._longest:
                raise Lost("mtu")
            arrive_ns = self.impairments.arrival_ns(depart_ns, len(frame))
            if self.tap is not None:
                self.tap(self.link, self.element, depart_ns, frame, journey)
            self._way(arrive_ns, None if journey is None else mark_of(journey), frame)
            if self.impairments.duplicate:
                self._send_again(depart_ns, frame)
        except Lost as lost:
            self._drop(depart_ns, lost.args[0], frame)
            return
        self.packets += 1
        self.octets += len(frame)
        if journey is not None:
            self._witness.saw_frame(self, depart_ns, arrive_ns, queued_ns, frame)

    def _journey_told(self) -> str | None:
        """The journey that this frame is told of; None once so many of its frames have gone by here."""
        journey = JOURNEY.get()
        if journey is None:
            return None
        count = self._told.get(journey, 0) + 1
        if count > MOST_TOLD:
            return None
        if count == 1 and len(self._told) >= MOST_JOURNEYS:
            self._told.clear()
        self._told[journey] = count
        return journey

    def _send_again(self, depart_ns: int, frame: bytes) -> None:
        """Perhaps a copy, on its own way right behind. It has no part in the story of the first."""
        if not self.impairments.doubles():
            return
        try:
            self._way(self.impairments.arrival_ns(depart_ns, len(frame)), None, frame)
        except Lost as lost:
            self.drops[lost.args[0]] = self.drops.get(lost.args[0], 0) + 1
            return
        self.packets += 1
        self.octets += len(frame)

    def _drop(self, depart_ns: int, reason: str, frame: bytes) -> None:
        self.drops[reason] = self.drops.get(reason, 0) + 1
        if JOURNEY.get() is not None:
            self._witness.saw_drop(self, depart_ns, reason, frame)

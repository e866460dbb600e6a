"""Connections that guests open, as journeys: which of a guest's packets belong to one, and when it is over.

A guest's TCP is its kernel's own, and what it carries is mostly TLS: a journey begins with the SYN and ends with both
FINs or a reset. Marks go out with the guest's packets; the answers' marks come by themselves, for whoever answers does
so under the mark of what it was asked.
"""

from actors.element import Context
from actors.parts.clients.journey_ids import JourneyIds
from actors.wire import ethernet, tcp
from actors.wire.addresses import ip_text

_IP = ethernet.HEADER_BYTES
_PROTOCOL, _SOURCE, _DESTINATION = _IP + 9, _IP + 12, _IP + 16
MOST_FLOWS = 256
MOST_MARKED = 400
"""Packets of a guest that go out under a connection's mark: what follows of a long upload, or of the acknowledgements
of a long download, goes untold."""


class Flow:
    """A guest's TCP connection that is being recorded."""

    __slots__ = ("came_bytes", "established_ns", "fins", "journey", "marked", "since_ns", "where")

    def __init__(self, journey: str, since_ns: int, where: str) -> None:
        self.journey, self.since_ns, self.where = journey, since_ns, where
        self.established_ns: int | None = None
        self.fins: set[str] = set()
        self.came_bytes = self.marked = 0


class GuestJourneys:
    """Of one laptop's guests."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ids = JourneyIds(context)
        self._flows: dict[bytes, Flow] = {}

    def outward(self, frame: bytes) -> str | None:
        """A guest's packet goes out: the journey that it belongs to."""
        segment = _segment(frame)
        if segment is None:
            return None
        ports, flags, _ = segment
        key = frame[_SOURCE : _DESTINATION + 4] + ports
        if flags & (tcp.SYN | tcp.ACK) == tcp.SYN and key not in self._flows:
            self._begin(key, frame)
        flow = self._flows.get(key)
        if flow is None:
            return None
        flow.marked += 1
        self._follow(key, flow, flags, "out")
        return flow.journey if flow.marked <= MOST_MARKED else None

    def inward(self, frame: bytes) -> None:
        """A packet comes for a guest."""
        segment = _segment(frame) if self._flows else None
        if segment is None:
            return
        ports, flags, size = segment
        source, destination = frame[_SOURCE:_DESTINATION], frame[_DESTINATION : _DESTINATION + 4]
        key = destination + source + ports[2:] + ports[:2]
        flow = self._flows.get(key)
        if flow is None:
            return
        if flow.established_ns is None and flags & tcp.SYN:
            flow.established_ns = self._context.now_ns()
        flow.came_bytes += size
        self._follow(key, flow, flags, "in")

    def forget(self, guest: bytes) -> None:
        """A guest has gone, and what it had open is cut off, unless it had said all that it had to say."""
        for key in [key for key in self._flows if key[:4] == guest]:
            flow = self._flows.pop(key)
            self._end(flow) if flow.fins else self._fail(flow, "the shell was left")

    def _begin(self, key: bytes, frame: bytes) -> None:
        journey = self._ids.journey()
        if journey is None:
            return
        if len(self._flows) >= MOST_FLOWS:
            self._fail(self._flows.pop(next(iter(self._flows))), "too many connections are open to follow it")
        where = f"{ip_text(frame[_DESTINATION : _DESTINATION + 4])}:{int.from_bytes(key[10:12])}"
        self._flows[key] = Flow(journey, self._context.now_ns(), where)
        self._context.record("journey.start", journey=journey, url=where, method="CONNECT", via="shell")

    def _follow(self, key: bytes, flow: Flow, flags: int, way: str) -> None:
        if flags & tcp.FIN:
            flow.fins.add(way)
        if flags & tcp.RST and flow.established_ns is None:
            self._fail(self._flows.pop(key), f"{flow.where}: connection refused")
        elif flags & tcp.RST or len(flow.fins) == 2:
            self._end(self._flows.pop(key))

    def _end(self, flow: Flow) -> None:
        now_ns = self._context.now_ns()
        established_ns = now_ns if flow.established_ns is None else flow.established_ns
        self._context.record(
            "journey.end",
            journey=flow.journey,
            via="shell",
            total_ms=(now_ns - flow.since_ns) / 1e6,
            phases={
                "tcp": (established_ns - flow.since_ns) / 1e6,
                "download": (now_ns - established_ns) / 1e6,
            },
            body_bytes=flow.came_bytes,
        )

    def _fail(self, flow: Flow, why: str) -> None:
        phase = "tcp" if flow.established_ns is None else "download"
        self._context.record("journey.failed", journey=flow.journey, error=why, phase=phase)


def _segment(frame: bytes) -> tuple[bytes, int, int] | None:
    """Of a frame with a whole TCP segment: both ports, its flags, and how much it carries."""
    if len(frame) < _IP + 40 or frame[_PROTOCOL] != tcp.PROTOCOL or frame[_IP + 6] & 0x3F or frame[_IP + 7]:
        return None
    at = _IP + (frame[_IP] & 0x0F) * 4
    if len(frame) < at + 20:
        return None
    size = int.from_bytes(frame[_IP + 2 : _IP + 4]) + _IP - at - (frame[at + 12] >> 4) * 4
    return frame[at : at + 4], frame[at + 13], max(size, 0)

"""Two engines and a link with weather, quick enough for megabytes: nothing is decoded or printed on the way."""

import heapq
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from actors.protocols.tcp import DEFAULTS, Connection, State, TcpSettings
from actors.units import MILLISECOND, SECOND


class Weather(NamedTuple):
    """What happens to each segment, in either direction; shares and milliseconds."""

    loss: float = 0.0
    twice: float = 0.0
    rtt_ms: float = 40
    jitter_ms: float = 0
    cut_after: int | None = None
    """From so many segments on nothing arrives any more."""


class Peer:
    """One end, which counts what it is told and keeps what it receives."""

    def __init__(self, link: "Link", name: str, iss: int, settings: TcpSettings) -> None:
        self.link = link
        self.observer = self
        self.connection = Connection(self, name.encode() * 4, iss, 1460, settings)
        self.received = bytearray()
        self.told: Counter[str] = Counter()
        self.error: OSError | None = None
        self.ended = False

    def transmit(self, segment: bytes) -> None:
        self.link.carry(self, segment)

    def wake_at(self, when_ns: int) -> None:
        self.link.push(when_ns, self._wake, when_ns)

    def _wake(self, when_ns: int) -> None:
        if when_ns == self.connection.wake_at_ns:
            self.connection.on_deadline(self.link.now_ns)

    def admit(self) -> bool:
        return True

    def on_data(self, data: bytes) -> None:
        self.received += data

    def on_end(self) -> None:
        self.ended = True

    def on_closed(self, error: OSError | None) -> None:
        self.error = error

    def on_retransmit(self, what: str, size_bytes: int, why: str) -> None:
        self.told[f"sent again by {why}"] += 1

    def on_recovery(self, cause: str, in_flight_bytes: int, lost_bytes: int) -> None:
        self.told[f"recovery by {cause}"] += 1

    def on_recovered(self, outcome: str) -> None:
        self.told[outcome] += 1

    def on_probe(self, what: str, attempt: int) -> None:
        self.told[f"{what} probe"] += 1

    def on_successor(self, segment: object) -> None: ...

    def _nothing(self, *_: object) -> None: ...

    on_established = on_room = on_fin_sent = on_reset = on_protocol_error = _nothing


class Link:
    """A client and a server, and all that is under way between them."""

    def __init__(
        self, weather: Weather, seed: int, settings: TcpSettings = DEFAULTS, other: TcpSettings | None = None
    ) -> None:
        self.weather = weather
        self.now_ns = self.segments = self._pushed = 0
        self._dice = Random(seed)
        self._queue: list[tuple[int, int, Callable[..., None], Any]] = []
        self.client = Peer(self, "c", self._dice.getrandbits(32), settings)
        self.server = Peer(self, "s", self._dice.getrandbits(32), other or settings)

    def push(self, when_ns: int, callback: Callable[..., None], argument: Any) -> None:
        self._pushed += 1
        heapq.heappush(self._queue, (when_ns, self._pushed, callback, argument))

    def carry(self, sender: Peer, segment: bytes) -> None:
        loss, twice, rtt_ms, jitter_ms, cut_after = self.weather
        self.segments += 1
        if cut_after is not None and self.segments > cut_after:
            return
        receiver = self.server if sender is self.client else self.client
        deliver = receiver_of(receiver)
        for _ in range(1 + (self._dice.random() < twice)):
            if self._dice.random() >= loss:
                delay_ms = rtt_ms / 2 + self._dice.uniform(-jitter_ms, jitter_ms)
                self.push(self.now_ns + round(max(delay_ms, 0.01) * MILLISECOND), deliver, segment)

    def open(self) -> "Link":
        self.server.connection.listen()
        self.client.connection.connect(0)
        return self

    def run_until(self, done: Callable[[], bool], limit_s: float) -> None:
        """Let time pass until that is so, or nothing is left to happen; an assertion that it takes no longer."""
        while self._queue and not done():
            self.now_ns, _, callback, argument = heapq.heappop(self._queue)
            callback(argument)
            assert self.now_ns < limit_s * SECOND, f"not done after {limit_s} s"


def receiver_of(peer: Peer) -> Callable[[bytes], None]:
    def deliver(segment: bytes) -> None:
        if peer.connection.state is not State.CLOSED:
            peer.connection.on_segment(segment, peer.link.now_ns)

    return deliver


def download_s(link: Link, size: int) -> float:
    """Send that many bytes from the client to the server; the seconds that it took."""
    link.open()
    link.client.connection.send(bytes(size), 0)
    link.run_until(lambda: len(link.server.received) >= size, 3600)
    return link.now_ns / SECOND

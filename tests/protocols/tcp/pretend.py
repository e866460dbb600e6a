"""A pretend wire with a clock of its own between two engines, and constructors for connections in any state.

Every segment is printed when it is sent, so that a failing test comes with its story."""

import heapq
from collections.abc import Callable

from actors.protocols.tcp import DEFAULTS, NEVER, Connection, State, TcpSettings
from actors.protocols.tcp.sequence import MASK
from actors.units import MILLISECOND
from actors.wire import tcp as wire
from actors.wire.tcp import Segment

CLIENT_PORT, SERVER_PORT = 40000, 80
DELAY_NS = 5 * MILLISECOND

Fate = Callable[[str, Segment], list[int]]
"""For (sender, segment): after which extra delays it arrives. [] drops it, [0] is normal, [0, 0] doubles it."""


def arrives(sender: str, segment: Segment) -> list[int]:
    return [0]


class End:
    """One end's host: writes down all that its connection tells."""

    def __init__(
        self, world: "Wire", name: str, ports: tuple[int, int], iss: int, mss: int, settings: TcpSettings
    ) -> None:
        self.world, self.name = world, name
        packed = ports[0].to_bytes(2) + ports[1].to_bytes(2)
        self.observer = self
        self.connection = Connection(self, packed, iss, mss, settings)
        self.sent: list[Segment] = []
        self.received = bytearray()
        self.pieces: list[bytes] = []
        self.told: list[str] = []
        self.error: OSError | None = None
        self.admits = True
        self.successor: Segment | None = None

    @property
    def state(self) -> State:
        return self.connection.state

    # what the connection asks for

    def transmit(self, segment: bytes) -> None:
        decoded = wire.decode(segment)
        self.sent.append(decoded)
        self.world.carry(self, decoded, segment)

    def wake_at(self, when_ns: int) -> None:
        self.world.push(when_ns, self._wake, when_ns)

    def _wake(self, when_ns: int) -> None:
        if when_ns == self.connection.wake_at_ns:
            self.connection.on_deadline(self.world.now_ns)

    def admit(self) -> bool:
        return self.admits

    def on_established(self) -> None:
        self.told.append("established")

    def on_data(self, data: bytes) -> None:
        assert data
        self.received += data
        self.pieces.append(data)

    def on_end(self) -> None:
        self.told.append("end")

    def on_room(self) -> None:
        self.told.append("room")

    def on_fin_sent(self) -> None:
        self.told.append("fin sent")

    def on_closed(self, error: OSError | None) -> None:
        assert "closed" not in self.told
        self.told.append("closed")
        self.error = error

    def on_retransmit(self, what: str, size_bytes: int, why: str) -> None:
        self.told.append(f"retransmit {what}")

    def on_recovery(self, cause: str, in_flight_bytes: int, lost_bytes: int) -> None:
        self.told.append(f"recovery by {cause}")

    def on_recovered(self, outcome: str) -> None:
        self.told.append(f"recovery {outcome}")

    def on_probe(self, what: str, attempt: int) -> None:
        self.told.append(f"{what} probe {attempt}")

    def on_reset(self, direction: str, reason: str) -> None:
        self.told.append(f"reset {direction}")

    def on_protocol_error(self, reason: str) -> None:
        self.told.append("protocol error")

    def on_successor(self, segment: Segment) -> None:
        self.successor = segment

    # verbs with the time filled in

    def send(self, data: bytes) -> None:
        self.connection.send(data, self.world.now_ns)

    def close(self) -> None:
        self.connection.close(self.world.now_ns)

    def shut_writing(self) -> None:
        self.connection.shut_writing(self.world.now_ns)

    def pause(self) -> None:
        self.connection.pause_reading()

    def resume(self) -> None:
        self.connection.resume_reading(self.world.now_ns)

    def abort(self) -> None:
        self.connection.abort()

    # making up segments that this end's peer never sent

    def hears(self, flags: int, payload: bytes = b"", **changes: object) -> None:
        """A segment from the peer as it would be now, with only the interesting fields changed."""
        connection = self.connection
        template = Segment(
            int.from_bytes(connection.ports[2:]),
            int.from_bytes(connection.ports[:2]),
            connection.rcv_nxt,
            connection.snd_nxt if flags & wire.ACK else 0,
            flags,
            window=500,
            payload=payload,
        )
        segment = template._replace(**changes)  # type: ignore[arg-type]
        segment = segment._replace(sequence=segment.sequence & MASK)
        print(f"{self.world.now_ns / 1e6:10.3f} ms  (made up) > {self.name:6} {describe(segment)}")
        connection.on_segment(wire.encode(segment, b"", b""), self.world.now_ns)


class Wire:
    """A client and a server, `DELAY_NS` apart; `fate` decides about each segment."""

    def __init__(
        self,
        fate: Fate = arrives,
        *,
        settings: TcpSettings = DEFAULTS,
        server_settings: TcpSettings | None = None,
        client_iss: int = 1000,
        server_iss: int = 0xFFFFFF00,  # so that every longer conversation passes through zero
        client_mss: int = 1460,
        server_mss: int = 1460,
    ) -> None:
        self.now_ns = 0
        self.fate = fate
        self._queue: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._pushed = 0
        self.client = End(self, "client", (CLIENT_PORT, SERVER_PORT), client_iss, client_mss, settings)
        self.server = End(
            self, "server", (SERVER_PORT, CLIENT_PORT), server_iss, server_mss, server_settings or settings
        )

    def push(self, when_ns: int, callback: Callable[..., None], *arguments: object) -> None:
        self._pushed += 1
        heapq.heappush(self._queue, (when_ns, self._pushed, callback, arguments))

    def carry(self, sender: End, segment: Segment, data: bytes) -> None:
        receiver = self.server if sender is self.client else self.client
        delays = self.fate(sender.name, segment)
        mark = {0: " LOST", 1: ""}.get(len(delays), " TWICE") + (" LATE" if any(delays) else "")
        print(f"{self.now_ns / 1e6:10.3f} ms  {sender.name:6} > {receiver.name:6} {describe(segment)}{mark}")
        for delay_ns in delays:
            self.push(self.now_ns + DELAY_NS + delay_ns, self._deliver, receiver, data)

    def _deliver(self, receiver: End, data: bytes) -> None:
        if receiver.state is not State.CLOSED:
            receiver.connection.on_segment(data, self.now_ns)

    def run(self, duration_ns: int = NEVER) -> None:
        """Let time pass: that long, or until nothing is left to happen."""
        until_ns = self.now_ns + duration_ns
        steps = 0
        while self._queue and self._queue[0][0] <= until_ns:
            self.now_ns, _, callback, arguments = heapq.heappop(self._queue)
            callback(*arguments)
            steps += 1
            assert steps < 100_000, "the two ends never fall silent"
        if duration_ns != NEVER:
            self.now_ns = until_ns

    def open(self) -> "Wire":
        """The handshake, up to the moment at which both ends are ESTABLISHED and nothing is under way."""
        self.server.connection.listen()
        self.client.connection.connect(self.now_ns)
        self.run(10 * DELAY_NS)
        return self


def describe(segment: Segment) -> str:
    text = f"[{wire.flags_text(segment.flags)}] seq {segment.sequence} ack {segment.acknowledgment}"
    return f"{text} win {segment.window} len {len(segment.payload)}"


def pure_acks(end: End) -> list[Segment]:
    return [segment for segment in end.sent if segment.flags == wire.ACK and not segment.payload]


def flags(segment: Segment) -> str:
    return wire.flags_text(segment.flags)


# ---- a connection in each state; its peer is the made-up kind -------------------------------------------------


def established(**wire_fields: object) -> Wire:
    world = Wire(**wire_fields).open()  # type: ignore[arg-type]
    assert world.client.state is world.server.state is State.ESTABLISHED
    return world


def in_state(state: State) -> End:
    """A client (in LISTEN and SYN_RECEIVED a server) in this state, whose segments all get lost from now on."""
    world = Wire() if state in _BEFORE else established()
    end = world.client
    end.world.fate = lambda sender, segment: []
    _WAYS[state](end)
    end.told.clear()
    end.sent.clear()
    assert end.state is state
    return end


def _fin_wait_1(end: End) -> None:
    end.shut_writing()


def _fin_wait_2(end: End) -> None:
    end.shut_writing()
    end.hears(wire.ACK)


def _closing(end: End) -> None:
    end.shut_writing()
    end.hears(wire.FIN | wire.ACK, acknowledgment=end.connection.snd_una)


def _time_wait(end: End) -> None:
    _fin_wait_2(end)
    end.hears(wire.FIN | wire.ACK)


def _close_wait(end: End) -> None:
    end.hears(wire.FIN | wire.ACK)


def _last_ack(end: End) -> None:
    _close_wait(end)
    end.shut_writing()


def _syn_received(end: End) -> None:
    end.connection.listen()
    end.hears(wire.SYN, sequence=7000)


_BEFORE = (State.CLOSED, State.LISTEN, State.SYN_SENT, State.SYN_RECEIVED)
_WAYS: dict[State, Callable[[End], None]] = {
    State.CLOSED: lambda end: None,
    State.LISTEN: lambda end: end.connection.listen(),
    State.SYN_SENT: lambda end: end.connection.connect(0),
    State.SYN_RECEIVED: _syn_received,
    State.ESTABLISHED: lambda end: None,
    State.FIN_WAIT_1: _fin_wait_1,
    State.FIN_WAIT_2: _fin_wait_2,
    State.CLOSE_WAIT: _close_wait,
    State.CLOSING: _closing,
    State.LAST_ACK: _last_ack,
    State.TIME_WAIT: _time_wait,
}
